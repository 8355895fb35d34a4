"""Sessions by user: found by an index, and known to servers of the version before and after alike."""

from __future__ import annotations

import importlib
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from django.apps import apps
from django.conf import settings
from django.contrib.auth.models import User
from django.contrib.sessions.backends import db
from django.contrib.sessions.models import Session
from django.core.management import call_command
from django.db import connection
from django.test import Client
from django.utils import timezone

from chat import session_store
from chat.models import UserSession
from chat.session_store import SessionStore, sessions_of

pytestmark = pytest.mark.django_db
migration = importlib.import_module("chat.migrations.0011_carry_sessions_over")


@pytest.fixture
def ada() -> User:
    return User.objects.create_user("ada")


@pytest.fixture
def decoded(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return the sessions that are looked into."""
    seen: list[str] = []
    decode = UserSession.get_decoded

    def counted(session: UserSession) -> Any:
        seen.append(session.session_key)
        return decode(session)

    monkeypatch.setattr(UserSession, "get_decoded", counted)
    return seen


def before(user: object, **more: object) -> str:
    """Write a session as a server of the version before does; return its key."""
    store = db.SessionStore()
    store.update({**({} if user is None else {"_auth_user_id": str(user)}), "x": 1, **more})
    store.save(must_create=True)
    return str(store.session_key)


def users() -> dict[str, int | None]:
    return dict(UserSession.objects.values_list("session_key", "user"))


def test_whose_a_session_is_stands_in_its_row_and_nothing_is_looked_into(ada: User, decoded: list[str]) -> None:
    clients = [Client() for _ in range(3)]
    for client in clients[:2]:
        client.force_login(ada)
    others = [User.objects.create_user(f"other {number}") for number in range(20)]
    for other in others:
        clients[2].force_login(other)
        clients[2].cookies.clear()
    assert {it.session_key for it in sessions_of(ada.pk)} == {
        client.cookies[settings.SESSION_COOKIE_NAME].value for client in clients[:2]
    }
    assert UserSession.objects.count() == 22 and decoded == []


def test_a_session_is_found_by_the_index(ada: User) -> None:
    for found in (UserSession.objects.filter(user=ada.pk), UserSession.objects.filter(user=None)):
        plan = found.explain()
        assert "chat_session_user" in plan and "SCAN" not in plan, plan
    assert connection.vendor == "sqlite", "PostgreSQL's planner reads a table of a few rows whole"


def test_signing_in_and_out_moves_the_row_on(ada: User) -> None:
    client = Client()
    client.force_login(ada)
    assert set(users().values()) == {ada.pk}
    bob = User.objects.create_user("bob")
    client.force_login(bob)
    assert set(users().values()) == {bob.pk}
    client.logout()
    assert users() == {}


async def test_the_asynchronous_ways_write_it_too(transactional_db: None) -> None:
    store = SessionStore()
    store["_auth_user_id"] = "7"
    await store.asave(must_create=True)
    assert (await UserSession.objects.aget()).user == 7


OTHERS = {"of nobody": None, "of another user": 999, "no number": "ada", "an empty name": "", "a sign": "-1"}


@pytest.mark.parametrize("case", OTHERS)
def test_sessions_of_a_server_of_the_version_before_are_looked_into_once(
    ada: User, decoded: list[str], case: str
) -> None:
    other = OTHERS[case]
    mine = before(ada.pk)
    theirs = before(other)
    assert users() == {mine: None, theirs: None}
    assert [it.session_key for it in sessions_of(ada.pk)] == [mine]
    assert sorted(decoded) == sorted([mine, theirs])
    decoded.clear()
    assert [it.session_key for it in sessions_of(ada.pk)] == [mine]
    assert decoded == [] and users() == {mine: ada.pk, theirs: other if other == 999 else 0}


def test_many_unknown_ones_are_written_down_in_pieces(ada: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session_store, "PIECE", 2)
    keys = [before(ada.pk) for _ in range(5)]
    assert {it.session_key for it in sessions_of(ada.pk)} == set(keys)


def test_what_cannot_be_read_with_this_key_is_nobodys_for_good_never(ada: User) -> None:
    key = before(ada.pk)
    Session.objects.filter(session_key=key).update(session_data="of:another:key")
    assert list(sessions_of(ada.pk)) == [] and users() == {key: None}


def test_a_server_of_the_version_before_reads_and_renews_what_this_one_wrote(ada: User) -> None:
    store = SessionStore()
    store.update({"_auth_user_id": str(ada.pk)})
    store.save(must_create=True)
    old = db.SessionStore(store.session_key)
    assert old["_auth_user_id"] == str(ada.pk)
    old["more"] = 1
    old.save()
    assert users() == {store.session_key: ada.pk}
    assert SessionStore(store.session_key)["more"] == 1
    assert SessionStore(before(ada.pk))["_auth_user_id"] == str(ada.pk)


def test_sessions_that_ran_out_are_cleared_and_the_others_stay(ada: User) -> None:
    kept, gone = before(ada.pk), before(ada.pk)
    UserSession.objects.filter(session_key=gone).update(expire_date=timezone.now() - timedelta(seconds=1))
    assert {it.session_key for it in sessions_of(ada.pk)} == {kept, gone}
    call_command("clearsessions")
    assert [it.session_key for it in sessions_of(ada.pk)] == [kept]


def test_the_migration_carries_over_what_it_can_read(ada: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(migration, "PIECE", 2)
    mine = [before(ada.pk) for _ in range(3)]
    nobodys, broken = before(None), before(ada.pk)
    Session.objects.filter(session_key=broken).update(session_data="nothing")
    migration.carry_over(apps, SimpleNamespace(connection=connection))
    assert users() == {**dict.fromkeys(mine, ada.pk), nobodys: 0, broken: None}
    assert SessionStore(mine[0])["_auth_user_id"] == str(ada.pk)
