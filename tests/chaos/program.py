"""A program behind a proxy: a client with the protocol's own back-off, over TLS, from an address of the loopback."""

from __future__ import annotations

import asyncio
import math
import ssl
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from random import Random
from typing import Any

from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosed, InvalidStatus

from .client import Client, Envelope

# As client/backoff.js and client/connection.js have them.
FLOOR_SECONDS, CEILING_SECONDS = 0.5, 60.0
WELCOME_SECONDS = 20.0
GOOD_SECONDS = 10.0
LEAST_NO_RETURN = 4500


@dataclass(frozen=True)
class Place:
    """Where a program dials: a proxy's port, with its certificate, from an address of the loopback."""

    port: int
    tls: ssl.SSLContext
    source: str = "127.0.0.1"
    headers: dict[str, str] = field(default_factory=dict)


class Program(Client):
    """Comes back as the protocol has it: full jitter, doubled with each failure, never before `retry_after_s`.

    One that is told not to come back stays away: `gone` holds the code.
    """

    def __init__(self, name: str, place: Place, rooms: Iterable[str], random: Random) -> None:
        super().__init__(name, lambda: (f"wss://localhost:{place.port}/ws", place.headers), rooms, random)
        self.place = place
        self.failures = 0
        self.closing: Envelope = {}
        self.gone = 0
        # Waits, as the server wants them, are cut to this part.
        self.hurry = 1.0
        self.began = 0.0
        # How long each handshake took that was let in, in seconds.
        self.dials: list[float] = []

    def connecting(self, **options: Any) -> Any:
        self.began = time.monotonic()
        self.closing = {}
        place = self.place
        return super().connecting(
            ssl=place.tls,
            server_hostname="localhost",
            host="127.0.0.1",
            port=place.port,
            local_addr=(place.source, 0),
            open_timeout=WELCOME_SECONDS,
            **options,
        )

    async def _visit(self, socket: ClientConnection) -> None:
        opened = time.monotonic()
        self.dials.append(opened - self.began)
        try:
            await super()._visit(socket)
        finally:
            if time.monotonic() - opened >= GOOD_SECONDS:
                self.failures = 0
            code = self.closing.get("code") or socket.close_code
            self.counts[f"closed with {code}"] += 1
            if code and LEAST_NO_RETURN <= code:
                self.gone, self.stopping = code, True

    def _take(self, envelope: Envelope) -> None:
        if envelope["type"] == "closing":
            self.closing = envelope["payload"]
        super()._take(envelope)

    def failed(self, error: Exception) -> None:
        super().failed(error)
        if isinstance(error, InvalidStatus):
            self.counts[f"handshake answered {error.response.status_code}"] += 1
        elif not isinstance(error, ConnectionClosed):
            self.counts[f"handshake failed: {type(error).__name__}"] += 1

    def pause(self) -> float:
        self.failures += 1
        ceiling = min(CEILING_SECONDS, FLOOR_SECONDS * 2**self.failures)
        return float(self.closing.get("retry_after_s") or 0) / self.hurry + self.random.uniform(FLOOR_SECONDS, ceiling)

    @property
    def back(self) -> bool:
        """Whether it is in its rooms."""
        return self.socket is not None and all(replica.live for replica in self.replicas.values())


async def all_back(programs: Iterable[Program], seconds: float) -> float:
    """Wait until all are in their rooms; return how long that took, or infinity where some are not in time."""
    began = time.monotonic()
    while not all(program.back for program in programs):
        if time.monotonic() - began > seconds:
            return math.inf
        await asyncio.sleep(0.02)
    return time.monotonic() - began
