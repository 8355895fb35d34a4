"""Readiness: what is told, and how it heals."""

from __future__ import annotations

import errno
from pathlib import Path
from typing import Any

import pytest
from django.db import InterfaceError, OperationalError, ProgrammingError, connection
from django.test import RequestFactory

from chat import schema
from chat.database import is_outage
from chat.pages.failed import failed
from chat.readiness import Readiness
from chat.rooms.writer import is_down
from chat.schema import Schema
from chat.write_errors import write_error
from chatsite.turns import Turns
from tests.test_write_errors import wrapped

LACK = Schema(("chat.0008_later", "axes.0011_more"))


@pytest.fixture
def readiness(monkeypatch: pytest.MonkeyPatch) -> Readiness:
    made = Readiness(answering)  # type: ignore[arg-type]
    made.learn(Schema())
    return made


async def answering(call: Any) -> Any:
    return call()


def disk_full() -> Exception:
    cause = OperationalError("database or disk is full")
    cause.sqlite_errorcode = 13  # type: ignore[attr-defined]
    return wrapped(OperationalError, cause)


def test_a_write_error_lasts_until_a_write_passes(readiness: Readiness, caplog: pytest.LogCaptureFixture) -> None:
    for _ in range(3):
        readiness.failed(disk_full())
    assert readiness.problems == ["the database cannot be written: the disk is full"]
    readiness.failed(OperationalError("database is locked"))
    readiness.failed(TimeoutError())
    assert readiness.problems == ["the database cannot be written: the disk is full"]
    readiness.wrote()
    readiness.wrote()
    assert readiness.problems == []
    assert caplog.messages == [
        "not ready: the database cannot be written: the disk is full (database or disk is full)",
        "ready again: the database can be written",
    ]


def test_a_lock_or_a_time_out_is_no_reason(readiness: Readiness, caplog: pytest.LogCaptureFixture) -> None:
    for error in (OperationalError("database is locked"), TimeoutError(), InterfaceError("connection already closed")):
        readiness.failed(error)
    assert readiness.problems == [] and caplog.messages == []


async def test_missing_migrations_are_read_again_until_they_are_there_and_said_once(
    readiness: Readiness, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    answers = [LACK, LACK, Schema(), LACK]
    monkeypatch.setattr(schema, "read", lambda: answers.pop(0))
    readiness.schema = None
    for _ in range(2):
        await readiness.look()
        assert readiness.problems == [f"{LACK.lack}"]
    await readiness.look()
    await readiness.look()
    assert readiness.problems == [] and len(answers) == 1, "what is whole is not read again"
    readiness.doubt()
    await readiness.look()
    assert readiness.problems, "a database that failed may have been restored from an older backup"
    line = "not ready: migrations are not applied (chat.0008_later, axes.0011_more): run manage.py migrate"
    assert caplog.messages == [line, "the migrations are applied now", line]


def test_a_newer_database_is_said_and_is_ready(readiness: Readiness, caplog: pytest.LogCaptureFixture) -> None:
    readiness.learn(Schema((), ("chat.0099_later",)))
    assert readiness.problems == []
    assert caplog.messages == [
        "the database is newer than this version of the code, which does not know chat.0099_later"
    ]


def rows(*statements: str) -> None:
    with connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("statement", "state", "missing"),
    [
        ("SELECT 1", "applied", 0),
        ("DELETE FROM django_migrations WHERE app = 'chat' AND name = '0003_origins_topic_processes'", "missing", 1),
        ("DELETE FROM django_migrations WHERE app = 'sessions'", "missing", 1),
        ("INSERT INTO django_migrations (app, name, applied) VALUES ('chat', '9_x', '2026-01-01')", "newer", 0),
        ("INSERT INTO django_migrations (app, name, applied) VALUES ('chat', '0001_old', '2026-01-01')", "applied", 0),
        ("INSERT INTO django_migrations (app, name, applied) VALUES ('gone', '9_x', '2026-01-01')", "applied", 0),
        ("DROP TABLE django_migrations", "missing", 30),
    ],
)
def test_the_schema_is_compared_with_the_code(statement: str, state: str, missing: int) -> None:
    rows(statement)
    found = schema.read()
    assert found.state == state
    assert len(found.missing) == missing or missing == 30 < len(found.missing)
    assert bool(found.lack) is bool(missing)


def test_of_many_names_a_few_are_said() -> None:
    assert schema.named([str(number) for number in range(7)]) == "0, 1, 2, 3, 4, and 2 more"


# The page


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (OperationalError("no such table: chat_room"), 503),
        (disk_full(), 503),
        (InterfaceError("connection already closed"), 503),
        (ProgrammingError("syntax error"), 500),
        (ValueError("ours"), 500),
    ],
)
def test_a_request_that_the_database_fails_is_503_in_words_and_any_other_500(error: Exception, status: int) -> None:
    try:
        raise error
    except Exception:
        page = failed(RequestFactory().get("/rooms/lobby"))
        api = failed(RequestFactory().get("/api/v1/tokens"))
    assert (page.status_code, api.status_code) == (status, status)
    assert ("not available right now" in page.content.decode()) is (status == 503)
    if status == 503:
        assert page["Retry-After"] == api["Retry-After"] == "10"
        assert b'"unavailable"' in api.content


def test_a_lock_file_that_cannot_be_opened_is_found_without_waiting_for_it(tmp_path: Path) -> None:
    turns = Turns(tmp_path / "made.sqlite3")
    with turns():
        turns.check()
    (tmp_path / "made.sqlite3.turn").unlink()
    (tmp_path / "made.sqlite3.turn").mkdir()
    with pytest.raises(OperationalError, match="Is a directory") as raised:
        turns.check()
    assert write_error(raised.value)


def test_whoever_writes_without_a_turn_is_told_as_of_a_database_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "made.sqlite3.turn").mkdir()
    with pytest.raises(OperationalError) as raised, Turns(tmp_path / "made.sqlite3")():
        raise AssertionError("no turn was taken")
    assert is_outage(raised.value) and is_down(raised.value)
    try:
        raise raised.value
    except OperationalError:
        assert failed(RequestFactory().post("/accounts/sign-up/")).status_code == 503


def test_a_file_system_without_locks_is_an_outage_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def flock(file: Any, how: int) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr("chatsite.turns.fcntl.flock", flock)
    with pytest.raises(OperationalError, match="No locks") as raised, Turns(tmp_path / "made.sqlite3")():
        raise AssertionError("no turn was taken")
    assert is_outage(raised.value)
