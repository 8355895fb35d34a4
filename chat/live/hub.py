"""The hub: the rooms that have members here, and who they are."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from operator import attrgetter

from chat.live.connection import Connection
from chat.live.gather import Gather
from chat.wire.codec import Codec
from chat.wire.events import Event

logger = logging.getLogger("chat.hub")

_is_ephemeral = attrgetter("ephemeral")


class LiveRoom:
    """One room's members on this process, by codec, and the events on their way to them."""

    __slots__ = ("gather", "members", "slug")

    def __init__(self, slug: str, loop: asyncio.AbstractEventLoop) -> None:
        self.slug = slug
        self.members: dict[Codec, set[Connection]] = {}
        self.gather = Gather(self.carry, loop)

    def __len__(self) -> int:
        return sum(map(len, self.members.values()))

    def carry(self, events: list[Event]) -> None:
        """Encode events once for each codec and append the same bytes to every member's outbox."""
        ephemeral = sum(map(_is_ephemeral, events))
        for codec, members in self.members.items():
            if not members:
                continue
            try:
                batch = codec.encode(self.slug, events)
                if not ephemeral:
                    for member in tuple(members):
                        member.outbox.put(batch)
                    continue
                lasting = [event for event in events if not event.ephemeral]
                rest = codec.encode(self.slug, lasting) if lasting else None
                for member in tuple(members):
                    member.outbox.put_or_shed(batch, rest, ephemeral)
            except Exception:
                logger.exception("a pass of %d events in room %s failed", len(events), self.slug)


class Hub:
    """Adds and discards members of rooms, and delivers events to them. Knows nothing else."""

    def __init__(self) -> None:
        self.rooms: dict[str, LiveRoom] = {}
        self.on_change: Callable[[], None] = lambda: None

    def add(self, slug: str, member: Connection) -> None:
        room = self.rooms.get(slug)
        if room is None:
            room = self.rooms[slug] = LiveRoom(slug, member.lane.loop)
            self.on_change()
        room.members.setdefault(member.codec, set()).add(member)
        member.rooms.add(slug)

    def discard(self, slug: str, member: Connection) -> None:
        member.rooms.discard(slug)
        room = self.rooms.get(slug)
        if room is None:
            return
        room.members.get(member.codec, set()).discard(member)
        if not len(room):
            del self.rooms[slug]
            self.on_change()

    def deliver(self, slug: str, event: Event) -> None:
        """Send an event to every member of a room that is here."""
        room = self.rooms.get(slug)
        if room is not None:
            room.gather.add(event)

    def members(self, slug: str) -> list[Connection]:
        """Return who is in a room here."""
        room = self.rooms.get(slug)
        return [member for members in room.members.values() for member in members] if room is not None else []

    def count(self, slug: str) -> int:
        """Return how many connections are in a room here."""
        room = self.rooms.get(slug)
        return len(room) if room is not None else 0

    async def relief(self, slug: str) -> None:
        """Wait while a room has more events waiting than it can carry."""
        room = self.rooms.get(slug)
        if room is not None and room.gather.crowded:
            await room.gather.relief()
