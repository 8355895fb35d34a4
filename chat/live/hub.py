"""The hub: the rooms that have members here, and who they are."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Collection, Sequence
from operator import attrgetter

from chat.live.connection import Connection
from chat.live.gather import Gather
from chat.live.stream import Fill, Head, Stream
from chat.wire.codec import Codec
from chat.wire.codes import RESYNC
from chat.wire.events import START, Broadcast, Changed, Event, Heard, Member, Message, Place, Told, after

logger = logging.getLogger("chat.hub")

# What is kept for somebody who is joining; who waits longer than that recovers by joining once more.
MAX_BUFFERED = 1000

_is_ephemeral = attrgetter("ephemeral")


class LiveRoom:
    """One room's members on this process, by codec, and the events on their way to them.

    A durable room has a stream, and a `place`: how far its members have heard. Who is `joining` hears nothing yet: what
    passes is kept for them. Who is `ahead` has read more than has passed, until it has. What came after `whole_after` has
    all passed, or will.
    """

    def __init__(self, slug: str, loop: asyncio.AbstractEventLoop) -> None:
        self.slug = slug
        self.members: dict[Codec, set[Connection]] = {}
        self.joining: dict[Connection, list[Told]] = {}
        self.ahead: dict[Connection, Place] = {}
        self.place = START
        self.whole_after = 0
        self.stream: Stream | None = None
        self.on_empty: Callable[[], None] = lambda: None
        self.gather = Gather(self.carry, loop)

    def __len__(self) -> int:
        return sum(map(len, self.members.values())) + len(self.joining) + len(self.ahead)

    def carry(self, events: list[Event]) -> None:
        """Hand events to everybody; who may read no more hears nothing that comes after that."""
        heard: list[Heard] = []
        for event in events:
            if not isinstance(event, Member):
                heard.append(event)
            elif not event.reads:
                if heard:
                    self._carry(heard)
                heard = []
                self.shut_out({event.person})
        if heard:
            self._carry(heard)
        if not len(self):
            self.on_empty()

    def _carry(self, events: list[Heard]) -> None:
        """Encode events once for each codec and append the same bytes to every member's outbox."""
        ephemeral = sum(map(_is_ephemeral, events))
        for codec, members in self.members.items():
            if not members:
                continue
            try:
                self._carry_to(codec, members, events, ephemeral)
            except Exception:
                logger.exception("a pass of %d events in room %s failed", len(events), self.slug)
        if self.joining or self.ahead:
            self._carry_to_the_late(events)
        self.place = after(self.place, events)
        if self.ahead:
            self._level()

    def _carry_to(self, codec: Codec, members: set[Connection], events: list[Heard], ephemeral: int) -> None:
        batch = codec.encode(self.slug, events, self.place)
        if not ephemeral:
            if batch.frames:
                for member in tuple(members):
                    member.outbox.put(batch)
            return
        lasting = [event for event in events if not event.ephemeral]
        rest = codec.encode(self.slug, lasting, self.place) if lasting else None
        for member in tuple(members):
            member.outbox.put_or_shed(batch, rest, ephemeral)

    def _carry_to_the_late(self, events: list[Heard]) -> None:
        told = [event for event in events if not isinstance(event, Broadcast)]
        for buffered in self.joining.values():
            if len(buffered) <= MAX_BUFFERED:
                buffered.extend(told)
        for member, place in self.ahead.items():
            self.ahead[member] = self._catch_up(member, events, place)

    def _catch_up(self, member: Connection, events: Sequence[Heard], place: Place) -> Place:
        """Hand a member what it has not read, and what nobody can read; return how far it has heard then."""
        later = [event for event in events if isinstance(event, Broadcast) or (event.offset or 0) > place.offset]
        if later:
            batch = member.codec.encode(self.slug, later, place)
            if batch.frames:
                member.put(batch)
        return after(place, later)

    def _level(self) -> None:
        """Let those whom the others have caught up with hear what the others hear."""
        for member, place in list(self.ahead.items()):
            if place.offset <= self.place.offset:
                del self.ahead[member]
                self.members.setdefault(member.codec, set()).add(member)

    def enter(self, member: Connection, head: Head) -> bool:
        """Make a joining member live, from the head that it has read.

        False where too much has passed meanwhile, or the log is another one by now, or who read later came first: the
        stream began there, and what is between has passed nobody.
        """
        buffered = self.joining.pop(member, None)
        if buffered is None or len(buffered) > MAX_BUFFERED or not self.open(head) or head.offset < self.whole_after:
            return False
        same = [event for event in buffered if event.epoch == head.epoch]
        self.ahead[member] = self._catch_up(member, same, Place(head.offset, head.number))
        self._level()
        return True

    def open(self, head: Head) -> bool:
        """Let the stream begin where the first who joins has read to; False where it is another log's."""
        assert self.stream is not None
        if self.stream.epoch is None:
            self._begin(head)
        return self.stream.open(head)

    def _begin(self, head: Head) -> None:
        self.place, self.whole_after = Place(head.offset, head.number), head.offset

    def start_over(self, head: Head) -> None:
        """Tell everybody to join again: the log is another one, or went back. Raw members hear what comes from now on."""
        self.gather.waiting.clear()
        self._begin(head)
        for member in self.live():
            again = member.codec.encode_resync(self.slug)
            self.discard(member)
            if again is None:
                self.members.setdefault(member.codec, set()).add(member)
            else:
                member.rooms.discard(self.slug)
                member.put(again)

    def shut_out(self, people: Collection[str]) -> None:
        """Put people out, to join again and be told there whether they may."""
        for member in [*self.live(), *self.joining]:
            if member.person.id not in people:
                continue
            if member in self.joining:
                del self.joining[member]  # Its `enter` finds nothing, and says so.
                continue
            self.discard(member)
            member.rooms.discard(self.slug)
            again = member.codec.encode_resync(self.slug)
            if again is None:
                member.close(RESYNC)
            else:
                member.put(again)

    def live(self) -> list[Connection]:
        """Return the members that hear what passes."""
        return [*(member for members in self.members.values() for member in members), *self.ahead]

    def discard(self, member: Connection) -> None:
        self.members.get(member.codec, set()).discard(member)
        self.joining.pop(member, None)
        self.ahead.pop(member, None)


