"""Membership: this process is in the groups of the rooms that have members here."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Collection

logger = logging.getLogger("chat.membership")

# A room that lost its last member keeps its group this long: somebody who reloads comes back to it.
LINGER_SECONDS = 10.0
REPAIR_SECONDS = 5.0
# A join waits so long for its room's group; then it goes on, and the group is joined when the layer answers.
JOIN_SECONDS = 1.0
GROUP_SECONDS = 2.0

Verb = Callable[[str], Awaitable[None]]


class Membership:
    """A wish (the hub's rooms) and a fact (the groups joined), made equal by one task."""

    def __init__(self, wish: Callable[[], Collection[str]], clock: Callable[[], float]) -> None:
        self.wish = wish
        self.clock = clock
        self.facts: set[str] = set()
        self.last_wished: dict[str, float] = {}
        self.wake = asyncio.Event()
        self.changed = asyncio.Condition()
        self.failing = False

    def touch(self) -> None:
        """Compare soon: a room got its first member or lost its last."""
        self.wake.set()

    async def joined(self, room: str) -> bool:
        """Wish for a room and wait for its group, at most JOIN_SECONDS; tell whether it is joined."""
        self.last_wished[room] = self.clock()
        if room in self.facts:
            return True
        if self.failing:
            self.touch()
            return False
        self.touch()
        try:
            async with asyncio.timeout(JOIN_SECONDS), self.changed:
                await self.changed.wait_for(lambda: room in self.facts or self.failing)
        except TimeoutError:
            logger.info("room %s goes on without its group: the channel layer has not answered", room)
        return room in self.facts

    async def keep(self, add: Verb, discard: Verb) -> None:
        """Make the fact equal to the wish, for ever; a failure ends it.

        Raises: whatever `add` and `discard` raise; TimeoutError.
        """
        while True:
            self.wake.clear()
            await self._compare(add, discard)
            self.failing = False
            async with self.changed:
                self.changed.notify_all()
            try:
                async with asyncio.timeout(REPAIR_SECONDS):
                    await self.wake.wait()
            except TimeoutError:
                pass  # Time to compare again.

    async def _compare(self, add: Verb, discard: Verb) -> None:
        now = self.clock()
        for room in self.wish():
            self.last_wished[room] = now
        for room in self.last_wished.keys() - self.facts:
            if now - self.last_wished[room] >= LINGER_SECONDS:
                del self.last_wished[room]  # Asked for and never entered.
                continue
            async with asyncio.timeout(GROUP_SECONDS):
                await add(room)
            self.facts.add(room)
            async with self.changed:
                self.changed.notify_all()
        for room in list(self.facts):
            if now - self.last_wished.get(room, now) >= LINGER_SECONDS:
                # Forgotten first: who joins while the layer is being told must not take the old fact for a new one.
                self.facts.discard(room)
                del self.last_wished[room]
                async with asyncio.timeout(GROUP_SECONDS):
                    await discard(room)

    async def lost(self) -> None:
        """Forget the fact: the layer's connection is gone. Who waits for a group goes on without."""
        self.facts.clear()
        self.failing = True
        async with self.changed:
            self.changed.notify_all()
