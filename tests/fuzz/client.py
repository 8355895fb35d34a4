"""A client that says anything, and a server's side that must not mind."""

from __future__ import annotations

import asyncio
import json as pyjson
import logging
import re
import traceback
from collections import Counter
from random import Random
from typing import Any

from chat.conversation import Conversation
from chat.live.connection import Connection
from chat.wire import json
from chat.wire.codes import CLOSES, Error, WireError
from tests.fakes import MESSAGE_BYTES, FakeLane, connect, make_node
from tests.fuzz.frames import good_seeds, mutated, seeds
from tests.model_log import ModelLog

# So many frames are said before the event loop gets its turn, as when a socket's data come at once.
FRAMES_AT_ONCE = 20
MOST_ROOMS = 100
# Raw clients are in a volatile room; the lobby is durable.
RAW_ROOM = "goframe"
ERRORS = frozenset(error.value for error in Error) - {Error.INTERNAL.value}
CLOSE_CODES = frozenset(close.code for close in CLOSES)


class Failures(logging.Handler):
    """Collects what was raised and not expected, wherever it came to light."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.found: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.found.append(self.format(record))

    def in_loop(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        self.found.append(f"{context['message']}: {context.get('exception')!r}")


class Fuzzer:
    """Says mutated frames to the decoder and to a conversation over a fake connection, and checks every answer."""

    def __init__(self, seed: int) -> None:
        self.random = Random(seed)
        self.runs = 0
        self.connections = 0
        self.accepted = 0
        self.messages: Counter[str] = Counter()
        self.closes: Counter[int] = Counter()
        self.failures = Failures()

    async def run(self, seconds: float) -> None:
        """Fuzz for so long."""
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(self.failures.in_loop)
        logging.getLogger("chat").addHandler(self.failures)
        limits = {"CHAT_MESSAGE_RATE": 1000, "CHAT_MESSAGE_BURST": 30, "CHAT_MAX_ROOMS_PER_CONNECTION": 3}
        node = make_node(log=ModelLog("lobby"), **limits)
        node.start()
        deadline = loop.time() + seconds
        try:
            while loop.time() < deadline and not self.failures.found:
                await self.visit(node, deadline)
        finally:
            logging.getLogger("chat").removeHandler(self.failures)
            await node.stop()

    async def visit(self, node: Any, deadline: float) -> None:
        """Connect, say frames until the server has enough of it, and check what it answered."""
        loop = asyncio.get_running_loop()
        lane = FakeLane(loop)
        raw = self.random.random() < 0.1
        rate = self.random.choice((0, node.conf.message_rate))
        connection = connect(node.codecs["raw" if raw else "json"], lane, rate=rate, burst=node.conf.message_burst)
        conversation = Conversation(node, connection)
        if raw:
            node.hub.add(RAW_ROOM, connection)
        self.connections += 1
        damage = random_share(self.random)
        for _ in range(self.random.randint(1, 30)):
            for _ in range(FRAMES_AT_ONCE):
                self.say(conversation, damage)
            await asyncio.sleep(0)
            if connection.closing is not None or loop.time() > deadline:
                break
        await asyncio.sleep(0)
        conversation.end()
        for room in tuple(connection.rooms):
            node.hub.discard(room, connection)
        self.check(connection, lane, raw)

    def say(self, conversation: Conversation, damage: float) -> None:
        """Say one frame; `damage` is the share of those that are damaged."""
        random = self.random
        frame = random.choice(seeds() if random.random() < damage else good_seeds())
        if random.random() < damage:
            frame = mutated(frame, random)
        data = frame.encode("utf-8", "surrogatepass") if random.random() < damage / 20 else None
        self.runs += 1
        try:
            self.decode(frame)
            # A server decodes UTF-8: no lone surrogate gets past it.
            text = None if data else frame.encode("utf-8", "replace").decode()
            if conversation.connection.closing is None:
                conversation.hear(text, data, RAW_ROOM)
        except Exception:
            self.failures.found.append(f"{traceback.format_exc()}frame: {frame[:2000]!r}")

    def decode(self, frame: str) -> None:
        try:
            json.decode(frame, MESSAGE_BYTES)
        except WireError as error:
            self.messages[kind_of(error.message)] += 1
        else:
            self.accepted += 1

    def check(self, connection: Connection, lane: FakeLane, raw: bool) -> None:
        """See that everything that was answered is an answer."""
        if len(connection.rooms) > MOST_ROOMS:
            self.failures.found.append(f"in {len(connection.rooms)} rooms")
        if lane.closed is not None:
            self.closes[lane.closed[0]] += 1
            if lane.closed[0] not in CLOSE_CODES:
                self.failures.found.append(f"closed with {lane.closed}")
        for frame in lane.frames if not raw else ():
            for line in str(frame).split("\n"):
                answer = pyjson.loads(line)
                if answer["type"] == "error" and answer["payload"]["code"] not in ERRORS:
                    self.failures.found.append(line)

    def __str__(self) -> str:
        return (
            f"{self.runs} runs over {self.connections} connections, {self.accepted} frames accepted, "
            f"{len(self.messages)} distinct error messages, closes {dict(sorted(self.closes.items()))}, "
            f"{len(self.failures.found)} uncaught"
        )


def random_share(random: Random) -> float:
    """Return how much of what a client says is damaged: one that is only broken is sent away after ten frames."""
    return random.choice((0.02, 0.2, 0.5, 0.9))


def kind_of(message: str) -> str:
    """Return an error message without the numbers and the client's words in it."""
    return re.sub(r"\d+|'.*'", "…", message)
