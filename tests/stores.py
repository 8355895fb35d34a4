"""Stores: migrated databases of a test's own, SQLite in a file and PostgreSQL, with true transactions and threads."""

from __future__ import annotations

import atexit
import itertools
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import environ
import pytest
from django.conf import settings
from django.db import connection, connections

from chat.models import Erased, Message, Room
from chat.rooms import log
from chat.rooms.changes import Change, Delete, Done, Edit, Outcome, React, Write
from chat.rooms.rows import SELECT, Row
from chat.wire.codes import WireError
from chat.wire.events import Person
from tests.live.postgres import PostgresServer, binaries
from tests.live.services import require

ROOT = Path(__file__).resolve().parent.parent
KINDS = ("sqlite", "postgres")
ADA = Person("user:1", "Ada", "user")
BOB = Person("user:2", "Bob", "user")
NOW = 1_795_348_800_250
# Rows that make an index worth its while.
MANY, MANY_ROOMS = 20_000, 10_000
# What a plan says where every row is read; and where rows are sorted.
READS_ALL, SORTS = re.compile(r"Seq Scan|\bSCAN\b"), re.compile(r"\bSort\b|TEMP B-TREE")
# The indexes of messages; SQLite gives those of constraints names of its own.
INDEX = re.compile(r"message_\w+_in_room|sqlite_autoindex_chat_message")

_numbers = itertools.count(1)


class Store:
    """One migrated database, in the place of `default`; rooms are made anew for each test."""

    def __init__(self, kind: str, url: str) -> None:
        self.kind = kind
        self.url = url

    def rooms(self, *titles: str, **fields: Any) -> list[str]:
        """Make rooms; return their slugs, in order of their ids."""
        slugs = [f"{title}-{next(_numbers)}-{os.getpid()}" for title in titles]
        for slug, title in zip(slugs, titles, strict=True):
            Room.objects.create(slug=slug, title=title, **fields)
        return slugs

    def room(self, **fields: Any) -> str:
        return self.rooms("room", **fields)[0]

    def rows(self, slug: str) -> list[Message]:
        """Return a room's messages by number."""
        return list(Message.objects.filter(room__slug=slug).order_by("number"))

    def head(self, slug: str) -> tuple[int, int]:
        """Return a room's last offset and its last message's number."""
        return Room.objects.values_list("head", "last").get(slug=slug)

    def environment(self) -> dict[str, str]:
        """Return what a process on this store has in its environment."""
        inherited = {name: value for name, value in os.environ.items() if not name.startswith(("CHAT_", "REDIS_"))}
        return {**inherited, "DATABASE_URL": self.url, "CHAT_VAR_DIR": var_dir(), "SECRET_KEY": "for tests only"}

    def crowd(self) -> None:
        """Fill the tables with so many rows of another room's that only an index finds a row; once for each store.

        A planner that knows of few rows reads them all, and of a table that it has never looked at it knows nothing.
        """
        if Room.objects.filter(slug="crowd").exists():
            return
        Room.objects.bulk_create(Room(slug=f"crowd-{number}", title="Crowd") for number in range(MANY_ROOMS))
        # Beyond the numbers of tests' own users.
        Erased.objects.bulk_create(Erased(user=10**9 + number) for number in range(MANY_ROOMS))
        room = Room.objects.create(slug="crowd", title="Crowd", head=MANY, last=MANY)
        key = "'crowd-' || n"
        with connection.cursor() as cursor:
            cursor.execute(
                f"INSERT INTO chat_message ({SELECT}) WITH RECURSIVE numbers(n) AS "
                "(SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < %s) "
                f"SELECT %s, n, n, {key}, {key}, 'user:1', 'Ada', 'user', '', 'text', NULL, 0, NULL, "
                f"{'false' if self.kind == 'postgres' else '0'}, NULL, '' FROM numbers",
                [MANY, room.pk],
            )
            cursor.execute("ANALYZE")

    def plan(self, sql: str, parameters: Sequence[Any]) -> str:
        """Return how the database would run a statement, now."""
        with connection.cursor() as cursor:
            cursor.execute(("EXPLAIN " if self.kind == "postgres" else "EXPLAIN QUERY PLAN ") + sql, parameters)
            return "\n".join(str(row[-1]) for row in cursor.fetchall())


