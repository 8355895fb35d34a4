"""Imports: an archive becomes a room's log, whole or not at all."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager
from itertools import islice
from typing import Any, BinaryIO

from django.db import IntegrityError, transaction

from chat.models import Message, Room
from chat.models.room import new_epoch
from chat.rooms.archive import BadArchive, Header, Line, Reading
from chat.rooms.staging import stage, staging, take_over

# Rows that one statement writes.
BATCH = 500
NO_ROOM = 0

Turn = Callable[[], AbstractContextManager[Any]]
# Hears what is being done, how many messages of it are done, and how many there may be.
Progress = Callable[[str, int, int], None]


class Refused(Exception):
    """The room that is there already may not be written to."""


def import_room(
    file: BinaryIO,
    max_message_bytes: int,
    turn: Turn,
    progress: Progress,
    *,
    slug: str | None = None,
    replace: bool = False,
) -> tuple[Room, int]:
    """Make an archive the log of a room, new or empty, or not empty with `replace`; return it and how many messages.

    The file is read into a table of this connection's own: nobody waits for that, and it leaves nothing where the file is
    broken or the process killed. What is written then is one transaction.

    Raises: BadArchive, Refused, django.db.Error; then nothing is written.
    """
    reading = Reading(file, max_message_bytes)
    with staging():
        count = read_in(told("read", reading, progress))
        with turn(), transaction.atomic():
            room = find(reading.header, slug or reading.header.room.slug, replace)
            take_over(room.pk)
            begin(room, reading.header)
    return room, count


def told(what: str, reading: Reading, progress: Progress) -> Iterator[tuple[int, Line]]:
    """Yield the messages, each with the number of its line in the file."""
    for count, line in enumerate(reading.messages(), 1):
        yield reading.at, line
        progress(what, count, reading.header.last)


def find(header: Header, slug: str, replace: bool) -> Room:
    """Return the room, locked and without messages; made where it is not there. Raises: Refused."""
    room = Room.objects.select_for_update().filter(slug=slug).first()
    if room is None:
        return Room.objects.create(slug=slug, title=header.room.title, topic=header.room.topic)
    if not room.durable:
        raise Refused(f"The room {slug!r} is volatile and keeps no messages: make it durable in the admin first.")
    messages = Message.objects.filter(room=room)
    if not replace and messages.exists():
        raise Refused(f"The room {slug!r} has messages: --replace deletes them, --slug makes another room.")
    messages.delete()
    return room


def read_in(lines: Iterator[tuple[int, Line]]) -> int:
    """Stage the messages; return how many. Raises: BadArchive, django.db.Error."""
    count = 0
    while batch := list(islice(lines, BATCH)):
        try:
            stage(line.row(NO_ROOM) for _, line in batch)
        except IntegrityError:
            find_fault(batch)
            raise
        count += len(batch)
    return count


def find_fault(batch: Iterable[tuple[int, Line]]) -> None:
    """Name the first line that does not go with those before it. Raises: BadArchive."""
    for at, line in batch:
        try:
            stage([line.row(NO_ROOM)])
        except IntegrityError:
            raise BadArchive(
                at, f"expected an offset and a key that no line before has, got {line.offset} and {line.key!r}"
            ) from None


def begin(room: Room, header: Header) -> None:
    """Let the log go on where the file's stood, under a name of its own: it will go on otherwise than that one."""
    Room.objects.filter(pk=room.pk).update(epoch=new_epoch(), head=header.head, last=header.last, pruned=0)
