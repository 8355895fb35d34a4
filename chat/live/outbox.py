"""An outbox: what waits for one connection, bounded, with one writer."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable

from chat.live.lanes import Lane
from chat.wire.frames import Batch

logger = logging.getLogger("chat.outbox")


class Outbox:
    """Writes batches in order; holds at most `limit` bytes, then calls `on_full` and takes no more."""

    __slots__ = ("bytes", "closed", "lane", "limit", "on_full", "sent", "shed", "waiting")

    def __init__(self, lane: Lane, limit: int, on_full: Callable[[], None]) -> None:
        self.lane = lane
        self.limit = limit
        self.on_full = on_full
        self.waiting: deque[Batch] = deque()
        self.bytes = 0
        self.sent = 0
        self.shed = 0
        self.closed = False
        lane.on_ready = self.flush

    def put(self, batch: Batch) -> None:
        """Write a batch, or keep it until the lane is ready. Never waits, never raises."""
        if self.closed:
            return
        if self.lane.ready and not self.waiting:
            self._write(batch)
            return
        self.bytes += len(batch.wire)
        if self.bytes > self.limit:
            self.stop()
            self.on_full()
            return
        self.waiting.append(batch)

    def put_or_shed(self, batch: Batch, lasting: Batch | None, ephemeral: int) -> None:
        """Put a batch; from half full on, `lasting` in its place, without the events that nobody misses."""
        if self.bytes * 2 <= self.limit:
            self.put(batch)
            return
        self.shed += ephemeral
        if lasting is not None:
            self.put(lasting)

    def flush(self) -> None:
        """Write what waits, as far as the lane takes it."""
        while self.waiting and self.lane.ready:
            batch = self.waiting.popleft()
            self.bytes -= len(batch.wire)
            self._write(batch)

    def _write(self, batch: Batch) -> None:
        self.sent += len(batch.frames)
        try:
            self.lane.write(batch)
        except Exception:
            # One member's failing write ends that member, never the pass over all of them.
            logger.exception("a write failed: its connection is ended")
            self.stop()
            self.lane.abort()

    def stop(self) -> None:
        """Take no more and forget what waits."""
        self.closed = True
        self.waiting.clear()
        self.bytes = 0
