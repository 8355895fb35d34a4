"""A simulation of durable rooms: true hubs and streams, a log in memory, and everything between them unreliable.

One seed is one run: processes that commit and tell each other over a layer that loses, doubles and turns round; looks and
fills that take their time or fail; clients that join, leave, come back with what they hold, and are put to another
process; restores that give the log another name. `run(seed)` returns what went wrong: nothing, if all is well.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from random import Random
from typing import Any

from msgspec import json

from chat.live.connection import Connection
from chat.live.hub import Hub
from chat.rooms.changes import Change, Delete, Done, Edit, React, Write
from chat.rooms.recovery import Fill, Head, Page
from chat.wire.commands import Since
from chat.wire.events import Logged, Person
from chat.wire.frames import Batch
from tests.fakes import FakeLane, connect, json_codec, raw_codec
from tests.log_client import LogClient
from tests.model_log import ModelLog
from tests.virtual import VirtualLoop

ROOM = "room"
CODEC = json_codec()
RAW = raw_codec("none")
SECONDS = 3.0
# A look comes within a second and takes its time, then patience, then a fill; none fails at the end.
SETTLE_SECONDS = 5.0
WRITERS = [Person(f"user:{number}", f"Writer {number}", "user") for number in (1, 2)]


@dataclass(frozen=True)
class Chances:
    """How bad a run's world is."""

    lost: float
    doubled: float
    delay: float
    fill_fails: float
    restores: bool
    processes: int
    clients: int
    changes: int


def chances(random: Random) -> Chances:
    return Chances(
        lost=random.choice((0, 0.1, 0.5, 1.0)),
        doubled=random.choice((0, 0.2)),
        delay=random.choice((0.0, 0.01, 0.15, 0.6)),
        fill_fails=random.choice((0, 0, 0.3)),
        restores=random.random() < 0.15,
        processes=random.choice((1, 2, 2, 3)),
        clients=random.randint(1, 4),
        changes=random.randint(5, 30),
    )


class ClientLane(FakeLane):
    """Hands what is written to a client at once."""

    def __init__(self, hear: Callable[[Batch], None]) -> None:
        super().__init__(asyncio.get_running_loop())
        self.hear = hear

    def write(self, batch: Batch) -> None:
        self.hear(batch)


class Visitor(LogClient):
    """A client that joins, stays, leaves and comes back; each time with a new connection to some process."""

    def __init__(self, world: World, joins: Joins) -> None:
        super().__init__()
        self.world = world
        self.joins = joins
        self.connection: Connection | None = None
        self.process = world.processes[0]

    def connect(self) -> Connection:
        self.process = self.world.random.choice(self.world.processes)
        self.connection = connect(CODEC, ClientLane(self.hear))
        return self.connection

    def hear(self, batch: Batch) -> None:
        for frame in batch.frames:
            for line in frame.payload.split(b"\n"):
                envelope = json.decode(line)
                self.told(envelope["type"], envelope["payload"])

    async def stay_joined(self) -> None:
        """Join again, from what is held, until live."""
        while not self.live:
            if self.connection is None:
                self.connect()
            await self.joins(self)

    def hang_up(self) -> None:
        connection, self.connection = self.connection, None
        self.live = False
        self.heard.clear()
        if connection is not None:
            connection.outbox.stop()
            for room in tuple(connection.rooms):
                self.process.hub.discard(room, connection)

    async def run(self) -> None:
        random = self.world.random
        while True:
            await self.stay_joined()
            await asyncio.sleep(random.uniform(0, SECONDS))
            if not self.world.over and random.random() < 0.6:
                self.hang_up()
                await asyncio.sleep(random.choice((0, 0.05, 0.5)))
                if random.random() < 0.2:  # A program that was started anew.
                    self.epoch, self.position = None, 0
                    self.messages.clear()
            elif not self.world.over and random.random() < 0.3:
                self.live = False  # Joins again on the same connection.
                self.heard.clear()
                continue
            await asyncio.sleep(0.01)


