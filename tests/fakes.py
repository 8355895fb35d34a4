"""Fakes of what lies outside the core: a socket's lane, a channel layer that fails on order, a database of rooms."""

from __future__ import annotations

import asyncio
import json as pyjson
from collections.abc import Callable
from typing import Any

from chat import auth, look, people, tickets
from chat.auth import Account
from chat.conf import Conf, read
from chat.layers import MemoryChannelLayer
from chat.live.connection import Connection
from chat.live.lanes import Lane
from chat.node import Node
from chat.rooms import own
from chat.rooms.directory import RoomCard
from chat.rooms.permissions import OPEN
from chat.schema import Schema
from chat.tickets import Redeemed
from chat.wire.codec import Codec
from chat.wire.codes import Error, WireError
from chat.wire.events import Broadcast, Message, Person
from chat.wire.frames import Batch, Opcode
from chat.wire.json import JsonCodec
from chat.wire.origins import Pattern
from chat.wire.raw import RawCodec
from chat.wire.skeletons import skeleton
from tests.model_log import FakeReader, FakeWriter, ModelLog

MESSAGE_BYTES = 65536
ADA = Person("guest:1", "Ada", "guest")


class FakeLoop:
    """The part of an event loop that lanes and connections use; a test moves its clock and runs its timers."""

    def __init__(self, now: float = 1000.0) -> None:
        self.now = now
        self.timers: list[tuple[float, Callable[..., Any], tuple[Any, ...]]] = []

    def time(self) -> float:
        return self.now

    def call_later(self, delay: float, call: Callable[..., Any], *arguments: Any) -> None:
        self.timers.append((self.now + delay, call, arguments))

    def call_soon(self, call: Callable[..., Any], *arguments: Any) -> None:
        self.call_later(0, call, *arguments)

    def pass_time(self, seconds: float) -> None:
        self.now += seconds
        due = [timer for timer in self.timers if timer[0] <= self.now]
        self.timers = [timer for timer in self.timers if timer[0] > self.now]
        for _, call, arguments in due:
            call(*arguments)


class FakeLane(Lane):
    """A lane to a client that a test plays: it stalls by `pause`, reads on by `resume`. Nothing is ever lost in it."""

    __slots__ = ("__dict__",)

    server = "fake"

    def __init__(self, loop: Any = None, pings: bool = True) -> None:
        super().__init__(loop or FakeLoop())
        self.pings = pings
        self.batches: list[Batch] = []
        self.closed: tuple[int, bytes] | None = None
        self.aborted = False
        self.pinged = 0
        self.limits: list[int] = []
        self.broken: Exception | None = None

    def write(self, batch: Batch) -> None:
        assert self.ready, "written to while it is not ready"
        assert self.closed is None, "written to after the close frame"
        if self.broken is not None:
            raise self.broken
        self.batches.append(batch)

    def ping(self) -> None:
        self.pinged += 1

    def close(self, code: int, reason: bytes, goodbye: Batch | None = None) -> None:
        assert self.closed is None, "closed twice"
        self.closed = (code, reason)
        if goodbye is not None:
            self.batches.append(goodbye)

    def abort(self) -> None:
        self.aborted = True

    def limit(self, max_frame_bytes: int) -> None:
        self.limits.append(max_frame_bytes)

    @property
    def frames(self) -> list[str | bytes]:
        """What the client got: str for text frames, bytes for binary ones."""
        found = [frame for batch in self.batches for frame in batch.frames]
        return [frame.payload.decode() if frame.opcode == Opcode.TEXT else frame.payload for frame in found]

    @property
    def envelopes(self) -> list[dict[str, Any]]:
        """What a json client got."""
        return [pyjson.loads(line) for frame in self.frames for line in str(frame).split("\n")]

    def take(self) -> list[dict[str, Any]]:
        """Return the envelopes since the last take."""
        found = self.envelopes
        self.batches.clear()
        return found


def json_codec(message_bytes: int = MESSAGE_BYTES) -> JsonCodec:
    return JsonCodec(message_bytes, 6 * message_bytes + 4096)


def raw_codec(sender: str = "address") -> RawCodec:
    return RawCodec(sender, MESSAGE_BYTES)