@cache
def var_dir() -> str:
    path = tempfile.mkdtemp(prefix="chatsite-stores-")
    atexit.register(shutil.rmtree, path, ignore_errors=True)
    return path


@cache
def url_of(kind: str) -> str | None:
    """Return a migrated database's URL, made at first use; None where the machine lacks it."""
    if kind == "sqlite":
        url = f"sqlite:///{var_dir()}/store.sqlite3"
    else:
        place = binaries()
        if place is None:
            return None
        server = PostgresServer(place)
        atexit.register(server.end)
        url = server.start().url
    subprocess.run(
        [sys.executable, "manage.py", "migrate", "-v0"], cwd=ROOT, env=Store(kind, url).environment(), check=True
    )
    return url


def options_of(engine: str) -> dict[str, Any]:
    """Return the options that the settings give a database of this kind."""
    if engine.endswith("sqlite3"):
        return dict(settings.DATABASES["default"]["OPTIONS"])
    return {"connect_timeout": 3}


@contextmanager
def opened(kind: str, blocker: Any) -> Iterator[Store]:
    """Put a store into the place of the default database, in every thread that connects from now on."""
    url = url_of(kind)
    require(url, "there is no PostgreSQL that runs here (the pgserver wheel, or initdb and postgres on PATH)")
    assert url is not None
    before, wrapper = connections.settings["default"], connections["default"]
    made = environ.Env.db_url_config(url)
    connections.settings["default"] = {**before, **made, "OPTIONS": options_of(made["ENGINE"])}
    del connections["default"]
    try:
        with blocker.unblock():
            yield Store(kind, url)
            connections["default"].close()
    finally:
        connections.settings["default"] = before
        connections["default"] = wrapper


@pytest.fixture(params=KINDS)
def store(request: pytest.FixtureRequest, django_db_blocker: Any) -> Iterator[Store]:
    """Give a test each of the databases in turn."""
    with opened(request.param, django_db_blocker) as made:
        yield made


# Changes, as a client's wishes arrive at the log


def ignore(outcome: Outcome) -> None:
    """Tell nobody."""


def written(room: str, key: str = "", author: Person = ADA, **fields: Any) -> Write:
    key = key or f"key-{next(_numbers):08}"
    if "text" not in fields and "data" not in fields:
        fields["text"] = f"text of {key}"
    return Write(room=room, author=author, key=key, done=ignore, **fields)


def edit(room: str, message: int, text: str = "edited", author: Person = ADA, **fields: Any) -> Edit:
    return Edit(
        room=room, author=author, key=fields.pop("key", unique()), done=ignore, message=message, text=text, **fields
    )


def delete(room: str, message: int, author: Person = ADA, **fields: Any) -> Delete:
    return Delete(room=room, author=author, key=fields.pop("key", unique()), done=ignore, message=message, **fields)


def react(room: str, message: int, emoji: str = "👍", on: bool = True, author: Person = ADA, **fields: Any) -> React:
    key = fields.pop("key", unique())
    return React(room=room, author=author, key=key, done=ignore, message=message, emoji=emoji, on=on)


def unique() -> str:
    return f"change-{next(_numbers):08}"


def commit(*changes: Change, now: int = NOW) -> list[Outcome]:
    return log.commit(changes, now)


def done(outcome: Outcome) -> tuple[int, int]:
    """Return the number and the offset of a change that is in the log."""
    assert isinstance(outcome, Done), outcome
    return outcome.message, outcome.offset


def code(outcome: Outcome) -> str:
    """Return why a change is not in the log."""
    assert isinstance(outcome, WireError), outcome
    return outcome.code.value


def fresh(row: Message) -> Row:
    """Return a row as the log reads it."""
    return Row(*(getattr(row, name) for name in ("room_id", *Row._fields[1:])))


Statement = tuple[str, Any]


@contextmanager
def statements() -> Iterator[list[Statement]]:
    """Collect what is executed, each `executemany` once."""
    found: list[Statement] = []

    def note(execute: Callable[..., Any], sql: str, parameters: Any, many: bool, context: dict[str, Any]) -> Any:
        found.append((sql, parameters[0] if many else parameters))
        return execute(sql, parameters, many, context)

    with connection.execute_wrapper(note):
        yield found