class Listener:
    """A raw member: it hears of each message once."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.frames: list[bytes] = []
        self.number = 0
        self.process = world.random.choice(world.processes)
        self.connection = connect(RAW, ClientLane(lambda batch: self.frames.extend(f.payload for f in batch.frames)))

    async def join(self) -> None:
        world, hub = self.world, self.process.hub
        for _ in range(20):
            hub.begin(ROOM, self.connection)
            await world.pause()
            head = world.log.read_head(ROOM)
            await world.pause()
            assert head is not None
            if hub.enter(ROOM, self.connection, head):
                self.number = head.number
                return
        raise AssertionError("a raw member never became live")

    def judge(self) -> list[str]:
        """Return what it heard twice, and whether it missed the newest message."""
        wrong = [f"raw: {frame!r} came twice" for frame in set(self.frames) if self.frames.count(frame) > 1]
        newest = self.world.log.rows(ROOM)[-1:]
        for row in newest:
            if row.number > self.number and row.edited_at is None and str(row.text).encode() not in self.frames:
                wrong.append(f"raw: {row.text!r} did not come")
        return wrong


class Process:
    """One server: a hub, and a look each second."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.hub = Hub(self.fill)

    async def fill(self, slug: str, since: int) -> Fill | None:
        await self.world.pause()
        fails = not self.world.over and self.world.chance(self.world.chances.fill_fails)
        found = None if fails else self.world.log.fill(slug, since)
        await self.world.pause()
        return found

    def commit(self, change: Change) -> None:
        """Commit a change; what came of it is told here and to the other processes."""
        (outcome,) = self.world.log.commit([change])
        if isinstance(outcome, Done) and outcome.event is not None:
            self.world.later(self.told, outcome.event)

    def told(self, event: Logged) -> None:
        self.hub.deliver(ROOM, event)
        for process in self.world.processes:
            if process is not self:
                self.world.publish(process, event)

    async def look(self) -> None:
        while True:
            await asyncio.sleep(self.world.random.uniform(0.5, 1.0))
            positions = self.hub.positions([ROOM])
            await self.world.pause()
            head = self.world.log.read_head(ROOM)
            await self.world.pause()
            assert head is not None
            self.hub.seen(ROOM, head, positions.get(ROOM, 0))


class World:
    """The log, the processes, the layer between them, and those who write."""

    def __init__(self, seed: int, joins: Joins) -> None:
        self.random = Random(seed)
        self.chances = chances(self.random)
        self.log = ModelLog(ROOM)
        self.over = False
        self.processes = [Process(self) for _ in range(self.chances.processes)]
        self.visitors = [Visitor(self, joins) for _ in range(self.chances.clients)]
        self.listener = Listener(self)

    def chance(self, share: float) -> bool:
        return self.random.random() < share

    async def pause(self) -> None:
        """Take as long as a statement may: no time, a turn of the loop, or many."""
        kind = self.random.random()
        if kind < 0.3:
            return
        await asyncio.sleep(0 if kind < 0.5 else self.random.uniform(0, 0.3))

    def later(self, call: Callable[..., None], *arguments: Any) -> None:
        """Let a commit be known after a moment, in the order of the commits."""
        asyncio.get_running_loop().call_later(0.001, call, *arguments)

    def publish(self, process: Process, event: Logged) -> None:
        """Bring an event to another process, late, twice or never."""
        for _ in range(2 if self.chance(self.chances.doubled) else 1):
            if not self.chance(self.chances.lost):
                delay = self.random.uniform(0, self.chances.delay)
                asyncio.get_running_loop().call_later(delay, process.hub.deliver, ROOM, event)

    def change(self) -> Change:
        author = self.random.choice(WRITERS)
        common: dict[str, Any] = {"room": ROOM, "author": author, "key": f"{self.random.getrandbits(64):016x}"}
        common["done"] = lambda outcome: None
        number = self.random.randint(1, max(1, self.log.group.logs[ROOM].last))
        match self.random.randrange(6):
            case 0:
                return Edit(**common, message=number, text=f"edited {self.random.random()}")
            case 1:
                return Delete(**common, message=number)
            case 2:
                return React(**common, message=number, emoji="👍", on=self.chance(0.7))
            case _:
                return Write(**common, text=f"text {common['key']}")

    async def write(self) -> None:
        for _ in range(self.chances.changes):
            await asyncio.sleep(self.random.choice((0, 0, 0.01, 2 * SECONDS / self.chances.changes)))
            self.random.choice(self.processes).commit(self.change())

    async def restore(self) -> None:
        await asyncio.sleep(self.random.uniform(0.2, SECONDS))
        self.log.new_epoch(ROOM, "restored", self.random.randint(0, self.log.group.logs[ROOM].last))

    async def run(self) -> list[str]:
        """Run to the end; return what is wrong then."""
        beside = [visitor.run() for visitor in self.visitors] + [process.look() for process in self.processes]
        tasks = [asyncio.ensure_future(work) for work in [*beside, self.listener.join()]]
        if self.chances.restores:
            tasks.append(asyncio.ensure_future(self.restore()))
        await self.write()
        await asyncio.sleep(SECONDS)
        self.over = True
        await asyncio.sleep(SETTLE_SECONDS)
        wrong = [f"{task.exception()!r}" for task in tasks if task.done() and task.exception() is not None]
        wrong += [fault for visitor in self.visitors for fault in self.judge(visitor)]
        if not self.chances.restores:
            wrong += self.listener.judge()
        self.listener.process.hub.discard(ROOM, self.listener.connection)
        for visitor in self.visitors:
            visitor.hang_up()
        wrong += [f"a room is left: {list(process.hub.rooms)}" for process in self.processes if process.hub.rooms]
        for task in tasks:
            task.cancel()
        await asyncio.sleep(0)
        return wrong

    def judge(self, visitor: Visitor) -> list[str]:
        """Return in what a client's state is not the log's."""
        head = self.log.read_head(ROOM)
        assert head is not None
        state = client_state(self.log, head)
        wrong = list(visitor.wrong)
        if not visitor.live or (visitor.epoch, visitor.position) != (head.epoch, head.offset):
            wrong.append(f"live {visitor.live} at {visitor.epoch}/{visitor.position}, the log is at {head}")
        held = {number: message for number, message in state.items() if number >= visitor.first}
        if {number: visitor.messages.get(number) for number in held} != held:
            wrong.append(f"holds {visitor.messages} instead of {held}")
        if not visitor.messages.keys() <= state.keys():
            wrong.append(f"holds {visitor.messages.keys() - state.keys()}, which are not in the log")
        return wrong


