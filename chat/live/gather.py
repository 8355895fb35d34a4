"""Gathering: when the events of one room leave."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Iterable

from chat.wire.events import MAX_IDS_SHOWN, Broadcast, Changed, Event, Member

# A pass that waits longer than this would be felt.
MAX_WAIT_SECONDS = 0.005
# What one pass may carry: an eighth of the smallest outbox or so, so that no burst alone makes a healthy reader slow.
MAX_PASS_BYTES = 64 * 1024
# An envelope without its text, and one of those whom it names under an emoji.
ENVELOPE_BYTES = 256
REACTION_BYTES = 32
# More than this waits only when senders are without limits: then they are not read from until it is fewer.
MANY_WAITING = 4096


class Gather:
    """Collects events and hands them on in passes.

    A pass starts at once when the last one carried one event; otherwise after half of the time that the last one took,
    so that a busy room's events share encodings and writes.
    """

    __slots__ = ("_carried", "_handle", "_loop", "_pass", "_relief", "_took", "waiting")

    def __init__(self, carry: Callable[[list[Event]], None], loop: asyncio.AbstractEventLoop) -> None:
        self.waiting: deque[Event] = deque()
        self._pass = carry
        self._loop = loop
        self._carried = 0
        self._took = 0.0
        self._handle: asyncio.Handle | None = None
        self._relief: asyncio.Future[None] | None = None

    def add(self, event: Event) -> None:
        self.waiting.append(event)
        if self._handle is None:
            self._schedule()

    def add_all(self, events: Iterable[Event]) -> None:
        self.waiting.extend(events)
        if self._handle is None and self.waiting:
            self._schedule()

    @property
    def crowded(self) -> bool:
        return len(self.waiting) >= MANY_WAITING

    async def relief(self) -> None:
        """Wait until fewer than MANY_WAITING events wait."""
        while self.crowded:
            if self._relief is None:
                self._relief = self._loop.create_future()
            await asyncio.shield(self._relief)

    def _schedule(self) -> None:
        if self._carried <= 1:
            self._handle = self._loop.call_soon(self._run)
        else:
            self._handle = self._loop.call_later(min(MAX_WAIT_SECONDS, self._took / 2), self._run)

    def _run(self) -> None:
        events = self._take()
        started = self._loop.time()
        try:
            self._pass(events)
        finally:
            self._took = self._loop.time() - started
            self._carried = len(events)
            self._handle = None
            if self.waiting:
                self._schedule()
            if self._relief is not None and not self.crowded:
                self._relief.set_result(None)
                self._relief = None

    def _take(self) -> list[Event]:
        events: list[Event] = []
        size = 0
        while self.waiting and size < MAX_PASS_BYTES:
            event = self.waiting.popleft()
            events.append(event)
            size += size_of(event)
        return events


def size_of(event: Event) -> int:
    """Return about how many bytes an event takes on the wire."""
    if isinstance(event, Member):
        return ENVELOPE_BYTES
    if isinstance(event, Broadcast):
        return ENVELOPE_BYTES + len(event.text)
    size = ENVELOPE_BYTES if isinstance(event, Changed) else ENVELOPE_BYTES + len(event.text or event.data or b"")
    if event.reactions:
        size += REACTION_BYTES * sum(min(len(ids), MAX_IDS_SHOWN) for ids in event.reactions.values())
    return size
