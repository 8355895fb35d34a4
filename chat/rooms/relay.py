"""Relaying: what is said in a volatile room reaches its members, and is kept nowhere."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from typing import Protocol

from chat.wire.commands import Send
from chat.wire.events import Event, Message, Person


class Publish(Protocol):
    def __call__(self, room: str, event: Event, done: Callable[[bool], None] | None = None) -> None: ...


class Relay:
    """Numbers messages, in this process, and publishes them."""

    def __init__(self, publish: Publish, clock: Callable[[], float] = time.time) -> None:
        self.publish = publish
        self.clock = clock
        self.numbers: Counter[str] = Counter()

    def say(self, send: Send, author: Person, address: str, done: Callable[[Message, bool], None] | None) -> None:
        """Publish a message; `done` is told whether the layer took it."""
        self.numbers[send.room] += 1
        message = Message(
            self.numbers[send.room], author, self.clock(), address, text=send.text, data=send.data, key=send.key
        )
        self.publish(send.room, message, None if done is None else lambda taken: done(message, taken))
