"""One client's connection, as the live half sees it."""

from __future__ import annotations

import logging
import secrets
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from chat.live.identity import Identity, given_name
from chat.live.lanes import Lane, close_payload
from chat.live.limits import FRAMES_PER_MESSAGE, Bucket, Patience
from chat.live.outbox import Outbox
from chat.live.places import Place
from chat.wire.codec import Codec
from chat.wire.codes import SLOW_CONSUMER, Close, WireError
from chat.wire.events import Person
from chat.wire.frames import Batch
from chat.wire.origins import Origin

# What a reader that is being closed gets to take what waits for it.
FLUSH_SECONDS = 1.0

logger = logging.getLogger("chat.connection")


class Connection:
    """Who is at the other end, what it has joined, and the outbox to it."""

    __slots__ = (
        "address",
        "closing",
        "codec",
        "frames",
        "goodbye",
        "host",
        "id",
        "identity",
        "lane",
        "messages",
        "on_closing",
        "opened",
        "origin",
        "outbox",
        "patience",
        "place",
        "received",
        "rooms",
        "standings",
    )

    def __init__(
        self, codec: Codec, lane: Lane, *, host: str, address: str, outbox_bytes: int, rate: float, burst: int
    ) -> None:
        now = lane.loop.time()
        self.id = secrets.token_hex(8)
        self.codec = codec
        self.lane = lane
        self.host = host
        self.address = address
        self.outbox = Outbox(lane, outbox_bytes, self._full)
        self.identity = Identity(Person(f"guest:{self.id}", given_name(self.id), "guest"))
        self.rooms: set[str] = set()
        self.standings: dict[str, Any] = {}  # what they are in rooms that are not for everybody (chat.doors)
        self.opened = now
        self.origin: Origin | None = None  # of another site, while that may connect
        self.place: Place | None = None  # what it counts for
        self.received = 0
        self.messages = Bucket(rate, burst, now)
        self.frames = Bucket(rate * FRAMES_PER_MESSAGE, burst * FRAMES_PER_MESSAGE, now)
        self.patience = Patience(burst)
        self.closing: Close | None = None
        self.goodbye: Batch | None = None
        self.on_closing: Callable[[Connection], None] | None = None
        lane.limit(codec.max_frame_bytes)

    @property
    def person(self) -> Person:
        """The client as others see it."""
        return self.identity.person

    @person.setter
    def person(self, person: Person) -> None:
        self.identity = replace(self.identity, person=person)

    def put(self, batch: Batch) -> None:
        self.outbox.put(batch)

    def refuse(self, error: WireError) -> None:
        """Tell the client what it did wrong; the connection stays."""
        self.outbox.put(self.codec.encode_error(error))

    def close(self, close: Close, retry_after_s: float = 0.0) -> None:
        """Say goodbye and end the connection; what was put before goes first, where the client still reads."""
        if self.closing is not None:
            return
        self.closing = close
        self.goodbye = self.codec.encode_closing(close, retry_after_s)
        if self.outbox.waiting:
            # The goodbye must not overtake what waits in the outbox.
            self.lane.on_ready = self._flush_and_close
            self.lane.loop.call_later(FLUSH_SECONDS, self._finish)
        else:
            self._finish()
        if self.on_closing is not None:
            self.on_closing(self)

    def _flush_and_close(self) -> None:
        self.outbox.flush()
        if not self.outbox.waiting:
            self._finish()

    def _finish(self) -> None:
        if self.lane.on_ready is None:
            return
        self.lane.on_ready = None
        self.outbox.stop()
        assert self.closing is not None
        try:
            self.lane.close(*close_payload(self.closing), self.goodbye)
        except Exception:
            logger.exception("connection %s could not be closed, and is cut off", self.id)
            self.lane.abort()

    def _full(self) -> None:
        self.close(SLOW_CONSUMER)

    def __str__(self) -> str:
        return f"{self.address} {self.codec.name}"
