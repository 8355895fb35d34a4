"""A client, by the protocol alone: connects again, joins with its position, takes what comes.

A run needs `run`, `stop`, `cut`, `look`, `complete`, `replicas` and `counts` of a client; pages.py has another of that
shape, the page's own.
"""

from __future__ import annotations

import asyncio
import itertools
import json
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from random import Random
from typing import Any

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import WebSocketException
from websockets.typing import Subprotocol

from .replica import Heard, Payload, Replica

JSON = Subprotocol("chat.v1.json")
DIAL_SECONDS = 10.0
# No server leaves a call unanswered for longer while its socket lives.
ANSWER_SECONDS = 30.0
# Shorter than a page's: what is tested is what is missed, not patience.
AGAIN_SECONDS = (0.1, 0.6)

Envelope = dict[str, Any]
Answer = Callable[[Envelope], None]
Dial = Callable[[], tuple[str, Mapping[str, str]]]


class Lost(Exception):
    """The connection ended, or no answer came: it may or may not be done."""


class Client:
    """One person in some rooms. `dial()` tells where to connect, and with which headers."""

    def __init__(self, name: str, dial: Dial, rooms: Iterable[str], random: Random, *, recovers: bool = True) -> None:
        self.name, self.dial, self.random = name, dial, random
        self.replicas = {room: Replica(room, recovers=recovers) for room in rooms}
        self.you: Payload = {}
        self.counts: Counter[str] = Counter()
        self.stopping = False
        self.refused = False
        self.socket: ClientConnection | None = None
        self.ids = itertools.count(1)
        self.calls: dict[int, tuple[Answer, Callable[[], None]]] = {}
        self.outgoing: asyncio.Queue[str] = asyncio.Queue()
        self.wanted = asyncio.Event()
        self.live = asyncio.Condition()

    # Life

    async def run(self) -> None:
        """Be connected until `stop`."""
        while not self.stopping:
            try:
                async with self.connecting() as socket:
                    self.counts["connections"] += 1
                    await self._visit(socket)
            except (OSError, TimeoutError, WebSocketException, EOFError) as error:
                self.failed(error)
            if not self.stopping:
                await asyncio.sleep(self.pause())

    def connecting(self, **options: Any) -> connect:
        """Return what opens a connection."""
        url, headers = self.dial()
        return connect(
            url,
            subprotocols=[JSON],
            additional_headers=headers,
            compression=None,
            max_size=None,
            ping_interval=None,
            close_timeout=1,
            proxy=None,
            **{"open_timeout": DIAL_SECONDS, **options},
        )

    def failed(self, error: Exception) -> None:
        """Count a connection that could not be opened, or broke."""
        self.counts["connections failed"] += 1

    def pause(self) -> float:
        """Return how long to wait before the next connection, in seconds."""
        return self.random.uniform(*AGAIN_SECONDS)

    async def _visit(self, socket: ClientConnection) -> None:
        self.socket = socket
        self.outgoing = asyncio.Queue()
        beside = [asyncio.create_task(self._send_on(socket)), asyncio.create_task(self._keep_joined())]
        try:
            async for frame in socket:
                for line in str(frame).split("\n"):
                    self._take(json.loads(line))
        finally:
            self.socket = None
            for task in beside:
                task.cancel()
            self._lost()
            ended = await asyncio.gather(*beside, return_exceptions=True)
            for error in ended:
                if isinstance(error, Exception):
                    raise error

    def _lost(self) -> None:
        for replica in self.replicas.values():
            replica.live = replica.joining = False
        calls, self.calls = self.calls, {}
        for _, lost in calls.values():
            lost()

    async def cut(self) -> None:
        """Tear the connection, without a word."""
        if self.socket is not None:
            self.socket.transport.abort()
            self.counts["cut"] += 1

    async def look(self) -> None:
        """Bring `replicas` up to date: they always are."""

    async def stop(self) -> None:
        self.stopping = True
        if self.socket is not None:
            await self.socket.close()

    async def _send_on(self, socket: ClientConnection) -> None:
        while True:
            frame = await self.outgoing.get()
            try:
                await socket.send(frame)
            except WebSocketException:
                return  # The reading side learns of it too.

    # Envelopes

    def _take(self, envelope: Envelope) -> None:
        payload = envelope.get("payload", {})
        match envelope["type"]:
            case "welcome":
                self.you = payload["user"]
                self.wanted.set()
            case kind if "offset" in payload and "prev" in payload:
                if self.replicas[payload["room"]].hear(payload, kind) is Heard.GAP:
                    self._want(payload["room"])
            case "resync":
                self.counts["resyncs"] += 1
                self._want(payload["room"])
            case "ack" | "error" | "pong" if envelope.get("id") in self.calls:
                self.calls.pop(envelope["id"])[0](envelope)
            case "ping":
                self.outgoing.put_nowait(json.dumps({"type": "pong"}))
            case other:
                self.counts[other] += 1

    def _call(self, kind: str, payload: Payload, answer: Answer, lost: Callable[[], None]) -> int:
        id = next(self.ids)
        self.calls[id] = (answer, lost)
        self.outgoing.put_nowait(json.dumps({"type": kind, "id": id, "payload": payload}))
        return id

    async def call(self, kind: str, payload: Payload) -> Envelope:
        """Return the answer to an envelope. Raises: Lost."""
        if self.socket is None:
            raise Lost("not connected")
        future: asyncio.Future[Envelope | None] = asyncio.get_running_loop().create_future()
        id = self._call(kind, payload, future.set_result, lambda: future.set_result(None))
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                answer = await asyncio.shield(future)
        except TimeoutError:
            self.counts["unanswered"] += 1
            self.calls.pop(id, None)
            raise Lost(f"no answer to {kind} within {ANSWER_SECONDS:g} s") from None
        if answer is None:
            raise Lost("the connection ended")
        return answer

    # Rooms

    def _want(self, room: str) -> None:
        self.replicas[room].live = False
        self.wanted.set()

    async def _keep_joined(self) -> None:
        """Join whatever is not live, for as long as the connection lasts."""
        while True:
            await self.wanted.wait()
            self.wanted.clear()
            rooms = [replica for replica in self.replicas.values() if not replica.live]
            if not self.you or not rooms:
                continue
            for replica in rooms:
                replica.joining = True
            wanted = [{"room": replica.room, "since": replica.since} for replica in rooms]
            done = asyncio.Event()
            self._call("join", {"rooms": wanted}, lambda answer, done=done: self._joined(answer, done), done.set)
            await done.wait()
            if not all(replica.live for replica in self.replicas.values()):
                self.wanted.set()
            async with self.live:
                self.live.notify_all()
            if self.refused:
                await asyncio.sleep(self.random.uniform(*AGAIN_SECONDS))

    def _joined(self, answer: Envelope, done: asyncio.Event) -> None:
        """Take a join's answer at once: what comes after it in the same frame follows from it."""
        done.set()
        for replica in self.replicas.values():
            replica.joining = False
        answers = answer["payload"].get("rooms", [])
        self.refused = answer["type"] == "error" or any("error" in one for one in answers)
        for one in answers:
            if "error" not in one:
                self.replicas[one["room"]].answered(one)

    async def in_room(self, room: str) -> None:
        """Wait until a room is live."""
        async with self.live:
            await self.live.wait_for(lambda: self.replicas[room].live)

    async def complete(self) -> None:
        """Read by `history` what lies before the messages that are held. Raises: Lost."""
        for replica in self.replicas.values():
            while replica.recovers and replica.oldest > 1:
                wanted = {"room": replica.room, "before": replica.oldest, "limit": 200}
                answer = await self.call("history", wanted)
                if answer["type"] == "error":
                    raise Lost(str(answer["payload"]))
                if not answer["payload"]["messages"]:
                    break
                replica.past(answer["payload"]["messages"])
