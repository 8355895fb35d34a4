"""Endings: whatever ends a session is noted for every process, after it is committed, and nothing else is."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Group, User
from django.contrib.sessions.models import Session
from django.core.management import call_command
from django.db import transaction
from django.test import Client
from django.utils import timezone

from chat import people
from chat.models import Invalidation
from tests import gone

pytestmark = pytest.mark.django_db(transaction=True)

Change = Callable[[User, Client], Any]


@pytest.fixture(autouse=True)
def quick_passwords(settings: Any) -> None:
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


def deactivate(user: User, browser: Client) -> None:
    user.is_active = False
    user.save()


def another_password(user: User, browser: Client) -> None:
    user.set_password("another long and good one")
    user.save()


def moderators() -> Group:
    return Group.objects.get_or_create(name="Site moderators")[0]


ENDS: dict[str, Change] = {
    "signing out": lambda user, browser: browser.post("/accounts/sign-out/"),
    "another password": another_password,
    "another password, that alone": lambda user, browser: user.save(update_fields=["password"]),
    "a closed account": deactivate,
    "a deleted account": lambda user, browser: gone.delete(pk=user.pk),
    "accounts deleted in bulk": lambda user, browser: gone.delete(),
    "a deleted session": lambda user, browser: Session.objects.get().delete(),
    "sessions deleted in bulk": lambda user, browser: Session.objects.all().delete(),
    "a group": lambda user, browser: user.groups.add(moderators()),
    "a group's new user": lambda user, browser: moderators().user_set.add(user),
}


@pytest.fixture
def ada() -> User:
    user = User.objects.create_user("ada", password="a long and good one")
    people.person_of_user(user)
    Invalidation.objects.all().delete()  # Of the name, which is new.
    return user


@pytest.fixture
def browser(ada: User) -> Client:
    client = Client()
    client.force_login(ada)
    Invalidation.objects.all().delete()
    return client


@pytest.mark.parametrize("change", ENDS.values(), ids=ENDS)
def test_what_ends_a_session_or_takes_a_right_is_noted(change: Change, ada: User, browser: Client) -> None:
    pk = ada.pk
    change(ada, browser)
    assert {row.user for row in Invalidation.objects.all()} == {pk}


LEAVINGS: dict[str, Change] = {
    "a group left": lambda user, browser: user.groups.remove(moderators()),
    "all groups left": lambda user, browser: user.groups.clear(),
    "a group that lets one go": lambda user, browser: moderators().user_set.remove(user),
    "a group that lets all go": lambda user, browser: moderators().user_set.clear(),
    "a deleted group": lambda user, browser: moderators().delete(),
    "groups deleted in bulk": lambda user, browser: Group.objects.all().delete(),
}


@pytest.mark.parametrize("change", LEAVINGS.values(), ids=LEAVINGS)
def test_who_is_no_more_in_a_group_is_noted(change: Change, ada: User, browser: Client) -> None:
    ada.groups.add(moderators())
    Invalidation.objects.all().delete()
    change(ada, browser)
    assert {row.user for row in Invalidation.objects.all()} == {ada.pk}


def ran_out(user: User, browser: Client) -> None:
    Session.objects.update(expire_date=timezone.now() - timedelta(seconds=1))
    call_command("clearsessions")


NOTHING: dict[str, Change] = {
    "signing in": lambda user, browser: Client().force_login(user),
    "a page": lambda user, browser: browser.get("/"),
    "a new account": lambda user, browser: User.objects.create_user("grace"),
    "a session that ran out": ran_out,
    "a stranger's sign-out": lambda user, browser: Client().post("/accounts/sign-out/"),
}


@pytest.mark.parametrize("change", NOTHING.values(), ids=NOTHING)
def test_what_ends_nothing_is_not_noted(change: Change, ada: User, browser: Client) -> None:
    change(ada, browser)
    assert not Invalidation.objects.exists()


def test_it_is_noted_after_the_change_is_committed_and_not_where_it_is_undone(ada: User, browser: Client) -> None:
    with transaction.atomic():
        deactivate(ada, browser)
        assert not Invalidation.objects.exists()
    assert Invalidation.objects.exists()
    Invalidation.objects.all().delete()
    with transaction.atomic():
        deactivate(ada, browser)
        transaction.set_rollback(True)
    assert not Invalidation.objects.exists()


def test_a_session_whose_data_is_no_session_is_deleted_all_the_same(browser: Client) -> None:
    Session.objects.update(session_data="no session")
    Session.objects.all().delete()
    assert not Session.objects.exists()
