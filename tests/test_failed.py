"""Which failed requests are answered by 503 in words, and which stay the server's fault."""

from __future__ import annotations

import json
import sqlite3
from typing import Any

import psycopg
import pytest
from django.conf import settings
from django.contrib.sessions.backends.db import SessionStore
from django.db import DataError, IntegrityError, InterfaceError, OperationalError, ProgrammingError
from django.test import Client

from chat.busy import Busy
from chat.database import is_outage
from chat.pages import failed, mine


def sqlite(code: int, text: str = "") -> OperationalError:
    cause = sqlite3.OperationalError(text)
    cause.sqlite_errorcode = code
    error = OperationalError(text)
    error.__cause__ = cause
    return error


def postgres(state: str | None) -> OperationalError:
    cause = psycopg.errors.lookup(state)() if state else psycopg.OperationalError("too many clients already")
    error = OperationalError(str(cause))
    error.__cause__ = cause
    return error


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (postgres("53300"), True),  # too many clients
        (postgres(None), True),  # a connection that was not made
        (postgres("53100"), True),  # the disk is full
        (postgres("57P01"), True),  # the administrator ends connections
        (postgres("57P03"), True),  # it starts up
        (postgres("08006"), True),
        (postgres("40P01"), True),  # a deadlock
        (postgres("55P03"), True),  # a lock is not available
        (postgres("25006"), True),  # a standby
        (postgres("57014"), True),  # a statement took too long
        (sqlite(sqlite3.SQLITE_BUSY), True),
        (sqlite(517), True),  # SQLITE_BUSY_SNAPSHOT
        (sqlite(sqlite3.SQLITE_LOCKED), True),
        (sqlite(sqlite3.SQLITE_READONLY), True),
        (sqlite(sqlite3.SQLITE_FULL), True),
        (sqlite(sqlite3.SQLITE_IOERR), True),
        (sqlite(sqlite3.SQLITE_CANTOPEN), True),
        (InterfaceError("connection already closed"), True),
        (IntegrityError(), False),
        (DataError(), False),
        (ProgrammingError(), False),
        (ValueError(), False),
        (None, False),
    ],
    ids=str,
)
def test_what_comes_from_too_much_to_do_is_told_from_faults(error: BaseException | None, told: bool) -> None:
    assert is_outage(error) is told


@pytest.fixture
def client() -> Client:
    """A browser that is shown what a server answers to a failed request."""
    return Client(raise_request_exception=False)


@pytest.fixture(autouse=True)
def quiet(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(failed, "complaint", failed.Complaint())


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("language", "said"),
    [("en", "not available right now"), ("zh-CN", "本站暂时无法使用"), ("pl", "not available right now")],
)
def test_a_view_without_its_database_answers_503_in_words(
    client: Client, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, language: str, said: str
) -> None:
    def locked(*_: Any) -> None:
        raise sqlite(sqlite3.SQLITE_BUSY, "database is locked")

    monkeypatch.setattr("chat.views.visit", locked)
    answers = [client.get("/rooms/lobby", headers={"accept-language": language}) for _ in range(3)]
    for answer in answers:
        assert answer.status_code == 503 and said in answer.content.decode()
        assert answer["Retry-After"] == "10" and "no-store" in answer["Cache-Control"]
        assert answer["Content-Language"] == ("zh-hans" if language == "zh-CN" else "en")
    assert [record.getMessage() for record in caplog.records] == [
        "requests are answered with 503, 1 so far: database is locked"
    ]


@pytest.mark.django_db
def test_so_does_a_request_that_fails_outside_a_view(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    def lost(*_: Any) -> None:
        raise postgres("57P01")

    client.cookies[settings.SESSION_COOKIE_NAME] = "a" * 32
    monkeypatch.setattr("chat.accounts.language.speak", lost)
    answer = client.get("/rooms/lobby")
    assert answer.status_code == 503 and "Retry-After" in answer


@pytest.mark.django_db
@pytest.mark.parametrize("path", ["/api/v1/tokens", "/api/v1/tickets"])
def test_the_api_answers_503_in_json(client: Client, monkeypatch: pytest.MonkeyPatch, path: str) -> None:
    def full(*_: Any) -> None:
        raise postgres("53300")

    client.cookies[settings.SESSION_COOKIE_NAME] = "a" * 32
    monkeypatch.setattr(SessionStore, "load", full)
    origin = {"origin": "http://testserver"}
    answer = client.post(path, "{}", content_type="application/json", headers=origin)
    assert (answer.status_code, json.loads(answer.content)["error"]["code"]) == (503, "unavailable")
    assert "Retry-After" in answer


@pytest.mark.django_db
def test_too_many_passwords_at_once_are_503_too(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: Any, **__: Any) -> None:
        raise Busy

    monkeypatch.setattr("django.contrib.auth.models.User.check_password", full)
    monkeypatch.setattr("django.contrib.auth.models.User.set_password", full)
    for path in ("/accounts/sign-in/", "/admin/login/"):
        answer = client.post(path, {"username": "ada", "password": "x"}, headers={"accept-language": "zh-CN"})
        assert answer.status_code == 503 and "服务器繁忙" in answer.content.decode()
        assert 3 <= int(answer["Retry-After"]) <= 8


@pytest.mark.django_db
def test_a_fault_of_a_statement_stays_500(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    def wrong(*_: Any) -> None:
        raise ProgrammingError("no such operator")

    monkeypatch.setattr("chat.views.entries_of", wrong)
    assert mine.entries_of is not wrong
    answer = client.get("/rooms/lobby")
    assert answer.status_code == 500 and "Something went wrong here" in answer.content.decode()
