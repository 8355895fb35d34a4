"""Incoming data: how much of it may wait, and how long a message may stay unfinished."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

# Reading stops while so many frames wait for the application, and goes on at half.
FRAMES_PAUSE = 64
FRAMES_RESUME = 32
# One read of 256 KiB may hold 40,000 empty frames: a parser is fed in slices, and not at all while reading is paused.
SLICE_BYTES = 16 * 1024
# From a message's first fragment to its last.
UNFINISHED_SECONDS = 30.0
# Fragments a message may have: these and one for each 16 bytes of the limit; empty ones cost memory too (the class of
# CVE-2026-48779).
FRAGMENTS = 64
FRAGMENT_BYTES = 16


class Unfinished:
    """Watches one connection's fragmented message: its number of fragments and its time."""

    __slots__ = ("_count", "_loop", "_timer", "most", "on_late")

    def __init__(self, loop: asyncio.AbstractEventLoop, on_late: Callable[[], None]) -> None:
        self.on_late = on_late
        self.most = FRAGMENTS
        self._loop = loop
        self._count = 0
        self._timer: asyncio.TimerHandle | None = None

    def limit(self, max_bytes: int) -> None:
        self.most = FRAGMENTS + max_bytes // FRAGMENT_BYTES

    def frame(self, final: bool) -> bool:
        """Count a data frame; return False where the message has too many by now."""
        if final:
            self.end()
            return True
        if self._timer is None:
            self._timer = self._loop.call_later(UNFINISHED_SECONDS, self.on_late)
        self._count += 1
        return self._count < self.most

    def end(self) -> None:
        self._count = 0
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


class Feed:
    """Hands received bytes to a parser in slices; keeps the rest while reading is paused."""

    __slots__ = ("_held", "_parse", "paused")

    def __init__(self, parse: Callable[[bytes], None]) -> None:
        self._parse = parse
        self._held = b""
        self.paused = False

    def data(self, data: bytes) -> None:
        if self._held:
            data, self._held = self._held + data, b""
        if len(data) <= SLICE_BYTES and not self.paused:
            self._parse(data)
            return
        offset = 0
        while offset < len(data) and not self.paused:
            self._parse(data[offset : offset + SLICE_BYTES])
            offset += SLICE_BYTES
        self._held = data[offset:]

    def resume(self) -> bool:
        """Go on with what was held; return whether reading may go on too."""
        self.paused = False
        if self._held:
            self.data(b"")
        return not self.paused
