"""Exports: a room's log, read as it stood at one moment, however long it takes."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from datetime import UTC, datetime

from django.db import connection

from chat.models import Room
from chat.rooms.archive import FORMAT, VERSION, Header, card_of, written
from chat.rooms.recovery import select
from chat.rooms.rows import Row

# Rows in memory at once.
PAGE = 200


class NoSuchRoom(Exception):
    """There is no room with this slug."""

    def __init__(self, slug: str) -> None:
        super().__init__(f"There is no room {slug!r}.")


def export(slug: str, now: datetime) -> Iterator[tuple[int, int, bytes]]:
    """Yield an archive's lines, each with how many messages it makes and how many there may be in all.

    Raises: NoSuchRoom, django.db.Error.
    """
    with snapshot():
        room = Room.objects.filter(slug=slug).first()
        if room is None:
            raise NoSuchRoom(slug)
        for count, line in written(header_of(room, now), rows_of(room)):
            yield count, room.last, line


def header_of(room: Room, now: datetime) -> Header:
    card = card_of(room.slug, room.title, room.topic)
    return Header(FORMAT, VERSION, card, room.epoch, room.head, room.last, now.astimezone(UTC))


def rows_of(room: Room) -> Iterator[Row]:
    """Yield a room's messages in order of their numbers."""
    number = 0
    while rows := select("number > %s ORDER BY number LIMIT %s", [room.pk, number, PAGE]):
        yield from rows
        number = rows[-1].number


@contextlib.contextmanager
def snapshot() -> Iterator[None]:
    """See one state of the database, while others go on writing: `atomic` would take SQLite's one place for writers."""
    connection.ensure_connection()
    with connection.cursor() as cursor:
        cursor.execute(
            "BEGIN DEFERRED" if connection.vendor == "sqlite" else "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"
        )
        try:
            yield
        finally:
            cursor.execute("ROLLBACK")
