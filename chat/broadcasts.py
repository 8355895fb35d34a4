"""The ticker: pushes every enabled broadcast into its room when the clock says so.

Plain async functions: time, sleep, the rows, the claim and the way out come in as arguments.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Protocol

from chat.wire import events

logger = logging.getLogger("chat.broadcasts")

# Rows are read again this often, so that what an admin changes is in force within 2 s.
REREAD_SECONDS = 1.0
# After a database that did not answer. Short, so that a tick is late rather than lost.
RETRY_SECONDS = 0.25
# A tick that comes later than half its interval, or than this, is skipped: the next one is nearer.
MOST_LATE_SECONDS = 30.0


class Unavailable(Exception):
    """The database or the channel layer does not answer. Whoever raises it has said so in the log."""


class Place(Protocol):
    """The room of a broadcast."""

    @property
    def slug(self) -> str: ...


class Row(Protocol):
    """What the ticker needs of a broadcast. `interval` is whole seconds, at least 1."""

    last_due: datetime | None

    @property
    def pk(self) -> int: ...
    @property
    def name(self) -> str: ...
    @property
    def interval(self) -> int: ...
    @property
    def room(self) -> Place: ...
    def render(self, now: datetime) -> str: ...


@dataclass(frozen=True)
class Clock:
    """Wall time (aware) and monotonic time (seconds), as a test or the machine tells them."""

    now: Callable[[], datetime]
    monotonic: Callable[[], float]


Publish = Callable[[str, events.Broadcast], Awaitable[None]]
Load = Callable[[], Awaitable[Sequence[Row]]]
Claim = Callable[[Row, datetime], Awaitable[bool]]
Sleep = Callable[[float], Awaitable[None]]


def always() -> bool:
    """Lead without a lease, where nobody else can."""
    return True


def aligned(now: datetime, interval: int) -> datetime:
    """Return the last moment, not after now, that is a whole number of intervals since the epoch."""
    return datetime.fromtimestamp(int(now.timestamp()) // interval * interval, UTC)


def due_of(moment: datetime, last_due: datetime | None, interval: int) -> datetime | None:
    """Return the `due_at` of a moment's tick, later than every earlier one; None where it has been sent already.

    A moment a whole interval or more before the last tick means that the clock was set back: ticks go on by the new
    clock, and their `due_at` goes on from the last one.
    """
    if last_due is None or moment > last_due:
        return moment
    if last_due - moment >= timedelta(seconds=interval):
        return last_due + timedelta(seconds=interval)
    return None


def is_stale(now: datetime, moment: datetime, interval: int) -> bool:
    """Return whether a tick comes too late to be worth sending."""
    return (now - moment).total_seconds() > min(interval / 2, MOST_LATE_SECONDS)


@dataclass
class Turn:
    """Where one broadcast stands: the last moment that was sent or passed over."""

    interval: int
    moment: datetime


@dataclass
class Ticker:
    """The state between two looks at the clock."""

    publish: Publish
    clock: Clock
    load: Load
    claim: Claim
    leads: Callable[[], bool]
    rows: Sequence[Row] = ()
    turns: dict[int, Turn] = field(default_factory=dict)
    read_at: float = float("-inf")

    async def reread(self) -> None:
        """Read the rows again when it is time; without a database go on with those that are known."""
        began = self.clock.monotonic()
        if began - self.read_at < REREAD_SECONDS:
            return
        # Also after a failure: a database that is down is asked once a second.
        self.read_at = began
        self.rows = await self.load()
        ids = {row.pk for row in self.rows}
        self.turns = {pk: turn for pk, turn in self.turns.items() if pk in ids}

    async def step(self) -> float:
        """Send what is due; return the seconds until the next look at the clock."""
        try:
            await self.reread()
            for row in self.rows:
                await self.turn(row)
        except Unavailable:
            return RETRY_SECONDS
        return self.rest()

    async def turn(self, row: Row) -> None:
        """Send a broadcast if its moment has come and is neither another's nor stale."""
        now = self.clock.now()
        moment = aligned(now, row.interval)
        turn = self.turns.get(row.pk)
        if turn is None or turn.interval != row.interval:
            self.turns[row.pk] = Turn(row.interval, moment)
            return
        if moment > turn.moment and self.leads() and not is_stale(now, moment, row.interval):
            await self.tick(row, turn, moment)
        turn.moment = moment

    async def tick(self, row: Row, turn: Turn, moment: datetime) -> None:
        """Claim a tick and send it.

        Raises: Unavailable, with the tick still to be sent where nothing was claimed.
        """
        due = due_of(moment, row.last_due, row.interval)
        if due is None:
            return
        began = self.clock.monotonic()
        if not await self.claim(row, due):
            return
        turn.moment = moment
        row.last_due = due
        # A claim that took an interval may have been overtaken by the next leader's tick.
        if self.clock.monotonic() - began < row.interval:
            await send(row, due, self.publish, self.clock)

    def rest(self) -> float:
        """Return the seconds until the next moment or the next reading of the rows."""
        now = self.clock.now()
        ends = [turn.moment + timedelta(seconds=turn.interval) for turn in self.turns.values()]
        next_tick = min(((end - now).total_seconds() for end in ends), default=REREAD_SECONDS)
        next_read = self.read_at + REREAD_SECONDS - self.clock.monotonic()
        return max(0.0, min(next_tick, next_read))


async def send(row: Row, due: datetime, publish: Publish, clock: Clock) -> None:
    """Push one tick into its room.

    Raises: Unavailable.
    """
    now = clock.now()
    try:
        text = row.render(now)
    except (KeyError, ValueError, OSError) as error:
        # Validation refuses such rows; one written past it must not silence the others.
        logger.error("Broadcast %r cannot be told: %s", row.name, error)
        return
    await publish(row.room.slug, events.Broadcast(row.name, text, now.timestamp(), due.timestamp()))


async def run(
    *, publish: Publish, clock: Clock, sleep: Sleep, load: Load, claim: Claim, leads: Callable[[], bool] = always
) -> None:
    """Tick every enabled broadcast for ever: aligned to the clock, never drifting, never a tick twice."""
    ticker = Ticker(publish, clock, load, claim, leads)
    while True:
        await sleep(await ticker.step())


async def once(*, publish: Publish, clock: Clock, load: Load, claim: Claim) -> int:
    """Send every enabled broadcast now; return how many were sent.

    Raises: Unavailable.
    """
    sent = 0
    for row in await load():
        now = clock.now()
        due = due_of(now, row.last_due, row.interval)
        if due is None:
            due = (row.last_due or now) + timedelta(microseconds=1)
        if await claim(row, due):
            await send(row, due, publish, clock)
            sent += 1
    return sent
