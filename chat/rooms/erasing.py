"""Erasing: what somebody has written and reacted to, in every room, without their name or not at all."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

from django.db import connection, transaction

from chat.models import Room
from chat.rooms.rows import SELECT, Row, marks, reactions_text
from chat.wire.names import DELETED

# Messages that one transaction changes: senders wait for it, some milliseconds.
BATCH = 200
NAME = DELETED
UPDATE = (
    'UPDATE chat_message SET "offset" = %s, change = %s, author = %s, name = %s, address = %s, "text" = %s, '
    '"data" = %s, edited_at = %s, deleted = %s, reactions = %s WHERE room_id = %s AND number = %s'
)

Turn = Callable[[], AbstractContextManager[Any]]


@dataclass(frozen=True, slots=True)
class Erasure:
    """Who goes, and how: `gone` is the id that stands for `author` from now on, `key` names the change.

    `now` is milliseconds since the epoch.
    """

    author: str
    gone: str
    key: str
    keep: bool
    now: int

    def of(self, row: Row) -> Row:
        """Return a message without its author's name and reactions; the same where it has neither."""
        reactions = {emoji: [id for id in ids if id != self.author] for emoji, ids in row.reacted().items()}
        after = row._replace(reactions=reactions_text({emoji: ids for emoji, ids in reactions.items() if ids}))
        if row.author != self.author:
            return after if reactions != row.reacted() else row
        after = after._replace(author=self.gone, name=NAME, address="")
        if self.keep or row.deleted:
            return after
        return after._replace(text=None, data=None, deleted=True, reactions="", edited_at=self.now)


def erase(erasure: Erasure, turn: Turn) -> Iterator[int]:
    """Erase somebody from every room; yield how many messages each transaction changed.

    Every change takes an offset of its room, so that whoever is there hears of it. Where the log takes nothing of them any
    more (chat.models.Erased), nothing of theirs is left, however slow a process is.

    Raises: django.db.Error; what was yielded is done, and the same erasure may be run again.
    """
    settle()
    for room in Room.objects.order_by("pk").values_list("pk", flat=True):
        last = 0
        while numbers := concerned(room, erasure.author, last):
            last = numbers[-1]
            yield change(room, numbers, erasure, turn)


def settle() -> None:
    """Wait until whoever has locked a room has committed: whoever locks it from now on knows who is erased (erased.py).

    On SQLite that is so already: there is one transaction at a time, and the account was closed in another.

    Raises: django.db.Error.
    """
    if not connection.features.has_select_for_update_skip_locked:
        return
    rooms = Room.objects.order_by("pk")
    # One statement passes by all that nobody has locked; of thousands, each on its own costs seconds.
    with transaction.atomic(durable=True):
        free = set(rooms.select_for_update(skip_locked=True).values_list("pk", flat=True))
    for room in set(rooms.values_list("pk", flat=True)) - free:
        with transaction.atomic(durable=True), connection.cursor() as cursor:
            lock(cursor, room)


def concerned(room: int, author: str, after: int) -> list[int]:
    """Return the numbers of the next messages that somebody has written or reacted to."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT number FROM chat_message WHERE room_id = %s AND number > %s AND (author = %s OR reactions LIKE %s) "
            "ORDER BY number LIMIT %s",
            [room, after, author, f'%"{author}"%', BATCH],
        )
        return [number for (number,) in cursor.fetchall()]


def change(room: int, numbers: list[int], erasure: Erasure, turn: Turn) -> int:
    """Put messages into their new state, in one transaction; return how many."""
    with turn(), transaction.atomic(durable=True), connection.cursor() as cursor:
        head = lock(cursor, room)
        if head is None:
            return 0
        cursor.execute(
            f"SELECT {SELECT} FROM chat_message WHERE room_id = %s AND number IN ({marks(numbers)}) ORDER BY number",
            [room, *numbers],
        )
        rows = [Row(*row) for row in cursor.fetchall()]
        changed = [after for row in rows if (after := erasure.of(row)) is not row]
        states = [after._replace(offset=head + count, change=erasure.key) for count, after in enumerate(changed, 1)]
        cursor.execute("UPDATE chat_room SET head = %s WHERE id = %s", [head + len(states), room])
        cursor.executemany(UPDATE, list(map(parameters, states)))
    return len(states)


def lock(cursor: Any, room: int) -> int | None:
    """Lock a room's row, as the writer does before it changes anything; return its head, None where it is no more."""
    held = " FOR UPDATE" if connection.features.has_select_for_update else ""
    cursor.execute(f"SELECT head FROM chat_room WHERE id = %s{held}", [room])
    found = cursor.fetchone()
    return found[0] if found else None


def parameters(row: Row) -> tuple[Any, ...]:
    """Return the parameters of UPDATE."""
    author = (row.author, row.name, row.address)
    state = (row.text, row.data, row.edited_at, row.deleted, row.reactions)
    return (row.offset, row.change, *author, *state, row.room, row.number)


def leave(user: int, turn: Turn) -> int:
    """Take somebody out of every room that they belong to; return of how many.

    Each takes an offset there, as every change of membership does. The last owner goes too: site moderators remain. Who is
    left alone in a direct conversation finds it under NAME.

    Raises: django.db.Error.
    """
    rooms = Room.objects.filter(memberships__user=user).order_by("pk").values_list("pk", flat=True)
    return sum(leave_room(room, user, turn) for room in list(rooms))


def leave_room(room: int, user: int, turn: Turn) -> bool:
    with turn(), transaction.atomic(durable=True), connection.cursor() as cursor:
        if lock(cursor, room) is None:
            return False
        cursor.execute("DELETE FROM chat_membership WHERE room_id = %s AND user_id = %s", [room, user])
        cursor.execute("UPDATE chat_room SET head = head + 1 WHERE id = %s", [room])
        cursor.execute("UPDATE chat_room SET title = %s WHERE id = %s AND kind = 'direct'", [NAME, room])
    return True
