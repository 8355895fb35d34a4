"""What is looked at and then written, at the same moment: names that look alike, and limits that count rows."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.utils import timezone

from chat import own_data, people, tickets
from chat.acting import act, fresh_key, nobody
from chat.models import AllowedOrigin, Invitation, Membership, Profile, Room, Ticket
from chat.rooms.changes import SetRole
from chat.rooms.opening import Wanted, open_room
from chat.rooms.permissions import Role
from chat.throttle import Throttle
from chat.wire.codes import WireError
from chat.wire.events import Person
from chat.wire.skeletons import skeleton
from tests.stores import Store, store  # noqa: F401  (a fixture)
from tests.test_forms_once import PASSWORD, USERS, send
from tests.together import at_once

MANY = 8
EACH = 4


@pytest.fixture
def empty(store: Store, settings: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Store]:  # noqa: F811
    settings.PASSWORD_HASHERS = ["tests.hashing.Fast"]
    monkeypatch.setattr("chat.throttle.sign_ups", Throttle(1000))
    with connection.cursor() as cursor:
        for table in ("chat_allowedorigin", *USERS):
            cursor.execute(f"DELETE FROM {table}")
        cursor.execute("DELETE FROM chat_room WHERE slug NOT IN ('lobby', 'crowd')")
    people.begin(User.objects.create_superuser("root"), "Root")
    yield store


# Names

Call = Callable[[], bool]


def sign_up(username: str, name: str = "") -> Call:
    """Return a sign-up; it tells whether it made an account of this very name."""

    def call() -> bool:
        data = {"username": username, "name": name, "password1": PASSWORD, "password2": PASSWORD}
        answer = send(Client(raise_request_exception=False), "/accounts/sign-up/", {k: [v] for k, v in data.items()})
        assert answer.status in (200, 302), answer.text[:500]
        assert answer.status == 302 or "errorlist" in answer.text
        return answer.status == 302

    return call


def rename(username: str, name: str) -> Call:
    user = User.objects.create(username=username)
    people.begin(user, f"{username} of old")
    profile = Profile.objects.get(user=user)

    def call() -> bool:
        client = Client(raise_request_exception=False)
        client.force_login(user)
        data = {"name": name, "colour": str(profile.colour), "time_zone": "", "language": ""}
        answer = send(client, "/accounts/profile/", {k: [v] for k, v in data.items()})
        assert answer.status in (200, 302), answer.text[:500]
        return answer.status == 302

    return call


def from_provider(username: str, name: str) -> Call:
    """Return what single sign-on does: it takes the name, or one with a number behind."""

    def call() -> bool:
        user = User.objects.create(username=username)
        return people.begin(user, name).name == name

    return call


def added(username: str) -> Call:
    """Return what the admin does when somebody is added there."""

    def call() -> bool:
        client = Client(raise_request_exception=False)
        client.force_login(User.objects.get(username="root"))
        data = {"username": username, "usable_password": "true", "password1": PASSWORD, "password2": PASSWORD}
        answer = send(client, "/admin/auth/user/add/", {k: [v] for k, v in data.items()})
        assert answer.status in (200, 302), answer.text[:500]
        return answer.status == 302

    return call


ALIKE: dict[str, Callable[[], tuple[Call, Call]]] = {
    "names": lambda: (sign_up("grace1", "Bill"), sign_up("grace2", "BiII")),
    "names in Cyrillic": lambda: (sign_up("grace1", "Ada"), sign_up("grace2", "Аdа")),
    "usernames in another case": lambda: (sign_up("grace"), sign_up("GRACE")),
    "usernames in another case, with other names": lambda: (sign_up("grace", "One"), sign_up("Grace", "Two")),
    "usernames in Cyrillic": lambda: (sign_up("ace"), sign_up("асе")),
    "the very same username": lambda: (sign_up("grace", "One"), sign_up("grace", "Two")),
    "a username and a name": lambda: (sign_up("bill"), sign_up("grace", "Bi11")),
    "a sign-up and a new name": lambda: (sign_up("grace", "Bill"), rename("old", "BiII")),
    "two new names": lambda: (rename("old", "Bill"), rename("older", "BiII")),
    "a sign-up and single sign-on": lambda: (sign_up("grace", "Bill"), from_provider("sso", "BiII")),
    "a sign-up and the admin": lambda: (sign_up("grace", "One"), added("Grace")),
    "twice in the admin": lambda: (added("grace"), added("GRACE")),
}


@pytest.mark.parametrize("name", ALIKE)
def test_of_two_who_want_names_that_look_alike_at_once_one_gets_it(empty: Store, name: str) -> None:
    assert sorted(at_once(*ALIKE[name]())) == [False, True]
    named = list(Profile.objects.values_list("name", flat=True))
    assert len({skeleton(it) for it in named}) == len(named)


# Limits

Limit = tuple[list[Callable[[], Any]], Callable[[], int]]


def ada() -> User:
    user = User.objects.create(username="ada")
    people.begin(user, "Ada")
    return user


def told(call: Callable[[], Any]) -> Callable[[], bool]:
    """Return a call that tells whether it was let do what it does."""

    def run() -> bool:
        try:
            call()
        except (WireError, tickets.TooMany, own_data.OnlyAdministrator):
            return False
        return True

    return run


def rooms(monkeypatch: pytest.MonkeyPatch) -> Limit:
    monkeypatch.setattr("chat.rooms.membership.MAX_OWNED", EACH)
    user = ada()
    calls = [lambda n=n: open_room(user.pk, Wanted(slug=f"own-{n}", title="Own")) for n in range(MANY)]
    return calls, Membership.objects.filter(user=user, role="owner").count


def handed_over(monkeypatch: pytest.MonkeyPatch) -> Limit:
    """Half are made, half are handed over: each in a room of its own, which is locked."""
    calls, count = rooms(monkeypatch)
    user, other = User.objects.get(username="ada"), User.objects.get(username="root")
    for n in range(0, MANY, 2):
        room = Room.objects.create(slug=f"given-{n}", title="Given")
        Membership.objects.create(room=room, user=other, role="owner")
        person = Person(f"user:{other.pk}", "Root", "user")
        change = {"room": room.slug, "author": person, "done": nobody, "user": user.pk, "role": Role.OWNER}
        calls[n] = lambda change=change: act(SetRole(key=fresh_key(), **change))
    return calls, count


def invitations(monkeypatch: pytest.MonkeyPatch) -> Limit:
    monkeypatch.setattr("chat.pages.invitations.MAX_INVITATIONS", EACH)
    user = ada()
    open_room(user.pk, Wanted(slug="tea", title="Tea"))

    def call() -> None:
        client = Client()
        client.force_login(user)
        answer = client.post("/rooms/tea/invitations/", {"hours": "24", "uses": "1"})
        assert answer.status_code in (200, 409)
        if answer.status_code == 409:
            raise tickets.TooMany

    return [call] * MANY, Invitation.objects.count


def waiting(monkeypatch: pytest.MonkeyPatch) -> Limit:
    monkeypatch.setattr("chat.tickets.MAX_WAITING", EACH)
    user = ada()
    return [lambda: tickets.issue(user.pk, "session", "")] * MANY, Ticket.objects.count


def origins(monkeypatch: pytest.MonkeyPatch) -> Limit:
    monkeypatch.setattr("chat.models.origin.MAX_ORIGINS", EACH)
    root = User.objects.get(username="root")

    def call(number: int) -> None:
        client = Client()
        client.force_login(root)
        data = {"pattern": f"https://n{number}.example.com", "note": "", "enabled": "on"}
        answer = client.post("/admin/chat/allowedorigin/add/", data)
        if answer.status_code != 302:
            assert "At most" in answer.content.decode()
            raise tickets.TooMany

    return [lambda n=n: call(n) for n in range(MANY)], AllowedOrigin.objects.count


def uses(monkeypatch: pytest.MonkeyPatch) -> Limit:
    """An invitation lets so many in, however many come at once."""
    open_room(ada().pk, Wanted(slug="tea", title="Tea", kind="members", guests=False))
    room, until = Room.objects.get(slug="tea"), timezone.now() + timedelta(days=1)
    owner = User.objects.get(username="ada")
    Invitation.objects.create(room=room, digest="digest", created_by=owner, expires_at=until, uses=EACH)

    def call(user: User) -> None:
        person = Person(f"user:{user.pk}", user.username, "user")
        change = {"author": person, "done": nobody, "user": user.pk, "role": Role.MEMBER, "invitation": "digest"}
        act(SetRole(room="tea", key=fresh_key(), **change))

    others = [User.objects.create(username=f"guest-of-{n}") for n in range(MANY)]
    return [lambda user=user: call(user) for user in others], lambda: Membership.objects.filter(room=room).count() - 1


LIMITS = [rooms, handed_over, invitations, waiting, origins, uses]


@pytest.mark.parametrize("limit", LIMITS)
def test_of_many_at_once_no_more_than_the_limit_are_let(
    empty: Store, monkeypatch: pytest.MonkeyPatch, limit: Callable[[pytest.MonkeyPatch], Limit]
) -> None:
    calls, count = limit(monkeypatch)
    results = at_once(*map(told, calls))
    assert [it for it in results if not isinstance(it, bool)] == []
    assert (sum(results), count()) == (EACH, EACH)


def test_of_all_administrators_who_go_at_once_one_stays(empty: Store, settings: Any) -> None:
    ada()
    going = [User.objects.get(username="root"), *(User.objects.create_superuser(f"super-{n}") for n in range(3))]
    results = at_once(
        *(told(lambda it=it: own_data.erase(it, settings.TURN, lambda *told: None, keep=True)) for it in going)
    )
    assert sorted(results) == [False, True, True, True]
    assert User.objects.filter(is_superuser=True, is_active=True).count() == 1
