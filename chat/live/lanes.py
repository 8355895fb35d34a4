"""Lanes: how an outbox's bytes reach one client's socket."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any

from chat.wire.codes import Close, cut
from chat.wire.frames import Batch, Opcode

logger = logging.getLogger("chat.lanes")

Send = Callable[[dict[str, Any]], Awaitable[None]]

SCOPE_KEY = "chat.lane"
# A peer that was told goodbye answers within this, or is cut off.
CLOSE_SECONDS = 2.0
# What one ASGI send may take; only lanes to servers that we do not know wait at all.
SEND_SECONDS = 10.0
# How much of a stalled reader's backlog the kernel may hold; its own limit is 4 MB a socket (tcp(7), TCP_NOTSENT_LOWAT).
NOTSENT_LOWAT_BYTES = 128 * 1024


class Lane:
    """Writes these bytes now if it can; tells when it can again; aborts.

    `ready` is whether the next write goes straight to the socket; `heard` is the loop's time of the last sign of life;
    `reading` is False while the server itself has stopped reading the connection.
    """

    __slots__ = ("heard", "loop", "on_ready", "reading", "ready")

    server = "unknown"
    # Whether `ping` reaches the client as a ping of RFC 6455, and its pong reaches `heard`.
    pings = True

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        self.ready = True
        self.reading = True
        self.heard = loop.time()
        self.on_ready: Callable[[], None] | None = None

    def write(self, batch: Batch) -> None:
        """Hand one batch to the socket; only called while `ready`."""
        raise NotImplementedError

    def ping(self) -> None:
        raise NotImplementedError

    def close(self, code: int, reason: bytes, goodbye: Batch | None = None) -> None:
        """Send a goodbye and a close frame behind what was written, `ready` or not; cut off after CLOSE_SECONDS."""
        raise NotImplementedError

    def abort(self) -> None:
        """Cut the connection off now."""
        raise NotImplementedError

    def limit(self, max_frame_bytes: int) -> None:
        """Let the server close with 1009 what is larger."""

    def pause(self) -> None:
        self.ready = False

    def resume(self) -> None:
        self.ready = True
        if self.on_ready is not None:
            self.on_ready()


class AsgiLane(Lane):
    """The lane of any other ASGI server: one `await send` at a time, with a time limit around it."""

    __slots__ = ("_abort", "_send", "_task")

    server = "asgi"
    pings = False

    def __init__(self, send: Send, abort: Callable[[], object], loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(loop)
        self._send = send
        self._abort = abort
        self._task: asyncio.Task[None] | None = None

    def write(self, batch: Batch) -> None:
        self.ready = False
        self._task = self.loop.create_task(self._write(batch))

    async def _write(self, batch: Batch) -> None:
        try:
            for opcode, payload in batch.frames:
                content = {"text": payload.decode()} if opcode == Opcode.TEXT else {"bytes": payload}
                await asyncio.wait_for(self._send({"type": "websocket.send", **content}), SEND_SECONDS)
        except Exception as error:  # A server may raise anything for a client that is gone.
            logger.debug("a client was gone while it was written to: %r", error)
            self.abort()
        else:
            self.resume()

    def ping(self) -> None:
        """Do nothing: ASGI has no pings, such a server sends its own."""

    def close(self, code: int, reason: bytes, goodbye: Batch | None = None) -> None:
        self.ready = False
        self._task = self.loop.create_task(self._close(self._task, code, reason, goodbye))

    async def _close(self, writing: asyncio.Task[None] | None, code: int, reason: bytes, goodbye: Batch | None) -> None:
        message = {"type": "websocket.close", "code": code, "reason": reason.decode()}
        if writing is not None:
            await asyncio.wait([writing], timeout=CLOSE_SECONDS)
        if goodbye is not None:
            await self._write(goodbye)
        try:
            await asyncio.wait_for(self._send(message), CLOSE_SECONDS)
        except Exception as error:  # As above.
            logger.debug("a client was gone before it was closed: %r", error)
        self.abort()

    def abort(self) -> None:
        self.ready = False
        self._abort()


def close_payload(close: Close) -> tuple[int, bytes]:
    """Return a close's code and its reason as a close frame holds it."""
    return close.code, cut(close.reason)
