"""The broker: the only door to the channel layer."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from typing import Any

from chat.layers import Layer
from chat.live.hub import Hub
from chat.live.link import cancellable
from chat.wire import events as wire
from chat.wire.events import Changed, Event

logger = logging.getLogger("chat.broker")

# Events' one type: a method's name to Channels, so it is never what a client sent.
EVENTS = "room.events"
SEND_SECONDS = 1.0
# What one group_send may carry; more that waits goes with the next.
MAX_EVENTS = 500

# A room that nobody can be in, as it is no slug: every process listens to its group, and looks at once when it hears it.
EVERYBODY = "_"

Done = Callable[[bool], None]


def group_of(room: str) -> str:
    """Return the name of a room's group in the channel layer."""
    return f"room.{room}"


async def post(
    layer: Layer, room: str, events: Sequence[Event], *, node: str = "", group: str = "", hears: Sequence[str] = ()
) -> None:
    """Send events to a room's group, or to another group; they are `node`'s, which drops them when they come back.

    A pulse holds no events, and names whom its sender hears.

    Raises: whatever the layer raises; TimeoutError after SEND_SECONDS.
    """
    target = group or group_of(room)
    changes = [event for event in events if isinstance(event, Changed)]
    # Apart: a process of the version before this one knows no changes, and would understand nothing of what they stand
    # among. It reads from the database what it has not heard.
    rest = [event for event in events if not isinstance(event, Changed)] if changes else events
    message: dict[str, Any] = {"type": EVENTS, "room": room, "node": node, "group": target, "events": wire.pack(rest)}
    if changes:
        message["changes"] = wire.pack(changes)
    if hears:
        message["hears"] = list(hears)
    async with asyncio.timeout(SEND_SECONDS):
        await cancellable(layer.group_send(target, message))


class Broker:
    """Publishes events: to the members here at once, to the other processes by one sender task.

    All that waits for one room leaves in one `group_send`: Redis then costs a message as little as memory does
    (docs/architecture.md, `make bench`).
    """

    def __init__(self, layer: Layer, hub: Hub, node: str, clustered: bool) -> None:
        self.layer = layer
        self.hub = hub
        self.node = node
        self.clustered = clustered
        self.up = True
        self.failures = 0
        self.on_failure: Callable[[BaseException], None] = lambda error: None
        self.waiting: dict[str, list[tuple[Event, Done | None]]] = {}
        self.wake = asyncio.Event()
        self.idle = asyncio.Event()
        self.idle.set()

    def publish(self, room: str, event: Event, done: Done | None = None) -> None:
        """Deliver an event everywhere; `done` is told whether the layer took it."""
        self.hub.deliver(room, event)
        if not self.up:
            if done is not None:
                done(False)
            return
        self.waiting.setdefault(room, []).append((event, done))
        self.idle.clear()
        self.wake.set()

    def publish_all(self, room: str, events: Sequence[Event]) -> None:
        """Deliver what a commit made; a process that the layer does not reach finds it by its look."""
        for event in events:
            self.hub.deliver(room, event)
        if self.up and self.clustered:
            self.waiting.setdefault(room, []).extend((event, None) for event in events)
            self.idle.clear()
            self.wake.set()

    def hint(self) -> None:
        """Let the other processes look at once; whom it does not reach looks within a second."""
        if self.up and self.clustered:
            self.waiting.setdefault(EVERYBODY, [])
            self.idle.clear()
            self.wake.set()

    async def run(self) -> None:
        """Send what waits, for ever."""
        while True:
            # Before the wait: what waited when a run failed goes with the next run, not with the next message.
            while self.waiting:
                room = next(iter(self.waiting))
                await self._send(room, self.waiting.pop(room))
            self.idle.set()
            await self.wake.wait()
            self.wake.clear()

    async def _send(self, room: str, waiting: list[tuple[Event, Done | None]]) -> None:
        for start in range(0, len(waiting) or 1, MAX_EVENTS):  # A hint holds nothing.
            part = waiting[start : start + MAX_EVENTS]
            sent = await self._send_part(room, [event for event, _ in part])
            for _, done in part:
                if done is not None:
                    done(sent)

    async def _send_part(self, room: str, events: list[Event]) -> bool:
        if not self.up:
            return False
        try:
            await post(self.layer, room, events, node=self.node)
        except Exception as error:  # Layers raise what their drivers raise.
            self.failures += 1
            if not self.clustered:
                logger.exception("the in-memory layer failed")
            self.on_failure(error)
            return False
        return True

    async def flushed(self, seconds: float) -> None:
        """Wait until nothing waits, at most so long."""
        try:
            async with asyncio.timeout(seconds):
                await self.idle.wait()
        except TimeoutError:
            logger.warning("%d rooms' events did not reach the channel layer", len(self.waiting))
