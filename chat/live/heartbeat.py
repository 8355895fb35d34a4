"""Heartbeats: every connection is heard from in time, or ended."""

from __future__ import annotations

import asyncio
import random
from collections import defaultdict
from collections.abc import Callable

from chat.live.connection import Connection
from chat.wire.codes import HEARTBEAT_TIMEOUT

# Connections are looked at when their time has come, in steps of this many seconds, not all of them each second.
STEP_SECONDS = 0.25
# A step that comes so late had the whole process standing still: what was said meanwhile is not read yet.
LATE_SECONDS = 1.0
NEVER = -1.0


class Heartbeat:
    """Pings who is silent for `interval` seconds and ends who stays so for `timeout` more.

    A wheel of due times: a step touches only the connections whose time has come.
    """

    def __init__(self, interval: float, timeout: float, spread: Callable[[], float] = random.random) -> None:
        self.interval = interval
        self.timeout = timeout
        self.spread = spread
        self.wheel: defaultdict[int, list[tuple[Connection, float]]] = defaultdict(list)
        self.hand = 0
        self.stepped: float | None = None
        self.late = False

    def watch(self, connection: Connection) -> None:
        """Ping a connection from now on, first after a random part of the interval."""
        if connection.codec.encode_ping() is None and not connection.lane.pings:
            return  # A server without pings of RFC 6455 for us sends its own.
        now = connection.lane.loop.time()
        self.hand = self.hand or int(now / STEP_SECONDS)
        self._look_again(connection, now + self.interval * self.spread(), NEVER)

    def _look_again(self, connection: Connection, at: float, pinged: float) -> None:
        self.wheel[max(int(at / STEP_SECONDS), self.hand) + 1].append((connection, pinged))

    async def run(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(STEP_SECONDS)
            self.step(loop.time())

    def step(self, now: float) -> None:
        """Look at every connection whose time has come."""
        self.late = self.stepped is not None and now - self.stepped >= LATE_SECONDS
        self.stepped = now
        reached = int(now / STEP_SECONDS)
        if not self.wheel:
            self.hand = reached
        while self.hand < reached:
            self.hand += 1
            for connection, pinged in self.wheel.pop(self.hand, ()):
                if connection.closing is None:
                    self._look(connection, pinged, now)

    def _look(self, connection: Connection, pinged: float, now: float) -> None:
        lane = connection.lane
        if not lane.reading:
            lane.heard = now  # What it says is waiting for us.
        silence = now - lane.heard
        if silence >= self.interval + self.timeout:
            if self.late:
                self._look_again(connection, now, pinged)
            else:
                connection.close(HEARTBEAT_TIMEOUT)
        elif pinged > lane.heard:
            self._look_again(connection, lane.heard + self.interval + self.timeout, pinged)
        elif pinged == NEVER or silence >= self.interval:
            self._ping(connection)
            # Soon enough to ping it again in time, where it answers at once and the time-out is the longer one.
            self._look_again(connection, min(lane.heard + self.interval + self.timeout, now + self.interval), now)
        else:
            self._look_again(connection, lane.heard + self.interval, pinged)

    @staticmethod
    def _ping(connection: Connection) -> None:
        batch = connection.codec.encode_ping()
        if batch is not None:
            connection.put(batch)
        else:
            connection.lane.ping()