def connect(codec: Codec | None = None, lane: FakeLane | None = None, **options: Any) -> Connection:
    """Return a connection over a fake lane, without limits unless a test sets them."""
    given = {"host": "192.0.2.1", "address": "192.0.2.1:5000", "outbox_bytes": 1 << 20, "rate": 0, "burst": 50}
    return Connection(codec or json_codec(), lane or FakeLane(), **{**given, **options})


def message(number: int = 1, text: str | None = None, **fields: Any) -> Message:
    said = f"message {number}" if text is None and "data" not in fields else text
    return Message(number, ADA, 1795348800.25, "192.0.2.1:5000", text=said, **fields)


def broadcast(text: str = "Server broadcast: Current time is 12:00:05") -> Broadcast:
    return Broadcast("time", text, 1795348805.0, 1795348805.0)


def configuration(**variables: object) -> Conf:
    """Return what an environment of just these variables means; the key is fixed, so that nothing is written."""
    return read({"SECRET_KEY": "for tests only", **{name: str(value) for name, value in variables.items()}})


class FakeDatabase:
    """Holds rooms' titles by slug in place of `chat.database.Database`; those in the log are durable. Can fail, or hang."""

    def __init__(self, log: ModelLog | None = None, **rooms: str) -> None:
        self.log = log or ModelLog()
        self.rooms = rooms
        self.asked: list[str] = []
        self.error: Exception | None = None
        self.gate: asyncio.Event | None = None
        self.policy = OPEN

    async def __call__(self, call: Callable[..., Any], slug: str) -> RoomCard | None:
        self.asked.append(slug)
        await asyncio.sleep(0)
        if self.gate is not None:
            await self.gate.wait()
        if self.error is not None:
            raise self.error
        if slug not in self.rooms:
            return None
        log = self.log.group.logs.get(slug)
        durable, id = (log.durable, log.id) if log is not None else (False, 0)
        return RoomCard(slug, self.rooms[slug], durable=durable, id=id, policy=self.policy)

    def close(self) -> None:
        """Do nothing: there is no thread."""


class FakeSessions:
    """Accounts by session key in place of `chat.database.Database`; a test changes them, sets an error, or holds the gate."""

    def __init__(self, **persons: Person) -> None:
        self.persons = persons
        self.tickets: dict[tuple[str, str], Redeemed] = {}
        self.names: set[str] = set()
        self.renamed: dict[int, str] = {}
        self.asked: list[tuple[str, ...]] = []
        self.error: Exception | None = None
        self.gate: asyncio.Event | None = None

    async def __call__(self, call: Callable[..., Any], *arguments: Any) -> Any:
        await asyncio.sleep(0)
        if self.gate is not None:
            await self.gate.wait()
        if self.error is not None:
            raise self.error
        if call is people.is_shown:
            return arguments[0] in self.names
        if call is people.check_free:
            if skeleton(arguments[0]) in self.names:
                raise WireError(Error.CONFLICT, "payload.name: taken")
            return None
        if call is people.skeletons_of:
            return {skeleton(self.renamed[user]) for user in arguments[0] if user in self.renamed}
        if call is tickets.redeem:
            return self.tickets.pop(arguments, None)
        if call is own.rooms_of:
            return {user: {} for user in arguments[0]}
        assert call is auth.read, call
        self.asked.append(tuple(arguments[0]))
        return {key: account_of(self.persons[key]) for key in arguments[0] if key in self.persons}

    def close(self) -> None:
        """Do nothing: there is no thread."""

    def serve(self, node: Node) -> None:
        """Answer a node that asks who somebody is."""
        node.database = node.sessions.database = node.authority.database = self  # type: ignore[assignment]
        node.personal.database = node.namesakes.database = self  # type: ignore[assignment]


def account_of(person: Person) -> Account:
    return Account(int(person.id.partition(":")[2]), person)


