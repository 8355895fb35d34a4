"""A stream: one durable room's changes on this process, in order and without a gap."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol

from chat.wire.events import Logged

logger = logging.getLogger("chat.stream")

# Changes of two processes may cross on their way: a missing one gets this long to come by itself.
PATIENCE_SECONDS = 0.1
# Changes held back while one before them is missing; what is over it is read from the database.
MAX_HELD = 1000
RETRY_SECONDS = 1.0


class Head(Protocol):
    """Where a log stands."""

    @property
    def epoch(self) -> str: ...
    @property
    def offset(self) -> int: ...
    @property
    def number(self) -> int: ...


class Fill(Protocol):
    """What was missed."""

    @property
    def head(self) -> Head: ...
    @property
    def events(self) -> Sequence[Logged]: ...
    @property
    def whole(self) -> bool: ...
    @property
    def outsiders(self) -> frozenset[str]: ...


Read = Callable[[int], Awaitable[Fill | None]]


class Stream:
    """Keeps one room's position; holds back what came too early, and reads what did not come.

    `carry(events)` gets the changes in order. `read(since)` returns what the database has after an offset, or None where
    it cannot say. `start_over(head)` is called where members must recover by themselves: the log is another one.
    `shut_out(people)` is called before what was missed is carried: it is not for those any more.
    Closed until `open` tells the position; what comes before that is held.
    """

    def __init__(
        self,
        carry: Callable[[Sequence[Logged]], None],
        read: Read,
        start_over: Callable[[Head], None],
        shut_out: Callable[[frozenset[str]], None],
        loop: asyncio.AbstractEventLoop,
    ) -> None:
        self.carry = carry
        self.read = read
        self.start_over = start_over
        self.shut_out = shut_out
        self.loop = loop
        self.epoch: str | None = None
        self.position = 0
        self.head = 0
        self.held: dict[int, Logged] = {}
        self.timer: asyncio.TimerHandle | None = None
        self.filling: asyncio.Task[None] | None = None
        self.gaps = 0
        self.filled = 0

    def open(self, head: Head) -> bool:
        """Learn the position from somebody who has just read it; False where that was another log than the known one."""
        if self.epoch is None:
            self._begin(head)
            self._advance()
        elif head.epoch != self.epoch:
            self._doubt()
            return False
        else:
            self.head = max(self.head, head.offset)
            self._wait()
        return True

    def offer(self, event: Logged) -> None:
        """Take a change from this process or from another one, in whatever order they come."""
        assert event.offset is not None
        if self.epoch is not None and event.epoch != self.epoch:
            self._doubt()
            return
        if self.epoch is not None and event.offset <= self.position:
            return
        self.head = max(self.head, event.offset)
        if len(self.held) < MAX_HELD:
            self.held[event.offset] = event
        self._advance()

    def seen(self, head: Head, position: int) -> None:
        """Hear where the log stands, from a look that began when the position was `position`."""
        if self.epoch is None:
            return
        if head.epoch != self.epoch or head.offset < position:
            self._doubt()  # The look may have begun before a restart that is known here already.
        else:
            self.head = max(self.head, head.offset)
            self._wait()

    def close(self) -> None:
        """End what is under way."""
        if self.timer is not None:
            self.timer.cancel()
        if self.filling is not None:
            self.filling.cancel()

    def _advance(self) -> None:
        """Carry what follows the position without a gap."""
        if self.epoch is None:
            return
        ready = []
        while (event := self.held.pop(self.position + 1, None)) is not None:
            self.position += 1
            ready.append(event)
        if ready:
            self.carry(ready)
        self._wait()

    def _wait(self) -> None:
        """Give what is missing a moment, then read it."""
        if self.head > self.position and self.timer is None and self.filling is None:
            self.timer = self.loop.call_later(PATIENCE_SECONDS, self._patience_over, self.position)

    def _patience_over(self, position: int) -> None:
        self.timer = None
        if self.position > position:
            self._wait()  # Something came: what is missing now is another gap.
        elif self.head > self.position:
            self.gaps += 1
            self._doubt()

    def _doubt(self) -> None:
        """Ask the database how the log stands, unless that is under way."""
        if self.filling is None:
            self.filling = self.loop.create_task(self._fill())
            self.filling.add_done_callback(self._fill_ended)

    async def _fill(self) -> None:
        whole = False
        while not whole:  # A read has a limit: what is left of one gap is no other gap.
            since = self.position
            found = await self.read(since)
            if found is None:
                await asyncio.sleep(RETRY_SECONDS)
                return
            if found.head.epoch != self.epoch or found.head.offset < since:
                self._restart(found)
                return
            self._take(found)
            whole = found.whole

    def _take(self, found: Fill) -> None:
        missing = [event for event in found.events if (event.offset or 0) > self.position]
        covered = found.head.offset if found.whole else found.events[-1].offset or 0
        self.head = max(self.head, found.head.offset)
        self.position = max(self.position, covered)
        self.held = {at: event for at, event in self.held.items() if at > self.position}
        self.filled += len(missing)
        if found.outsiders:
            self.shut_out(found.outsiders)
        if missing:
            self.carry(missing)
        self._advance()

    def _fill_ended(self, task: asyncio.Task[None]) -> None:
        self.filling = None
        if task.cancelled():
            return
        if task.exception() is not None:
            logger.error("a stream could not be filled: %r", task.exception())
        self._wait()

    def _restart(self, found: Fill) -> None:
        self._begin(found.head)
        # First: who starts over without being asked, as raw members do, is one who may read.
        if found.outsiders:
            self.shut_out(found.outsiders)
        self.start_over(found.head)
        self._advance()

    def _begin(self, head: Head) -> None:
        self.held = {at: event for at, event in self.held.items() if at > head.offset and event.epoch == head.epoch}
        self.epoch, self.position, self.head = head.epoch, head.offset, max(head.offset, *self.held, 0)
