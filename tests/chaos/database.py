"""The database under the chaos: PostgreSQL, which is restarted, or SQLite, which is locked by somebody else."""

from __future__ import annotations

import contextlib
import json
import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any, NamedTuple, Protocol

from tests.live.postgres import PostgresServer

ROWS = """
SELECT room.slug, message.number, message."offset", message."key", message.author, message."text", message.deleted,
       message.reply_to, message.reactions
FROM chat_message message JOIN chat_room room ON room.id = message.room_id ORDER BY room.slug, message.number
"""
HEADS = "SELECT slug, epoch, head, last FROM chat_room"


class Row(NamedTuple):
    """A message as the database has it."""

    room: str
    number: int
    offset: int
    key: str
    author: str
    text: str | None
    deleted: bool
    reply_to: int | None
    reactions: dict[str, list[str]]


class Head(NamedTuple):
    epoch: str
    offset: int
    number: int


class Database(Protocol):
    """What runs the chaos needs of a database."""

    variables: dict[str, str]

    def fault(self, random: Random) -> str: ...
    def read(self, statement: str) -> list[tuple[Any, ...]]: ...
    def end(self) -> None: ...


class Postgres:
    """A PostgreSQL server of one's own."""

    def __init__(self, server: PostgresServer) -> None:
        self.server = server
        self.variables = {"DATABASE_URL": server.url}

    def fault(self, random: Random) -> str:
        """Restart it, in good order or as after a crash, with some time between."""
        crash, pause = random.random() < 0.5, random.uniform(0, 2)
        self.server.stop(crash=crash)
        time.sleep(pause)
        self.server.start()
        return f"PostgreSQL {'crashed' if crash else 'stopped'} and started after {pause:.1f} s"

    def read(self, statement: str) -> list[tuple[Any, ...]]:
        with self.server.connect() as connection:
            return connection.execute(statement).fetchall()

    def end(self) -> None:
        self.server.end()


class Sqlite:
    """The file in a server's var/."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.variables: dict[str, str] = {}

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the lock that every writer needs."""
        with contextlib.closing(sqlite3.connect(self.path, isolation_level=None, timeout=60)) as connection:
            connection.execute("BEGIN EXCLUSIVE")
            yield
            connection.execute("ROLLBACK")

    def fault(self, random: Random) -> str:
        """Hold up every writer, up to beyond their patience of 5 s."""
        seconds = random.choice((1.0, 3.0, 7.0))
        with self.locked():
            time.sleep(seconds)
        return f"SQLite locked for {seconds:g} s"

    def read(self, statement: str) -> list[tuple[Any, ...]]:
        with contextlib.closing(sqlite3.connect(self.path, timeout=60)) as connection:
            return connection.execute(statement).fetchall()

    def end(self) -> None:
        """Nothing: the file goes with its directory."""


def rows(database: Database) -> list[Row]:
    """Return every message, by room and number."""
    return [Row(*row[:6], bool(row[6]), row[7], json.loads(row[8] or "{}")) for row in database.read(ROWS)]


def heads(database: Database) -> dict[str, Head]:
    """Return where each room's log stands."""
    return {slug: Head(*head) for slug, *head in database.read(HEADS)}
