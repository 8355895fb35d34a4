"""Readiness: a server that cannot write, or whose database lacks migrations, says so and heals without a restart."""

from __future__ import annotations

import contextlib
import resource
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from .conftest import QUIET
from .postgres import PostgresServer, binaries
from .servers import Server
from .services import require
from .waiting import until

SECRET = {"SECRET_KEY": "a key of the tests, the same on every node"}
# A server tries a write every 5 s.
NOTICED_SECONDS = 25.0
LAST = "0007_leaving"


def answer(server: Server) -> tuple[int, dict[str, Any]]:
    response = server.get("/readyz")
    return response.status, response.json()


def becomes(server: Server, status: int) -> dict[str, Any]:
    """Wait until /readyz has a status; return what it tells."""

    def told() -> dict[str, Any] | None:
        came, report = answer(server)
        return report if came == status else None

    return until(told, f"/readyz with {status}; it says {answer(server)}", NOTICED_SECONDS)


# Writes


@contextlib.contextmanager
def full_disk(server: Server) -> Iterator[None]:
    """Let no file of the server's grow beyond 128 KiB, less than its write-ahead log has: its disk is full."""
    require(hasattr(resource, "prlimit"), "another process's limits are set with prlimit, which is Linux's")
    path = server.var_dir / "chatsite.sqlite3"
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM chat_room").fetchone()  # Keeps the log from being started over.
        with contextlib.closing(sqlite3.connect(path)) as writer, writer:
            writer.execute("CREATE TABLE filler (data)")
            writer.execute("INSERT INTO filler VALUES (zeroblob(600000))")
        before = resource.prlimit(server.pid, resource.RLIMIT_FSIZE)
        resource.prlimit(server.pid, resource.RLIMIT_FSIZE, (128 * 1024, before[1]))
        yield
        resource.prlimit(server.pid, resource.RLIMIT_FSIZE, before)


@contextlib.contextmanager
def barred_turn(server: Server) -> Iterator[None]:
    """Bar the lock file that is opened for each transaction, as one of another user's is: also root opens no directory."""
    path = server.var_dir / "chatsite.sqlite3.turn"
    path.unlink()
    path.mkdir()
    yield
    path.rmdir()


@pytest.mark.parametrize("failure", [full_disk, barred_turn])
def test_a_server_that_cannot_write_is_not_ready_until_it_can(fresh, guest, failure) -> None:
    server = fresh()
    alice = guest(server, "lobby")
    alice.send("lobby", "before")
    mark = server.mark()
    with failure(server):
        report = becomes(server, 503)
        assert (report["status"], report["writes"]) == ("unavailable", "down"), report
        assert "cannot be written" in report["reason"]
        assert alice.ask("send", {"room": "lobby", "text": "lost"})["payload"]["code"] == "unavailable"
        assert answer(server)[0] == 503
    assert becomes(server, 200)["writes"] == "up"
    alice.send("lobby", "after")
    server.logged("not ready: the database cannot be written", mark)
    server.logged("ready again: the database can be written", mark)


@pytest.fixture
def postgres() -> Iterator[PostgresServer]:
    place = binaries()
    require(place, "PostgreSQL is neither on PATH nor in the pgserver wheel")
    made = PostgresServer(Path(str(place)))
    yield made.start()
    made.end()


@pytest.mark.parametrize("kind", ["uvicorn"], indirect=True, scope="session")
def test_on_postgresql_a_read_only_server_or_a_right_that_is_missing_does_and_a_lock_does_not(
    farm, kind, postgres, guest
) -> None:
    plain = postgres.url.replace("chat@", "plain@")
    with postgres.connect(autocommit=True) as owner:
        owner.execute("CREATE ROLE plain LOGIN")
        owner.execute("ALTER DATABASE postgres OWNER TO plain")
        owner.execute("GRANT ALL ON SCHEMA public TO plain")
    variables = {**QUIET, **SECRET, "DATABASE_URL": plain}
    var_dir = farm.var_dir()
    farm.manage(var_dir, "migrate", "-v0", **variables)
    server = farm.server(kind, var_dir=var_dir, **variables)
    alice = guest(server, "lobby")
    alice.send("lobby", "before")
    try:
        with postgres.connect(autocommit=True) as owner:
            for wrong, right, reason in (
                ("SET default_transaction_read_only = on", "RESET default_transaction_read_only", "read-only"),
                ("SET default_tablespace = ''", "RESET default_tablespace", ""),
            ):
                owner.execute(f"ALTER SYSTEM {wrong}")
                if not reason:
                    owner.execute("ALTER TABLE chat_process OWNER TO chat")
                owner.execute("SELECT pg_reload_conf()")
                report = becomes(server, 503)
                assert report["writes"] == "down" and reason in report["reason"], report
                owner.execute("SET default_transaction_read_only = off")
                owner.execute(f"ALTER SYSTEM {right}")
                if not reason:
                    owner.execute("ALTER TABLE chat_process OWNER TO plain")
                owner.execute("SELECT pg_reload_conf()")
                assert becomes(server, 200)["writes"] == "up"
        with postgres.connect() as locker:
            locker.execute("LOCK TABLE chat_process IN ACCESS EXCLUSIVE MODE")
            until(lambda: "could not be written" in server.log(), "a write that waits for the lock", NOTICED_SECONDS)
            assert answer(server)[0] == 200
            locker.rollback()
        alice.send("lobby", "after")
    finally:
        farm.end([server])


# Migrations


def change_applied(server: Server, statement: str, *values: str) -> None:
    with contextlib.closing(sqlite3.connect(server.var_dir / "chatsite.sqlite3", timeout=15)) as database, database:
        database.execute(statement, values)


@pytest.mark.tracebacks("a page without its tables")
def test_a_server_whose_database_lacks_migrations_is_not_ready_until_they_are_applied(fresh, farm, kind) -> None:
    server = fresh(start=False)
    for file in server.var_dir.glob("chatsite.sqlite3*"):
        file.unlink()
    server.start()
    status, report = answer(server)
    assert (status, report["status"], report["migrations"]) == (503, "unavailable", "missing"), report
    assert "manage.py migrate" in report["reason"]
    line = server.logged("not ready: ")
    assert "manage.py migrate" in line
    page = server.get("/", headers={"Accept-Language": "en"})
    assert (page.status, page.headers.get("retry-after")) == (503, "10")
    assert "<h1>" in page.body.decode() and "Traceback" not in server.log()
    farm.manage(server.var_dir, "migrate", "-v0")
    assert becomes(server, 200)["migrations"] == "applied"
    assert server.get("/").status == 200


def test_one_migration_of_any_application_that_is_missing_is_enough_and_one_too_many_is_only_told(fresh) -> None:
    server = fresh(start=False)
    change_applied(server, "DELETE FROM django_migrations WHERE app = ? AND name LIKE ?", "axes", "0009%")
    change_applied(
        server, "INSERT INTO django_migrations (app, name, applied) VALUES ('chat', '9999_later', '2026-01-01')"
    )
    server.start()
    status, report = answer(server)
    assert (status, report["migrations"]) == (503, "missing"), report
    assert "axes.0009" in report["reason"]
    name = "0009_add_session_hash"
    change_applied(server, "INSERT INTO django_migrations (app, name, applied) VALUES ('axes', ?, '2026-01-01')", name)
    assert becomes(server, 200)["migrations"] == "newer"
    assert "chat.9999_later" in server.logged("is newer than this version")
