"""Write errors: told from what passes by itself."""

from __future__ import annotations

import errno
import os
import sqlite3
from pathlib import Path

import psycopg
import pytest
from django.db import InternalError, OperationalError, ProgrammingError

from chat.database import Unavailable, is_outage
from chat.rooms.writer import is_down
from chat.write_errors import DAMAGED, DENIED, DISK, FULL, OPEN, READ_ONLY, write_error


def of_sqlite(path: Path, statement: str, mode: str = "rwc", **pragmas: int) -> sqlite3.Error:
    """Return the error that SQLite itself raises."""
    with pytest.raises(sqlite3.Error) as raised:  # noqa: PT012  (any of these may be the one that fails)
        database = sqlite3.connect(f"file:{path}?mode={mode}", uri=True, timeout=0)
        for name, value in pragmas.items():
            database.execute(f"PRAGMA {name} = {value}")
        database.execute(statement)
        database.commit()
    return raised.value


@pytest.fixture
def path(tmp_path: Path) -> Path:
    made = tmp_path / "made.sqlite3"
    with sqlite3.connect(made) as database:
        database.execute("CREATE TABLE t (x UNIQUE)")
        database.execute("INSERT INTO t VALUES (1)")
    return made


def test_what_sqlite_says_of_a_file_that_cannot_be_written_is_a_write_error(path: Path, tmp_path: Path) -> None:
    (tmp_path / "damaged").write_bytes(b"no database" * 1000)
    for error, expected in (
        (of_sqlite(path, "INSERT INTO t VALUES (2)", mode="ro"), READ_ONLY),
        (of_sqlite(path, "INSERT INTO t VALUES (zeroblob(100000))", max_page_count=3), FULL),
        (of_sqlite(tmp_path / "no" / "folder", "SELECT 1"), OPEN),
        (of_sqlite(tmp_path, "SELECT 1"), OPEN),
        (of_sqlite(tmp_path / "damaged", "SELECT * FROM t"), DAMAGED),
    ):
        assert write_error(error) == expected, error
        assert is_down(wrapped(OperationalError, error)) and is_outage(wrapped(OperationalError, error))


def test_what_sqlite_says_of_a_lock_or_a_statement_is_none(path: Path) -> None:
    locker = sqlite3.connect(path, isolation_level=None)
    locker.execute("BEGIN EXCLUSIVE")
    for statement in ("INSERT INTO t VALUES (2)",):
        assert write_error(of_sqlite(path, statement)) == ""
    locker.close()
    for statement in ("INSERT INTO t VALUES (1)", "SELECT * FROM missing", "no SQL"):
        assert write_error(of_sqlite(path, statement)) == ""


def wrapped(kind: type[Exception], error: BaseException) -> Exception:
    """Return an error as Django hands it on."""
    made = kind(str(error))
    made.__cause__ = error
    return made


@pytest.mark.parametrize(
    ("kind", "cause", "expected"),
    [
        (OperationalError, psycopg.errors.DiskFull, FULL),
        (InternalError, psycopg.errors.ReadOnlySqlTransaction, READ_ONLY),
        (ProgrammingError, psycopg.errors.InsufficientPrivilege, DENIED),
        (OperationalError, psycopg.errors.IoError, DISK),
        (InternalError, psycopg.errors.DataCorrupted, DAMAGED),
        (OperationalError, psycopg.errors.SerializationFailure, ""),
        (OperationalError, psycopg.errors.DeadlockDetected, ""),
        (OperationalError, psycopg.errors.LockNotAvailable, ""),
        (OperationalError, psycopg.errors.QueryCanceled, ""),
        (OperationalError, psycopg.errors.AdminShutdown, ""),
        (OperationalError, psycopg.errors.TooManyConnections, ""),
        (OperationalError, psycopg.OperationalError, ""),
    ],
)
def test_what_postgresql_says_is_told_apart(kind: type[Exception], cause: type[Exception], expected: str) -> None:
    error = wrapped(kind, cause("words in any language"))
    assert write_error(error) == expected
    assert write_error(wrapped(Unavailable, error)) == expected
    assert is_down(error) and is_outage(error)


@pytest.mark.parametrize(
    ("number", "expected"),
    [
        (errno.ENOSPC, FULL),
        (errno.EDQUOT, FULL),
        (errno.EROFS, READ_ONLY),
        (errno.EACCES, DENIED),
        (errno.EIO, DISK),
        (errno.ENOENT, OPEN),
        (errno.EISDIR, OPEN),
        (errno.EINTR, ""),
        (errno.ETIMEDOUT, ""),
    ],
)
def test_what_the_system_says_of_the_lock_file_is_told_apart(number: int, expected: str) -> None:
    assert write_error(OSError(number, os.strerror(number))) == expected


def test_a_time_out_or_a_mistake_of_ours_is_no_write_error() -> None:
    for error in (TimeoutError(), ValueError("disk I/O error"), OperationalError("disk is full, says somebody")):
        assert write_error(error) == ""


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (wrapped(ProgrammingError, psycopg.errors.UndefinedTable("chat_room")), True),
        (wrapped(ProgrammingError, psycopg.errors.UndefinedColumn("chat_room.x")), True),
        (wrapped(ProgrammingError, psycopg.errors.SyntaxError("SELEC")), False),
        (OperationalError("no such table: chat_room"), True),
        (ValueError(), False),
        (None, False),
    ],
)
def test_a_missing_table_is_an_outage_and_a_mistake_in_a_statement_is_none(error: Exception, expected: bool) -> None:
    assert is_outage(error) is expected
