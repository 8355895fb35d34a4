"""Who somebody is, by the session cookie of the handshake."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.conf import settings
from django.contrib.auth.models import User
from django.contrib.sessions.models import Session
from django.db import OperationalError
from django.test import Client
from django.utils import timezone

from chat import auth
from chat.database import Unavailable
from chat.origins import SCOPE_KEY, Visit
from chat.wire.events import Person
from chat.wire.names import MAX_NAME_CHARACTERS
from chat.wire.origins import parse

OWN = Visit(parse("http://chat.example"), own=True)
LISTED = Visit(parse("https://a.example"), own=False)
PROGRAM = Visit(None, own=True)


class FakeSessions:
    """Persons by session key in place of `chat.database.Database`; can fail."""

    def __init__(self, **persons: Person) -> None:
        self.persons = persons
        self.asked: list[str] = []
        self.error: Exception | None = None

    async def __call__(self, call: Any, key: str) -> Person | None:
        assert call is auth.read
        self.asked.append(key)
        if self.error is not None:
            raise self.error
        return self.persons.get(key)


def scope(*cookies: str, visit: Visit | None = OWN) -> dict[str, Any]:
    made: dict[str, Any] = {"type": "websocket", "headers": [(b"cookie", cookie.encode()) for cookie in cookies]}
    return made if visit is None else {**made, SCOPE_KEY: visit}


ADA = Person("user:1", "ada", "user")


@pytest.mark.parametrize(
    ("cookies", "visit", "person"),
    [
        (("sessionid=adassession",), OWN, ADA),
        (("sessionid=adassession",), LISTED, ADA),
        (("theme=dark; sessionid=adassession; x=y",), OWN, ADA),
        (("theme=dark", "sessionid=adassession"), OWN, ADA),
        (("sessionid=forgedsession",), OWN, None),
        (("csrftoken=adassession",), OWN, None),
    ],
)
async def test_a_browsers_session_says_who_somebody_is(
    cookies: tuple[str, ...], visit: Visit, person: Person | None
) -> None:
    assert await auth.person_of(scope(*cookies, visit=visit), FakeSessions(adassession=ADA)) == person  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "came",
    [
        scope("sessionid=adassession", visit=PROGRAM),
        scope("sessionid=adassession", visit=None),
        scope(),
        scope("sessionid="),
        scope("sessionid"),
        scope("; ;=;"),
        scope("sessionid=short"),
        scope("sessionid=ADASSESSION"),
        scope(r'sessionid="\000adassession"'),
        scope("xsessionid=adassession"),
        scope('a="' + "\\" * 14_000 + '"'),
    ],
    ids=[
        *(
            "no origin",
            "past the gate",
            "no cookie",
            "empty",
            "no value",
            "odd",
            "short",
            "upper case",
            "NUL",
            "another name",
        ),
        "backslashes",
    ],
)
async def test_a_cookie_that_no_browser_sent_with_an_origin_is_not_even_looked_up(came: dict[str, Any]) -> None:
    sessions = FakeSessions(adassession=ADA)
    assert await auth.person_of(came, sessions) is None  # type: ignore[arg-type]
    assert sessions.asked == []


async def test_a_database_that_does_not_answer_makes_nobody_a_guest() -> None:
    sessions = FakeSessions(adassession=ADA)
    for sessions.error in (OperationalError("gone"), TimeoutError()):
        with pytest.raises(Unavailable):
            await auth.person_of(scope("sessionid=adassession"), sessions)  # type: ignore[arg-type]


@pytest.fixture
def ada(db: None) -> User:
    return User.objects.create_user("ada")


def signed_in(user: User) -> str:
    """Return the key of a new session."""
    client = Client()
    client.force_login(user)
    return str(client.cookies[settings.SESSION_COOKIE_NAME].value)


def test_a_session_is_its_users_person(ada: User, django_assert_num_queries: object) -> None:
    key = signed_in(ada)
    with django_assert_num_queries(2):  # type: ignore[operator]
        assert auth.read(key) == Person(f"user:{ada.pk}", "ada", "user")


@pytest.mark.parametrize(
    "key", ["forged-key-that-is-long-enough", "x", "../../etc", "\u00ff" * 40, "a" * 8000, "' OR 1=1"]
)
def test_a_forged_key_is_nobodys(ada: User, key: str) -> None:
    signed_in(ada)
    assert auth.read(key) is None


def test_a_session_of_nobody_is_a_guests(db: None) -> None:
    client = Client()
    session = client.session
    session["theme"] = "dark"
    session.save()
    assert auth.read(str(session.session_key)) is None


def test_an_expired_session_is_a_guests(ada: User) -> None:
    key = signed_in(ada)
    Session.objects.update(expire_date=timezone.now() - timedelta(seconds=1))
    assert auth.read(key) is None


def test_who_signed_out_is_a_guest(ada: User) -> None:
    client = Client()
    client.force_login(ada)
    key = str(client.cookies[settings.SESSION_COOKIE_NAME].value)
    client.logout()
    assert auth.read(key) is None


def test_an_account_that_is_closed_or_gone_is_a_guests(ada: User) -> None:
    key = signed_in(ada)
    User.objects.update(is_active=False)
    assert auth.read(key) is None
    User.objects.update(is_active=True)
    assert auth.read(key) is not None
    ada.delete()
    assert auth.read(key) is None


def test_a_changed_password_ends_the_sessions_before_it(ada: User) -> None:
    key = signed_in(ada)
    ada.set_password("another long and good one")
    ada.save()
    assert auth.read(key) is None


def test_a_session_whose_data_was_tampered_with_is_a_guests(ada: User) -> None:
    key = signed_in(ada)
    Session.objects.update(session_data="eyJfYXV0aF91c2VyX2lkIjoiMSJ9:forged:signature")
    assert auth.read(key) is None


@pytest.mark.parametrize(
    ("username", "name"),
    [
        ("ada", "ada"),
        ("ada@example.com", "ada@example.com"),
        ("Ünï", "Ünï"),
        ("a" * 150, "a" * MAX_NAME_CHARACTERS),
        ("Server", "user-7"),
        ("Server admin", "user-7"),
        ("sErVeR broadcast:", "user-7"),
        ("ＳＥＲＶＥＲ", "user-7"),
        ("Ѕеrver", "user-7"),
        ("serverless", "serverless"),
        ("ad\u200ba", "user-7"),
        ("\u202eada", "user-7"),
        ("ad\na", "user-7"),
        ("\u3164", "user-7"),
        ("   ", "user-7"),
    ],
)
def test_a_user_name_is_shown_unless_no_guest_could_be_called_so(username: str, name: str) -> None:
    assert auth.shown(username, 7) == name