Read = Callable[[str, int], Awaitable[Fill | None]]


async def nothing(slug: str, since: int) -> None:
    """Read nothing, where no room is durable."""


class Hub:
    """Adds and discards members of rooms, and delivers events to them. `read(slug, since)` fills durable rooms' streams."""

    def __init__(self, read: Read = nothing) -> None:
        self.read = read
        self.rooms: dict[str, LiveRoom] = {}
        self.on_change: Callable[[], None] = lambda: None
        self._gaps = self._filled = 0

    @property
    def gaps(self) -> tuple[int, int]:
        """Return how often something was missing in a stream, and how many changes were read in its place."""
        streams = [room.stream for room in self.rooms.values() if room.stream is not None]
        return self._gaps + sum(it.gaps for it in streams), self._filled + sum(it.filled for it in streams)

    def room(self, slug: str, loop: asyncio.AbstractEventLoop) -> LiveRoom:
        room = self.rooms.get(slug)
        if room is None:
            room = self.rooms[slug] = LiveRoom(slug, loop)
            room.on_empty = lambda: self._drop_empty(slug)
            self.on_change()
        return room

    def add(self, slug: str, member: Connection) -> None:
        """Let a member hear a volatile room."""
        self.room(slug, member.lane.loop).members.setdefault(member.codec, set()).add(member)
        member.rooms.add(slug)

    def begin(self, slug: str, member: Connection) -> None:
        """Keep what passes in a durable room for somebody who is going to read its log. A live member is so again after."""
        room = self.room(slug, member.lane.loop)
        if room.stream is None:
            room.stream = Stream(
                room.gather.add_all,
                lambda since: self.read(slug, since),
                lambda head: self._start_over(slug, head),
                lambda people: self.shut_out(slug, people),
                member.lane.loop,
            )
        room.discard(member)
        room.joining[member] = []
        member.rooms.add(slug)

    def enter(self, slug: str, member: Connection, head: Head) -> bool:
        """Let somebody who began hear what comes after the head that they have read; False: they must begin again."""
        room = self.rooms.get(slug)
        if room is not None and room.enter(member, head):
            return True
        self.discard(slug, member)
        return False

    def discard(self, slug: str, member: Connection) -> None:
        member.rooms.discard(slug)
        room = self.rooms.get(slug)
        if room is None:
            return
        room.discard(member)
        self._drop_empty(slug)

    def clear(self, slug: str) -> list[Connection]:
        """Put everybody out at once, and return whom to tell; who is on their way in finds that they have to begin again.

        At once: who comes again while others are told must find the room as it is now, not as it was.
        """
        room = self.rooms.get(slug)
        if room is None:
            return []
        members = room.live()
        room.joining.clear()
        for member in members:
            room.discard(member)
            member.rooms.discard(slug)
        self._drop_empty(slug)
        return members

    def shut_out(self, slug: str, people: Collection[str]) -> None:
        """Put people out of a room who may not read there any more."""
        room = self.rooms.get(slug)
        if room is not None:
            room.shut_out(people)
            self._drop_empty(slug)

    def _start_over(self, slug: str, head: Head) -> None:
        self.rooms[slug].start_over(head)
        self._drop_empty(slug)

    def _drop_empty(self, slug: str) -> None:
        room = self.rooms.get(slug)
        if room is not None and not len(room):
            if room.stream is not None:
                room.stream.close()
                self._gaps += room.stream.gaps
                self._filled += room.stream.filled
            del self.rooms[slug]
            self.on_change()

    def deliver(self, slug: str, event: Event) -> None:
        """Send an event to every member of a room that is here."""
        room = self.rooms.get(slug)
        if room is None:
            return
        if room.stream is not None and isinstance(event, Message | Changed | Member):
            if event.offset is not None:
                room.stream.offer(event)
        else:
            room.gather.add(event)

    def members(self, slug: str) -> list[Connection]:
        """Return who is in a room here."""
        room = self.rooms.get(slug)
        return room.live() if room is not None else []

    def present(self, slug: str) -> list[Connection]:
        """Return who is in a room here, or on their way in."""
        room = self.rooms.get(slug)
        return [*room.live(), *room.joining] if room is not None else []

    def count(self, slug: str) -> int:
        """Return how many connections are in a room here."""
        room = self.rooms.get(slug)
        return len(room) if room is not None else 0

    def positions(self, slugs: Sequence[str]) -> dict[str, int]:
        """Return how far the streams of these rooms are."""
        streams = ((slug, self.rooms[slug].stream) for slug in slugs if slug in self.rooms)
        return {slug: stream.position for slug, stream in streams if stream is not None}

    def seen(self, slug: str, head: Head, position: int) -> None:
        """Hear where a room's log stands, from a look that began when its stream was at `position`."""
        room = self.rooms.get(slug)
        if room is not None and room.stream is not None:
            room.stream.seen(head, position)

    def number(self, slug: str) -> int | None:
        """Return the number of the last message that has passed in a room here, 0 where none has; None: it keeps none."""
        room = self.rooms.get(slug)
        if room is None:
            return 0
        return room.place.number if room.stream is not None else None

    def is_durable(self, slug: str) -> bool:
        room = self.rooms.get(slug)
        return room is not None and room.stream is not None

    async def relief(self, slug: str) -> None:
        """Wait while a room has more events waiting than it can carry."""
        room = self.rooms.get(slug)
        if room is not None and room.gather.crowded:
            await room.gather.relief()
