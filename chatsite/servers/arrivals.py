"""Requests as they arrive over HTTP: how large a head may be, and how long it and a body may take."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from enum import Enum

from chat.bodies import LINGER_SECONDS

# A head that is too large (HEAD_BYTES) is read on up to here, so that the answer can name its cookies; what is more is
# cut off while it comes.
CUT_BYTES = 64 * 1024
# From the connection, or the end of the answer before, to the end of a head.
HEAD_SECONDS = 10.0
# Of a body, from each byte to the next and from the head to the end: what trickles in holds a connection and a file.
PIECE_SECONDS = 10.0
BODY_SECONDS = 60.0


class Awaited(Enum):
    HEAD = "head"
    BODY = "body"
    ANSWER = "answer"  # of the application, which has its own time


class Arrival:
    """Watches what is to come over one HTTP connection: how long it takes, and the bytes that lead to nothing."""

    __slots__ = ("_body_end", "_loop", "_on_late", "_timer", "_unsent", "awaited", "bytes")

    def __init__(self, loop: asyncio.AbstractEventLoop, on_late: Callable[[], None]) -> None:
        self.awaited: Awaited | None = None
        self.bytes = 0
        self._loop = loop
        self._on_late = on_late
        self._timer: asyncio.TimerHandle | None = None
        self._body_end = 0.0
        self._unsent = 0

    def expect(self, awaited: Awaited) -> None:
        """Tell what is awaited by now: each byte of a body has its time, a head has one for all of it."""
        before, self.awaited = self.awaited, awaited
        if awaited is Awaited.BODY:
            now = self._loop.time()
            if before is not Awaited.BODY:
                self._body_end = now + BODY_SECONDS
            self._set(min(PIECE_SECONDS, max(self._body_end - now, 0.0)))
        elif awaited is not before:
            self._set(HEAD_SECONDS if awaited is Awaited.HEAD else None)

    def anew(self) -> None:
        """Begin with another head."""
        self.awaited = None
        self.bytes = 0
        self._unsent = 0

    def came(self, count: int) -> bool:
        """Count bytes of which the parser has made nothing whole yet; return False where they are too many."""
        self.bytes += count
        return self.bytes <= CUT_BYTES

    def more_time(self) -> None:
        """Wait once more: it is not the client's head or body that is late."""
        self._set(PIECE_SECONDS)

    def still_sending(self, unsent: int) -> bool:
        """Tell whether an answer goes out, however slowly: less of it waits than when this was asked before."""
        before, self._unsent = self._unsent, unsent
        return unsent > 0 and (before == 0 or unsent < before)

    def sent(self) -> None:
        """Let the application answer on, now that enough of it has gone out."""
        self._unsent = 0
        if self.awaited is Awaited.ANSWER:
            self._set(None)

    def linger(self) -> None:
        """Wait for the client to see the last answer and to go."""
        self._set(LINGER_SECONDS)

    def end(self) -> None:
        """Watch no more, and let go of the connection: garbage is seldom looked for."""
        self._set(None)
        self._on_late = nothing

    def _set(self, seconds: float | None) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = None if seconds is None else self._loop.call_later(seconds, self._on_late)


def nothing() -> None:
    """Do nothing."""
