"""Recovery: what a client or a stream that fell behind needs to read of a room's log."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from django.db import connection
from msgspec import Raw

from chat.rooms import permissions, rights
from chat.rooms.permissions import OPEN, Policy
from chat.rooms.rights import Reader
from chat.rooms.rows import SELECT, Row
from chat.wire import json
from chat.wire.commands import Since
from chat.wire.events import Message, Place

MAX_MESSAGES = 200
# With what stands around them, the messages of an answer fit into a frame of 256 KiB.
MAX_BYTES = 252 * 1024
# Who missed more changes than these starts over with the newest page.
MAX_MISSED = 2000
# What one filling of a stream reads; where more is missing, the next goes on from there, after others' calls.
MAX_FILL = 500
MAX_FILL_BYTES = 1 << 20
# Rows that are taken from the database at once. An answer ends after a few of the longest texts: 200 of them would be
# 13 MB, and 100 ms of each join's time.
FETCH = 16


@dataclass(frozen=True, slots=True)
class Head:
    """Where a log stands: `offset` of its last change, `number` of its last message.

    Up to the offset `pruned` messages may be no more: who has not read so far could not hear of that, and starts over.
    """

    id: int
    epoch: str
    offset: int
    number: int
    pruned: int = 0
    policy: Policy = OPEN


@dataclass(frozen=True, slots=True)
class Page:
    """Messages, encoded; `more` where a limit cut them off; `offset` is the last one that they cover."""

    head: Head
    messages: list[Raw]
    offset: int
    recovered: bool = False
    more: bool = False


@dataclass(frozen=True, slots=True)
class Fill:
    """What a stream has missed; `whole` unless it was too much.

    `outsiders` are the ids of those asked after who may not read in the room any more, or of all, where nobody was
    asked after and not everybody may.
    """

    head: Head
    events: list[Message]
    whole: bool
    outsiders: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Limits:
    """What an answer may hold of a room: so many messages of so many bytes, but `least` messages of any size."""

    messages: int = MAX_MESSAGES
    size: int = MAX_BYTES
    least: int = 1


PAGE = Limits()
READ_HEAD = (
    f"SELECT id, epoch, head, last, pruned, {', '.join(permissions.COLUMNS)} FROM chat_room WHERE slug = %s AND durable"
)


def share(told: Iterable[Raw], rooms: int) -> Limits:
    """Return what an answer that tells this already may hold of each of so many rooms more."""
    sizes = [memoryview(message).nbytes + 1 for message in told]
    return Limits((MAX_MESSAGES - len(sizes)) // rooms, (MAX_BYTES - sum(sizes)) // rooms, 0 if sizes else 1)


def read_head(slug: str) -> Head | None:
    """Return a durable room's head, or None where there is no such room.

    Raises: django.db.Error.
    """
    with connection.cursor() as cursor:
        cursor.execute(READ_HEAD, [slug])
        row = cursor.fetchone()
    if row is None:
        return None
    id, epoch, offset, number, pruned, *policy = row
    return Head(id, epoch, offset, number, pruned, Policy(*policy))


def enter(slug: str, reader: Reader) -> Head | None:
    """Return the head of a room for somebody who is going to hear what comes after it.

    Raises: WireError where they may not, django.db.Error.
    """
    head = read_head(slug)
    if head is not None:
        rights.check_reader(head.id, head.policy, reader)
    return head


def recover(slug: str, since: Since | None, limits: Limits = PAGE, reader: Reader | None = None) -> Page | None:
    """Return what a join answers: what changed after `since`, or the newest page.

    The head is read first: what changes after that is told live, or is in the answer (`lifted`). The reader's right is
    read last: while they had it, all that was read was there.

    Raises: WireError where the reader may not read, django.db.Error.
    """
    head = read_head(slug)
    if head is None:
        return None
    page = read_page(slug, head, since, limits)
    if reader is not None:
        rights.check_reader(head.id, head.policy, reader)
    return page


def read_page(slug: str, head: Head, since: Since | None, limits: Limits) -> Page:
    if since is None or since.offset is None or since.epoch != head.epoch:
        return newest(slug, head, limits)
    if not head.pruned <= since.offset <= head.offset or missed_too_much(head, since.offset):
        return newest(slug, head, limits)
    rows = Passing(streamed('"offset" > %s ORDER BY "offset" LIMIT %s', [head.id, since.offset, limits.messages + 1]))
    taken, more = cut(slug, head, rows, limits)
    if not more:
        head = lifted(head, rows.places)
        return Page(head, taken, head.offset, recovered=True)
    offset = rows.places[len(taken) - 1].offset if taken else since.offset
    return Page(head, taken, offset, recovered=True, more=True)


class Passing:
    """Rows on their way, of which only the places are kept."""

    def __init__(self, rows: Iterable[Row]) -> None:
        self.rows = rows
        self.places: list[Place] = []

    def __iter__(self) -> Iterator[Row]:
        for row in self.rows:
            self.places.append(Place(row.offset, row.number))
            yield row


def lifted(head: Head, places: Sequence[Place]) -> Head:
    """Return the head as it was when all that had changed after an offset was read, in one statement.

    What changed between the head and the rows belongs to both: of a reaction only the reaction is told live, so the
    message that it is on must not be left to that.
    """
    offset = max((place.offset for place in places), default=0)
    if offset <= head.offset:
        return head
    return replace(head, offset=offset, number=max(head.number, *(place.number for place in places)))


def missed_too_much(head: Head, since: int) -> bool:
    if head.offset - since <= MAX_MISSED:
        return False
    with connection.cursor() as cursor:
        cursor.execute(
            'SELECT 1 FROM chat_message WHERE room_id = %s AND "offset" > %s AND "offset" <= %s LIMIT 1 OFFSET %s',
            [head.id, since, head.offset, MAX_MISSED],
        )
        return cursor.fetchone() is not None


def newest(slug: str, head: Head, limits: Limits) -> Page:
    rows = streamed("number <= %s ORDER BY number DESC LIMIT %s", [head.id, head.number, limits.messages])
    taken, _ = cut(slug, head, rows, limits)
    return Page(head, taken[::-1], head.offset)


def history(slug: str, before: int | None, after: int | None, limit: int, reader: Reader | None = None) -> Page | None:
    """Return messages by number, in order: the last ones before a number, or the first ones after one.

    Raises: WireError where the reader may not read, django.db.Error.
    """
    head = read_head(slug)
    if head is None:
        return None
    if after is not None:
        rows = streamed("number > %s ORDER BY number LIMIT %s", [head.id, after, limit + 1])
    else:
        end = head.number + 1 if before is None else before
        rows = streamed("number < %s ORDER BY number DESC LIMIT %s", [head.id, end, limit + 1])
    taken, more = cut(slug, head, rows, Limits(limit))
    if reader is not None:
        rights.check_reader(head.id, head.policy, reader)
    return Page(head, taken if after is not None else taken[::-1], head.offset, more=more)


def fill(slug: str, since: int, members: Collection[Reader] = ()) -> Fill | None:
    """Return the changes after an offset, for the stream of a process, and who of its members may hear of them no more.

    Raises: django.db.Error.
    """
    head = read_head(slug)
    if head is None:
        return None
    rows = Passing(streamed('"offset" > %s ORDER BY "offset" LIMIT %s', [head.id, since, MAX_FILL + 1]))
    events, whole = missed(rows, head.epoch)
    outsiders = rights.outsiders(head.id, head.policy, members)
    return Fill(lifted(head, rows.places) if whole else head, events, whole, outsiders)


def missed(rows: Iterable[Row], epoch: str) -> tuple[list[Message], bool]:
    """Return rows as events, as many as one filling takes, but at least one; and whether these are all."""
    events: list[Message] = []
    size = 0
    for row in rows:
        size += len(row.text or row.data or b"")
        if events and (len(events) == MAX_FILL or size > MAX_FILL_BYTES):
            return events, False
        events.append(row.event(epoch))
    return events, True


def select(condition: str, values: Sequence[Any]) -> list[Row]:
    """Return a room's rows; the first value is the room's id."""
    return list(streamed(condition, values))


def streamed(condition: str, values: Sequence[Any]) -> Iterator[Row]:
    """Yield the same, read as they are taken: who stops early has not paid for the rest."""
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {SELECT} FROM chat_message WHERE room_id = %s AND {condition}", values)
        while rows := cursor.fetchmany(FETCH):
            yield from (Row(*row) for row in rows)


def cut(slug: str, head: Head, rows: Iterable[Row], limits: Limits) -> tuple[list[Raw], bool]:
    """Return rows as messages, as many as the limits allow; and whether that cut some off."""
    taken: list[Raw] = []
    size = 0
    for row in rows:
        encoded = json.encode(json.payload_of(slug, row.event(head.epoch)))
        size += len(encoded) + 1
        if len(taken) >= limits.least and (len(taken) >= limits.messages or size > limits.size):
            return taken, True
        taken.append(Raw(encoded))
    return taken, False
