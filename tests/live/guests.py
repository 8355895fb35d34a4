"""A guest who speaks the json codec, over the `websockets` library as an independent judge."""

from __future__ import annotations

import itertools
import json
import time
from collections import deque
from contextlib import ExitStack
from typing import Any

from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect
from websockets.typing import Subprotocol

from .frames import Close
from .sockets import Ended

JSON = "chat.v1.json"
SECONDS = 15.0
Envelope = dict[str, Any]


class Guest:
    """One json connection; `inbox` holds the envelopes that came and nobody asked for yet."""

    def __init__(self, url: str, **options: Any) -> None:
        options.setdefault("subprotocols", [Subprotocol(JSON)])
        options = {
            "close_timeout": 2,
            "compression": None,
            "max_size": None,
            "max_queue": None,
            "ping_interval": None,
            **options,
        }
        self.stack = ExitStack()
        self.connection = self.stack.enter_context(connect(url, open_timeout=SECONDS, proxy=None, **options))
        self.ids = itertools.count(1)
        self.inbox: deque[Envelope] = deque()
        self.frames: list[str] = []
        try:
            self.welcome = self.expect("welcome")["payload"]
        except BaseException:
            self.close()
            raise

    # Sending

    def say(self, kind: str, payload: Envelope | None = None, *, id: str | int | None = None) -> None:
        envelope: Envelope = {"type": kind}
        if id is not None:
            envelope["id"] = id
        if payload is not None:
            envelope["payload"] = payload
        self.connection.send(json.dumps(envelope))

    def ask(self, kind: str, payload: Envelope | None = None, seconds: float = SECONDS) -> Envelope:
        """Send an envelope with a fresh id; return the ack or the error that carries it."""
        number = next(self.ids)
        self.say(kind, payload, id=number)
        return self.answer(number, seconds)

    def answer(self, number: str | int, seconds: float = SECONDS) -> Envelope:
        return self.pick(
            lambda it: it.get("id") == number and it["type"] in ("ack", "error", "pong"),
            f"an answer to {number!r}",
            seconds,
        )

    def join(self, room: str) -> Envelope:
        """Join a room; return the ack's payload."""
        answer = self.ask("join", {"room": room})
        assert answer["type"] == "ack", answer
        return answer["payload"]

    def send(self, room: str, text: str) -> Envelope:
        """Send a text; return the ack's payload."""
        answer = self.ask("send", {"room": room, "text": text})
        assert answer["type"] == "ack", answer
        return answer["payload"]

    # Reading

    def receive(self, seconds: float = SECONDS) -> None:
        """Put the envelopes of the next frame into the inbox.

        Raises: Ended; TimeoutError.
        """
        try:
            frame = self.connection.recv(timeout=max(seconds, 0.001))
        except ConnectionClosed as closed:
            close = closed.rcvd
            raise Ended(Close(close.code, close.reason) if close else Close(None)) from None
        assert isinstance(frame, str), "the server sent a binary frame to a json client"
        self.frames.append(frame)
        self.inbox.extend(json.loads(line) for line in frame.split("\n"))

    def pick(self, wanted: Any, what: str, seconds: float = SECONDS) -> Envelope:
        """Take the first envelope that `wanted` accepts out of the inbox, waiting for it; others stay, in order."""
        end = time.monotonic() + seconds
        seen = 0
        while True:
            while seen < len(self.inbox):
                envelope = self.inbox[seen]
                if wanted(envelope):
                    del self.inbox[seen]
                    return envelope
                seen += 1
            left = end - time.monotonic()
            if left <= 0:
                raise TimeoutError(f"{what}: nothing within {seconds:g} s; came: {list(self.inbox)[-5:]}")
            self.receive(left)

    def expect(self, kind: str, seconds: float = SECONDS) -> Envelope:
        """Return the next envelope of a type."""
        return self.pick(lambda it: it["type"] == kind, f"an envelope {kind!r}", seconds)

    def message(self, seconds: float = SECONDS) -> Envelope:
        """Return the next message's payload."""
        return self.expect("message", seconds)["payload"]

    def texts(self, count: int, seconds: float = SECONDS) -> list[str]:
        """Return the texts of the next `count` messages."""
        end = time.monotonic() + seconds
        return [self.message(end - time.monotonic())["text"] for _ in range(count)]

    def settle(self) -> list[Envelope]:
        """Return everything that the server had sent by the time it answered a ping."""
        number = next(self.ids)
        self.say("ping", id=number)
        self.pick(lambda it: it["type"] == "pong" and it.get("id") == number, "a pong")
        came, self.inbox = list(self.inbox), deque()
        return came

    def rest(self, seconds: float = SECONDS) -> tuple[list[Envelope], Close]:
        """Return what came up to the end, and how it ended."""
        end = time.monotonic() + seconds
        try:
            while True:
                self.receive(end - time.monotonic())
        except Ended as ended:
            return list(self.inbox), ended.close

    def close(self) -> None:
        self.stack.close()
