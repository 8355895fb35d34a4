"""A world without real time, for the ticker: coroutines that sleep in it are driven by hand."""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Callable, Coroutine, Generator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from chat import broadcasts
from chat.broadcasts import Clock, Unavailable
from chat.wire import events

START = datetime(2026, 1, 1, 12, 0, 1, tzinfo=UTC)


class Pause:
    """What a coroutine awaits in order to sleep in the simulation."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds

    def __await__(self) -> Generator[float]:
        yield self.seconds


@dataclass
class Simulation:
    """Monotonic time, and who wakes when. Two that wake at one time do so in the order in which they fell asleep."""

    monotonic: float = 0.0
    waiting: list[tuple[float, int, Callable[[], None]]] = field(default_factory=list)
    counter: Any = field(default_factory=itertools.count)

    def at(self, time: float, action: Callable[[], None]) -> None:
        heapq.heappush(self.waiting, (time, next(self.counter), action))

    def start(self, begin: Callable[[], Coroutine[Any, Any, None]], machine: Machine) -> None:
        coroutine: Coroutine[Any, Any, None] | None = None

        def go_on() -> None:
            nonlocal coroutine
            if self.monotonic < machine.stalled_until:
                self.at(machine.stalled_until, go_on)
                return
            coroutine = coroutine or begin()
            self.at(self.monotonic + max(coroutine.send(None), 1e-6), go_on)

        self.at(self.monotonic, go_on)

    def run(self, until: float) -> None:
        while self.waiting and self.waiting[0][0] <= until:
            self.monotonic, _, action = heapq.heappop(self.waiting)
            action()
        self.monotonic = until


@dataclass
class Machine:
    """A worker's machine: its wall clock can be set, its process can be stopped."""

    simulation: Simulation
    offset: float = 0.0
    stalled_until: float = 0.0
    leads: bool = True

    def clock(self) -> Clock:
        return Clock(self.now, lambda: self.simulation.monotonic)

    def now(self) -> datetime:
        return START + timedelta(seconds=self.simulation.monotonic + self.offset)

    def step(self, seconds: float) -> None:
        self.offset += seconds

    def stall(self, seconds: float) -> None:
        self.stalled_until = self.simulation.monotonic + seconds


@dataclass(frozen=True)
class FakePlace:
    slug: str


@dataclass
class FakeRow:
    """A broadcast as the fake store keeps it."""

    pk: int = 1
    name: str = "Time"
    interval: int = 5
    room: FakePlace = FakePlace("lobby")
    enabled: bool = True
    last_due: datetime | None = None

    def render(self, now: datetime) -> str:
        return f"{now:%H:%M:%S}"


@dataclass
class FakeStore:
    """The database: each call is atomic, as one UPDATE is; it can be down, and slow to answer after the fact."""

    rows: dict[int, FakeRow]
    down: bool = False
    answer_seconds: float = 0.0
    loads: int = 0

    async def load(self) -> list[FakeRow]:
        if self.down:
            raise Unavailable
        self.loads += 1
        return [replace(row) for row in self.rows.values() if row.enabled]

    async def claim(self, row: Any, due: datetime) -> bool:
        if self.down:
            raise Unavailable
        stored = self.rows[row.pk]
        granted = stored.enabled and (stored.last_due is None or stored.last_due < due)
        if granted:
            stored.last_due = due
        if self.answer_seconds:
            await Pause(self.answer_seconds)
        return granted


@dataclass(frozen=True)
class Sent:
    """What reached a room, and when by the simulation's monotonic time."""

    time: float
    room: str
    event: events.Broadcast

    @property
    def due(self) -> float:
        """Seconds since the simulation's start, by the wall clock."""
        return self.event.due_at - START.timestamp()


class World:
    """Some rows, some workers that tick them, and what was sent."""

    def __init__(self, *rows: FakeRow, workers: int = 1) -> None:
        self.simulation = Simulation()
        self.store = FakeStore({row.pk: row for row in rows or (FakeRow(),)})
        self.sent: list[Sent] = []
        self.layer_down = False
        self.machines = [Machine(self.simulation) for _ in range(workers)]
        for machine in self.machines:
            self.start(machine)

    def start(self, machine: Machine) -> None:
        """Start a worker on a machine."""
        self.simulation.start(lambda: self.ticker(machine), machine)

    def ticker(self, machine: Machine) -> Coroutine[Any, Any, None]:
        return broadcasts.run(
            publish=self.publish,
            clock=machine.clock(),
            sleep=self.sleep,
            load=self.store.load,
            claim=self.store.claim,
            leads=lambda: machine.leads,
        )

    async def sleep(self, seconds: float) -> None:
        assert seconds >= 0
        await Pause(seconds)

    async def publish(self, room: str, event: events.Broadcast) -> None:
        if self.layer_down:
            raise Unavailable
        self.sent.append(Sent(self.simulation.monotonic, room, event))

    @property
    def row(self) -> FakeRow:
        return self.store.rows[1]

    @property
    def machine(self) -> Machine:
        return self.machines[0]

    def at(self, time: float, action: Callable[[], None]) -> None:
        self.simulation.at(time, action)

    def run(self, until: float) -> list[Sent]:
        """Let time pass; return what was sent in it."""
        before = len(self.sent)
        self.simulation.run(until)
        return self.sent[before:]

    def dues(self, until: float) -> list[float]:
        return [sent.due for sent in self.run(until)]