def client_state(log: ModelLog, head: Head) -> dict[int, dict[str, Any]]:
    """Return what a client that holds everything holds."""
    client = LogClient()
    page = log.page(ROOM, head, Since(head.epoch, 0))
    client.answered(head.epoch, page.offset, True, page.more, page.messages)
    while page.more:
        page = log.page(ROOM, head, Since(head.epoch, page.offset))
        client.answered(head.epoch, page.offset, True, page.more, page.messages)
    return client.messages


# How a client joins: as chat/reading.py does, and two ways that lose something

Joins = Callable[[Visitor], Awaitable[None]]


def since_of(visitor: Visitor) -> Since | None:
    return None if visitor.epoch is None else Since(visitor.epoch, visitor.position)


def answer(visitor: Visitor, page: Page) -> None:
    visitor.answered(page.head.epoch, page.offset, page.recovered, page.more, page.messages)


async def join(visitor: Visitor) -> None:
    """Begin, read the head, read what has changed, answer and enter."""
    world, connection, hub = visitor.world, visitor.connection, visitor.process.hub
    assert connection is not None
    hub.begin(ROOM, connection)
    await world.pause()
    head = world.log.read_head(ROOM)
    await world.pause()
    assert head is not None
    page = world.log.page(ROOM, head, since_of(visitor))
    await world.pause()
    if page.more:
        hub.discard(ROOM, connection)
    answer(visitor, page)
    if not page.more and not hub.enter(ROOM, connection, page.head):
        visitor.live = False


async def join_added_after_the_read(visitor: Visitor) -> None:
    """Read first and become a member then: what passes between is lost."""
    world, connection, hub = visitor.world, visitor.connection, visitor.process.hub
    assert connection is not None
    head = world.log.read_head(ROOM)
    await world.pause()
    assert head is not None
    page = world.log.page(ROOM, head, since_of(visitor))
    await world.pause()
    hub.begin(ROOM, connection)
    answer(visitor, page)
    if page.more or not hub.enter(ROOM, connection, page.head):
        hub.discard(ROOM, connection)
        visitor.live = False


async def join_rows_before_the_head(visitor: Visitor) -> None:
    """Read what has changed before the head: what changes between is neither in the answer nor told."""
    world, connection, hub = visitor.world, visitor.connection, visitor.process.hub
    assert connection is not None
    hub.begin(ROOM, connection)
    await world.pause()
    before = world.log.read_head(ROOM)
    assert before is not None
    page = world.log.page(ROOM, before, since_of(visitor))
    await world.pause()
    head = world.log.read_head(ROOM)
    await world.pause()
    assert head is not None
    if page.more:
        hub.discard(ROOM, connection)
        answer(visitor, page)
        return
    visitor.answered(head.epoch, head.offset, page.recovered, False, page.messages)
    if not hub.enter(ROOM, connection, head):
        visitor.live = False


def run(seed: int, joins: Joins = join) -> list[str]:
    """Return what went wrong in the run of a seed."""
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        return runner.run(played(seed, joins))


async def played(seed: int, joins: Joins) -> list[str]:
    return await World(seed, joins).run()
