"""Staging: a table of messages that one connection alone sees, until they are taken over into a room at once.

On PostgreSQL it lives in one transaction with all that follows: behind a pooler of transactions (PgBouncer) the next
transaction may run on another connection, and what a connection keeps is found there by somebody else.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator

from django.db import connection, transaction

from chat.rooms.rows import COLUMNS, INSERT, SELECT, Row

EMPTY = f"AS SELECT {SELECT} FROM chat_message WHERE 0 = 1"
CREATE = {
    "sqlite": [f"CREATE TEMPORARY TABLE incoming {EMPTY}"],
    "postgresql": [
        # One that a version before this one has left on a pooled connection.
        "DROP TABLE IF EXISTS pg_temp.incoming",
        f"CREATE TEMPORARY TABLE incoming ON COMMIT DROP {EMPTY}",
    ],
}
STAGE = INSERT.replace("chat_message", "incoming", 1)
TAKE_OVER = f"INSERT INTO chat_message ({SELECT}) SELECT %s, {', '.join(COLUMNS[1:])} FROM incoming ORDER BY number"


@contextlib.contextmanager
def staging() -> Iterator[None]:
    """Have the table. The database drops it, also where the process is killed.

    Raises: django.db.Error.
    """
    if connection.vendor == "sqlite":
        create("temp.")
        try:
            yield
        finally:
            with connection.cursor() as cursor:
                cursor.execute("DROP TABLE incoming")
    else:
        with transaction.atomic(durable=True):
            create("")
            yield


def create(schema: str) -> None:
    with connection.cursor() as cursor:
        for statement in CREATE[connection.vendor]:
            cursor.execute(statement)
        # As chat_message has them: what does not go together is found here, while nobody waits.
        for column in ("offset", "key"):
            cursor.execute(f'CREATE UNIQUE INDEX {schema}incoming_{column} ON incoming ("{column}")')


def stage(rows: Iterable[Row]) -> None:
    """Put rows into the table, all or none. Raises: django.db.Error."""
    if connection.in_atomic_block:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.executemany(STAGE, list(rows))
        return
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
