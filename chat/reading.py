"""Reading: what a client asks for that needs a room's log or row: joins and history."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from chat.database import Unavailable, ask
from chat.doors import reader_of
from chat.live.connection import Connection
from chat.node import Node
from chat.rooms import recovery
from chat.rooms.directory import RoomCard
from chat.rooms.recovery import PAGE, Head, Limits, Page
from chat.wire.codes import Error, WireError
from chat.wire.commands import History, Id, Join, RoomSince, Since

NO_DATABASE = "The database does not answer."

Answer = Callable[[str, Id, Any], None]


@dataclass(frozen=True, slots=True)
class Entry:
    """A room's part of a join's answer; `head` where the connection is to become live there."""

    answer: dict[str, Any]
    slug: str = ""
    head: Head | None = None


class Reading:
    """Joins rooms and reads in them, for one connection. Runs as jobs: one at a time, in order."""

    def __init__(self, node: Node, connection: Connection, answer: Answer) -> None:
        self.node = node
        self.connection = connection
        self.answer = answer

    async def join(self, id: Id, join: Join) -> None:
        if join.rooms is None:
            assert join.room is not None
            entry = await self.prepare(join.room, join.since)
            self.answer("ack", id, entry.answer)
            self.enter([entry])
            return
        entries: list[Entry] = []
        for wanted in join.rooms:
            # One answer, one limit: what is left of it is shared among the rooms that are left.
            told = [message for entry in entries for message in entry.answer.get("messages", ())]
            entries.append(await self.try_prepare(wanted, recovery.share(told, len(join.rooms) - len(entries))))
        self.answer("ack", id, {"rooms": [entry.answer for entry in entries]})
        self.enter(entries)

    async def try_prepare(self, wanted: RoomSince, limits: Limits) -> Entry:
        try:
            return await self.prepare(wanted.room, wanted.since, limits)
        except WireError as error:
            return Entry(
                {"room": wanted.room, "error": {"code": error.code.value, "message": error.message, **error.named()}}
            )
        except Unavailable:
            return Entry({"room": wanted.room, "error": {"code": Error.UNAVAILABLE.value, "message": NO_DATABASE}})

    async def prepare(self, slug: str, since: Since | None, limits: Limits = PAGE) -> Entry:
        """Return a join's answer; of a durable room with the head that it was read at. Raises: WireError, Unavailable."""
        card = await self.node.directory.find(slug)
        if card is None:
            raise WireError(Error.NOT_FOUND, f"There is no room {slug!r}.")
        self.check_place(slug)
        if card.durable:
            return await self.prepare_durable(card, since, limits)
        await self.node.doors.enter_volatile(card, self.connection)
        return Entry(self.describe(card))

    async def prepare_durable(self, card: RoomCard, since: Since | None, limits: Limits) -> Entry:
        """Read a room's log, while what passes in it is kept; `enter` makes the connection live.

        Raises: WireError, Unavailable.
        """
        self.node.hub.begin(card.slug, self.connection)
        try:
            await self.node.membership.joined(card.slug)
            reader = reader_of(card.slug, self.connection)
            page = await ask(self.node.reader, recovery.recover, card.slug, since, limits, reader)
            if page is None:
                raise WireError(Error.NOT_FOUND, f"There is no room {card.slug!r}.")
        except BaseException:
            self.node.hub.discard(card.slug, self.connection)
            raise
        if page.more:
            self.node.hub.discard(card.slug, self.connection)
            return Entry(self.describe(card, page))
        return Entry(self.describe(card, page), card.slug, page.head)

    def enter(self, entries: Sequence[Entry]) -> None:
        """Make the connection live where it has been answered; who fell behind meanwhile is told to join again."""
        # Of a room that was asked for twice, the last answer holds.
        for entry in {entry.slug: entry for entry in entries if entry.head is not None}.values():
            assert entry.head is not None
            self.node.doors.entered(entry.slug, entry.head.policy)
            if self.connection.closing is not None:
                self.node.hub.discard(entry.slug, self.connection)
            elif not self.node.hub.enter(entry.slug, self.connection, entry.head):
                again = self.connection.codec.encode_resync(entry.slug)
                if again is not None:
                    self.connection.put(again)

    async def history(self, id: Id, wanted: History) -> None:
        """Answer with messages by number. Raises: WireError, Unavailable."""
        if wanted.room not in self.connection.rooms:
            raise WireError(Error.NOT_JOINED, f"Join {wanted.room[:64]!r} before you read in it.")
        span = (wanted.before, wanted.after, wanted.limit)
        page = await ask(
            self.node.reader, recovery.history, wanted.room, *span, reader_of(wanted.room, self.connection)
        )
        if page is None:
            raise WireError(Error.UNSUPPORTED, "This room keeps no messages.")
        self.answer("ack", id, {"messages": page.messages, "more": page.more})

    def check_place(self, slug: str) -> None:
        most = self.node.conf.max_rooms_per_connection
        if slug not in self.connection.rooms and len(self.connection.rooms) >= most:
            raise WireError(Error.TOO_MANY_ROOMS, f"A connection may be in {most} rooms: leave one first.")
        if not self.node.has_place_for(slug):
            raise WireError(Error.TOO_MANY_ROOMS, "This server has as many rooms open as it may.")

    def describe(self, card: RoomCard, page: Page | None = None) -> dict[str, Any]:
        """Return a join's answer; a volatile room has no position and no messages."""
        return {
            "room": card.slug,
            "title": card.title,
            "topic": card.topic,
            "you": self.connection.person,
            "epoch": page.head.epoch if page else None,
            "offset": page.offset if page else None,
            "recovered": page.recovered if page else False,
            "messages": page.messages if page else [],
            "more": page.more if page else False,
            "count": self.node.hub.count(card.slug),
            "members": [],
        }
