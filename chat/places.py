"""Places: how many requests of a kind run at once, and who waits for how long.

Each place is a thread of its own with a database connection of its own, so the number of places bounds both.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import OrderedDict, deque
from concurrent.futures import ThreadPoolExecutor

from chat.live.addresses import counted_as

# A request that waits longer is refused: its browser would give up soon.
WAIT_SECONDS = 10.0


class Full(Exception):
    """There is no place, and none soon."""


def nothing() -> None:
    """Do nothing: a thread that has come to this is done with what it had."""


class Places:
    """`at_once` places, for requests of one kind; `waiting` more wait, those of each address in a line of their own.

    The lines take turns, so an address with many requests keeps no other one waiting. When all lines together are full, a
    newcomer takes the last position of the longest line, unless the newcomer's own line is as long.
    """

    def __init__(self, name: str, at_once: int, waiting: int, seconds: float = WAIT_SECONDS) -> None:
        self.name = name
        self.at_once = at_once
        self.waiting = waiting
        self.seconds = seconds
        # Threads start when they are first needed. The one that was used last is used next: its connection is open.
        self.free = [ThreadPoolExecutor(1, thread_name_prefix=f"chat-{name}-{number}") for number in range(at_once)]
        self.lines: OrderedDict[str, deque[asyncio.Future[ThreadPoolExecutor]]] = OrderedDict()

    @property
    def length(self) -> int:
        """Return how many wait."""
        return sum(len(line) for line in self.lines.values())

    async def take(self, address: str) -> ThreadPoolExecutor:
        """Return a place's thread, for `give_back`. Raises: Full."""
        if self.free:
            return self.free.pop()
        key = counted_as(address)
        if self.length >= self.waiting:
            self._make_room(key)
        coming: asyncio.Future[ThreadPoolExecutor] = asyncio.get_running_loop().create_future()
        self.lines.setdefault(key, deque()).append(coming)
        try:
            async with asyncio.timeout(self.seconds):
                return await coming
        except (TimeoutError, asyncio.CancelledError) as error:
            # It may have got a place in the same moment: that one goes to the next.
            if coming.done() and not coming.cancelled():
                self._pass_on(coming.result())
            if isinstance(error, TimeoutError):
                raise Full from None
            raise
        finally:
            self._leave(key, coming)

    def _make_room(self, key: str) -> None:
        """Refuse the last of the longest line, or the newcomer. Raises: Full."""
        longest = max(self.lines.values(), key=len, default=None)
        if longest is None or len(self.lines.get(key, ())) + 1 >= len(longest):
            raise Full
        longest.pop().set_exception(Full())

    def _leave(self, key: str, coming: asyncio.Future[ThreadPoolExecutor]) -> None:
        """Take a request out of its line, where it still stands in one."""
        line = self.lines.get(key)
        if line is None:
            return
        with contextlib.suppress(ValueError):
            line.remove(coming)
        if not line:
            del self.lines[key]

    def give_back(self, place: ThreadPoolExecutor) -> None:
        """Let the next have a place as soon as its thread is idle: a view goes on when its client is gone."""
        loop = asyncio.get_running_loop()

        def idle(_: object) -> None:
            with contextlib.suppress(RuntimeError):  # The loop has ended, and nobody waits.
                loop.call_soon_threadsafe(self._pass_on, place)

        place.submit(nothing).add_done_callback(idle)

    def _pass_on(self, place: ThreadPoolExecutor) -> None:
        while self.lines:
            key, line = self.lines.popitem(last=False)
            coming = line.popleft()
            if line:
                self.lines[key] = line  # Behind the other addresses.
            if not coming.done():
                coming.set_result(place)
                return
        self.free.append(place)
