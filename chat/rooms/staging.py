"""Staging: a table of messages that one connection alone sees, until they are taken over into a room at once."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator

from django.db import connection

from chat.rooms.rows import COLUMNS, INSERT, SELECT, Row

CREATE = f"CREATE TEMPORARY TABLE incoming AS SELECT {SELECT} FROM chat_message WHERE 0 = 1"
STAGE = INSERT.replace("chat_message", "incoming", 1)
TAKE_OVER = f"INSERT INTO chat_message ({SELECT}) SELECT %s, {', '.join(COLUMNS[1:])} FROM incoming ORDER BY number"


@contextlib.contextmanager
def staging() -> Iterator[None]:
    """Have the table. The database drops it with the connection, also where the process is killed.

    Raises: django.db.Error.
    """
    schema = "temp." if connection.vendor == "sqlite" else ""
    with connection.cursor() as cursor:
        cursor.execute(CREATE)
        try:
            # As chat_message has them: what does not go together is found here, while nobody waits.
            for column in ("offset", "key"):
                cursor.execute(f'CREATE UNIQUE INDEX {schema}incoming_{column} ON incoming ("{column}")')
            yield
        finally:
            cursor.execute("DROP TABLE incoming")


def stage(rows: Iterable[Row]) -> None:
    """Put rows into the table, all or none. Raises: django.db.Error."""
    with connection.cursor() as cursor:
        # `atomic` would take SQLite's one place for writers, for a table that is no part of the file.
        cursor.execute("BEGIN")
        try:
            cursor.executemany(STAGE, list(rows))
        except BaseException:
            cursor.execute("ROLLBACK")
            raise
        cursor.execute("COMMIT")


def take_over(room: int) -> None:
    """Make what is in the table messages of a room: a statement, some microseconds a message. Raises: django.db.Error."""
    with connection.cursor() as cursor:
        cursor.execute(TAKE_OVER, [room])
