"""The erased: accounts of which the log takes nothing, whatever process still has something of theirs to write."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

from chat.rooms.rows import marks

UPDATE = "UPDATE chat_room SET head = %s, last = %s WHERE id = %s"
# A statement of its own sees what was committed before it began. This one begins when the rooms are locked already: who was
# erased before that is found, and of whom is not, erasing waits for the lock (erasing.settle) and finds what was written.
# Beside the statement that locks, this could not stand: PostgreSQL reads the locked row anew after it has waited, and
# all else as it was before.
UNLESS = UPDATE + ' AND NOT EXISTS (SELECT 1 FROM chat_erased WHERE "user" IN ({users}))'


class Found(Exception):
    """One of a group's authors is erased: nothing of the group is written."""


def advance(cursor: Any, rooms: Sequence[tuple[int, int, int]], authors: Sequence[int]) -> None:
    """Write rooms' (head, last, id) where none of the authors is erased.

    Raises: Found, django.db.Error.
    """
    if not authors:
        cursor.executemany(UPDATE, rooms)
        return
    cursor.executemany(UNLESS.format(users=marks(authors)), [(*room, *authors) for room in rooms])
    if cursor.rowcount != len(rooms):
        raise Found


def among(cursor: Any, users: Collection[int]) -> frozenset[int]:
    """Return those of some users who are erased. Raises: django.db.Error."""
    if not users:
        return frozenset()
    cursor.execute(f'SELECT "user" FROM chat_erased WHERE "user" IN ({marks(users)})', list(users))
    return frozenset(user for (user,) in cursor.fetchall())