class FakeRows:
    """What a look finds, in place of `chat.database.Database`; a test changes it, or sets an error."""

    def __init__(self, log: ModelLog | None = None) -> None:
        self.log = log or ModelLog()
        self.patterns: frozenset[Pattern] = frozenset()
        self.malformed: tuple[str, ...] = ()
        self.gone: frozenset[str] = frozenset()
        self.switched: frozenset[str] = frozenset()
        self.noted: dict[int, int] = {0: 0}
        self.error: Exception | None = None
        self.told: list[tuple[Any, ...]] = []
        self.looks: list[tuple[str, ...]] = []

    async def __call__(self, call: Callable[..., Any], *arguments: Any) -> Any:
        await asyncio.sleep(0)
        if self.error is not None:
            raise self.error
        if call is look.read:
            slugs, positions = frozenset(arguments[0]), arguments[1]
            self.looks.append(tuple(arguments[0]))
            heads = {slug: head for slug in slugs if (head := self.log.read_head(slug)) is not None}
            since = -1 if arguments[2] is None else arguments[2]
            return look.Seen(
                self.patterns,
                self.malformed,
                self.gone & slugs,
                self.switched & slugs,
                heads,
                dict(positions),
                noted={number: user for number, user in self.noted.items() if number > since},
            )
        self.told.append(arguments)
        return []

    def close(self) -> None:
        """Do nothing: there is no thread."""


class FakeLayer:
    """A channel layer on one bus that many may share; `bus.down` makes every call fail, `deaf` swallows what is sent.

    Unlike Redis it keeps what is sent while nobody receives, and a call is done at once.
    """

    def __init__(self, bus: Bus | None = None) -> None:
        self.bus = bus or Bus()
        self.flushed = 0
        self.added: list[str] = []
        self.discarded: list[str] = []
        self._names = 0

    def _check(self) -> None:
        if self.bus.down is not None:
            raise self.bus.down

    async def new_channel(self, prefix: str = "specific") -> str:
        self._check()
        self._names += 1
        name = f"{id(self)}.{self._names}"
        self.bus.channels[name] = asyncio.Queue()
        return name

    async def receive(self, channel: str) -> dict[str, Any]:
        got = await self.bus.channels[channel].get()
        if isinstance(got, Exception):
            raise got
        return got

    async def group_add(self, group: str, channel: str) -> None:
        self._check()
        self.added.append(group)
        self.bus.groups.setdefault(group, set()).add(channel)

    async def group_discard(self, group: str, channel: str) -> None:
        self._check()
        self.discarded.append(group)
        self.bus.groups.get(group, set()).discard(channel)

    async def group_send(self, group: str, sent: dict[str, Any]) -> None:
        self._check()
        if self.bus.hangs:
            await asyncio.Event().wait()
        self.bus.sent.append((group, sent))
        if not self.bus.deaf:
            for channel in self.bus.groups.get(group, ()):
                self.bus.channels[channel].put_nowait(dict(sent))

    def break_pump(self, error: Exception) -> None:
        """Let everybody who receives fail once."""
        for queue in self.bus.channels.values():
            queue.put_nowait(error)

    async def flush(self) -> None:
        self.flushed += 1
        for members in self.bus.groups.values():
            members.clear()

    async def close(self) -> None:
        """Do nothing: there is nothing to close."""


class Bus:
    """What FakeLayers have in common."""

    def __init__(self) -> None:
        self.channels: dict[str, asyncio.Queue[Any]] = {}
        self.groups: dict[str, set[str]] = {}
        self.sent: list[tuple[str, dict[str, Any]]] = []
        self.down: Exception | None = None
        self.deaf = False
        self.hangs = False


def make_node(
    rooms: dict[str, str] | None = None, layer: Any = None, log: ModelLog | None = None, **variables: object
) -> Node:
    """Return a node over a fake database, whose threads for the true one are ended; rooms in the log are durable.

    `node.stop()` ends what it started.
    """
    log = log or ModelLog()

    async def no_ticker(publish: object) -> None:
        await asyncio.Event().wait()

    # A connection is first pinged after a random part of the interval: not while a test waits for something else.
    quiet = {"CHAT_EMBEDDED_BROADCAST": 0, "CHAT_PING_INTERVAL": 3600, **variables}
    node = Node(configuration(**quiet), layer or MemoryChannelLayer(), no_ticker)
    node.database.close()
    node.reader.close()
    node.look.database.close()
    node.reader = node.doors.database = node.personal.database = FakeReader(log)  # type: ignore[assignment]
    node.database = node.sessions.database = node.authority.database = FakeSessions()  # type: ignore[assignment]
    node.namesakes.database = node.database
    node.readiness.schema = Schema()
    node.writer = FakeWriter(log, node.committed)  # type: ignore[assignment]
    node.look.database = FakeRows(log)  # type: ignore[assignment]
    node.directory.database = FakeDatabase(log, **(rooms or {"lobby": "Lobby", "goframe": "GoFrame"}))  # type: ignore[assignment]
    return node
