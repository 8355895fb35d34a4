"""The look: once a second each process reads what may have changed, whoever changed it and however.

The rows themselves are the truth: a change by the admin, the shell or a bulk update is found alike, and no message
between processes is needed for it, so it is in force within two seconds with a dead channel layer too.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import socket
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Protocol

from chat import notes
from chat.database import Database, Unavailable, ask
from chat.models import Process, Room
from chat.models.process import Other
from chat.notes import Notes
from chat.rooms.permissions import COLUMNS, Policy
from chat.rooms.recovery import Head
from chat.wire.origins import Pattern

logger = logging.getLogger("chat.look")

SECONDS = 1.0
# Who wants a look at once gets one, but not more often than this.
LEAST_SECONDS = 0.1
# Rooms that one look asks after; of more than these, the next looks ask after the next.
MAX_ROOMS = 1000
# A process tells of itself so often: its row is also how it finds out that it cannot write, and that it can again.
TELL_SECONDS = 5.0
GOODBYE_SECONDS = 0.5


@dataclass(frozen=True, slots=True)
class Figures:
    """What a process tells of itself."""

    connections: int
    rooms: int
    layer: str


@dataclass(frozen=True, slots=True)
class Seen:
    """What a look found: the allow-list, its rows that make no sense, and of the rooms asked after which are no more.

    `switched` are those that have become durable or volatile since they were opened here;
    `heads` tells where the durable ones stand; `positions` where their streams were when the look began; `policies` who
    may do what in all of them. `noted` are users who have changed, by the numbers of the notes that say so.
    """

    patterns: frozenset[Pattern]
    malformed: tuple[str, ...]
    gone: frozenset[str]
    switched: frozenset[str] = frozenset()
    heads: Mapping[str, Head] = field(default_factory=dict)
    positions: Mapping[str, int] = field(default_factory=dict)
    policies: Mapping[str, Policy] = field(default_factory=dict)
    noted: Mapping[int, int] = field(default_factory=dict)


class Rooms(Protocol):
    """The rooms that have members here."""

    @property
    def rooms(self) -> Mapping[str, object]: ...
    def positions(self, slugs: Sequence[str]) -> dict[str, int]: ...


def read(slugs: Sequence[str], positions: Mapping[str, int], since: int | None = None) -> Seen:
    """Return what the database says now; `positions` has the rooms that are durable here.

    `since` is the last note that is known (chat.notes).

    Raises: django.db.Error.
    """
    fields = ("slug", "durable", "id", "epoch", "head", "last", *COLUMNS)
    rows = list(Room.objects.filter(slug__in=slugs).values_list(*fields)) if slugs else []
    gone = frozenset(slugs) - {row[0] for row in rows}
    switched = frozenset(row[0] for row in rows if row[1] != (row[0] in positions))
    heads = {row[0]: Head(*row[2:6]) for row in rows if row[1]}
    policies = {row[0]: Policy(*row[6:]) for row in rows}
    patterns, malformed, noted = notes.read(since)
    return Seen(patterns, malformed, gone, switched, heads, positions, policies, noted)


class Look:
    """Looks once a second, with a database thread of its own; while the database is down, what was seen last holds."""

    def __init__(
        self,
        node: str,
        database: Database,
        clock: Callable[[], float],
        rooms: Rooms,
        figures: Callable[[], Figures],
        seen: Callable[[Seen], Awaitable[None]],
    ) -> None:
        self.node = node
        self.database = database
        self.clock = clock
        self.rooms = rooms
        self.figures = figures
        self.seen = seen
        self.place = f"{socket.gethostname()[:100]}:{os.getpid()}"
        self.answers = True
        self.malformed: tuple[str, ...] = ()
        self.began = float("-inf")
        self.under_way: asyncio.Task[None] | None = None
        self.wanted = asyncio.Event()
        self.notes = Notes()
        self.asked = 0
        self.told_at = float("-inf")
        # Raises OSError where who writes here could not begin to; the other two hear of each write's outcome.
        self.check: Callable[[], None] = lambda: None
        self.wrote: Callable[[], None] = lambda: None
        self.failed: Callable[[BaseException], None] = lambda error: None
        # What this process's row says of its SECRET_KEY; and who hears of the other processes' rows.
        self.key = ""
        self.found: Callable[[Sequence[Other]], None] = lambda others: None

    async def run(self) -> None:
        """Look for ever: once a second, and at once where it is wanted."""
        while True:
            if self.under_way is not None:
                await asyncio.wait([self.under_way])  # It may have read what was before the wish.
            self.wanted.clear()
            await self.once()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(max(0.0, self.began + SECONDS - self.clock())):
                    await self.wanted.wait()
            await asyncio.sleep(max(0.0, self.began + LEAST_SECONDS - self.clock()))

    def soon(self) -> None:
        """Look without waiting for the next second: something may have changed."""
        self.wanted.set()

    async def fresh(self) -> None:
        """Wait until what is known was read within the last second, or the database has not answered."""
        if self.under_way is not None or self.clock() - self.began >= SECONDS:
            await self.once()

    async def once(self) -> None:
        """Look now; who asks while a look is under way waits for that one."""
        if self.under_way is None:
            self.began = self.clock()
            self.under_way = asyncio.get_running_loop().create_task(self._look(), name="look")
            self.under_way.add_done_callback(self._looked)
        await asyncio.wait([self.under_way])

    def _looked(self, task: asyncio.Task[None]) -> None:
        self.under_way = None
        if not task.cancelled() and task.exception() is not None:
            logger.error("A look failed", exc_info=task.exception())

    async def _look(self) -> None:
        try:
            slugs = self._slice()
            seen = await ask(self.database, read, slugs, self.rooms.positions(slugs), self.notes.since)
        except Unavailable as error:
            if self.answers:
                logger.warning(
                    "The database does not answer (%s): allow-list and rooms stay as they were last seen", error
                )
            self.answers = False
            self.failed(error)
            return
        if not self.answers:
            logger.info("The database answers again")
        self.answers = True
        self._complain(seen.malformed)
        await self.seen(seen)
        await self._tell()

    def _slice(self) -> list[str]:
        """Return the next rooms to ask after."""
        rooms = self.rooms.rooms
        first = self.asked if self.asked < len(rooms) else 0
        self.asked = first + MAX_ROOMS
        return list(islice(rooms, first, first + MAX_ROOMS))

    def _complain(self, malformed: tuple[str, ...]) -> None:
        for text in malformed:
            if text not in self.malformed:
                logger.warning("The allowed origin %r makes no sense and lets nobody in (chat.E008)", text[:200])
        self.malformed = malformed

    async def _tell(self) -> None:
        """Write the process's figures, where it is time.

        A database that can be read may not be written to, while another writer holds it or for long: that must not
        keep what was seen from being in force, nor be tried each second.
        """
        figures, now = self.figures(), self.clock()
        if now - self.told_at < TELL_SECONDS:
            return
        self.told_at = now
        try:
            others = await ask(self.database, self._write, figures)
        except (Unavailable, OSError) as error:
            logger.warning("The figures of this process could not be written: %s", error)
            self.failed(error)
        else:
            self.wrote()
            self.found(others)

    def _write(self, figures: Figures) -> list[Other]:
        self.check()
        Process.tell(self.node, self.place, figures.connections, figures.rooms, figures.layer, self.key)
        return Process.others(self.node)

    async def goodbye(self) -> None:
        """Take the process's row away; where that fails the row is swept when it is old."""
        if self.under_way is not None:
            self.under_way.cancel()
        if self.told_at == float("-inf"):
            return
        with contextlib.suppress(Unavailable, TimeoutError):
            async with asyncio.timeout(GOODBYE_SECONDS):
                await ask(self.database, Process.forget, self.node)
