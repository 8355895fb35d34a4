"""The ticker at work: over the database's rows, led by a lease, for the worker and inside the server."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import secrets
import socket
import time
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime
from typing import TypeVar

import django.db
from channels.layers import get_channel_layer
from django.conf import settings
from redis.exceptions import RedisError

from chat import broadcasts
from chat.broadcasts import Clock, Publish, Row, Sleep, Unavailable
from chat.broker import post
from chat.database import Database
from chat.models import Broadcast
from chat.models.lease import Candidate, lease_seconds
from chat.wire import events

logger = logging.getLogger("chat.broadcasts")

Result = TypeVar("Result")

LEASE = "broadcasts"
RELEASE_SECONDS = 0.5
DATABASE_ERRORS = (django.db.Error, OSError, TimeoutError)
LAYER_ERRORS = (RedisError, OSError, TimeoutError)
CLOCK = Clock(now=lambda: datetime.now(UTC), monotonic=time.monotonic)


class Remote:
    """Something outside this process: the log hears once that it does not answer, and once that it does again."""

    def __init__(self, name: str, errors: tuple[type[Exception], ...]) -> None:
        self.name = name
        self.errors = errors
        self.answers = True

    async def ask(self, call: Awaitable[Result]) -> Result:
        """Return what a call returns.

        Raises: Unavailable.
        """
        try:
            result = await call
        except self.errors as error:
            if self.answers:
                logger.warning("%s does not answer (%s); broadcasts wait for it", self.name, brief(error))
            self.answers = False
            raise Unavailable(f"{self.name} does not answer ({brief(error)})") from error
        if not self.answers:
            logger.info("%s answers again", self.name)
        self.answers = True
        return result


def brief(error: BaseException) -> str:
    """Return an error in one line."""
    lines = str(error).splitlines()
    return f"{type(error).__name__}: {lines[0]}" if lines else type(error).__name__


class Rows:
    """The database's broadcasts, as the ticker wants them."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.remote = Remote("The database", DATABASE_ERRORS)

    async def load(self) -> Sequence[Broadcast]:
        return await self.remote.ask(self.database(Broadcast.ticking))

    async def claim(self, row: Row, due: datetime) -> bool:
        return await self.remote.ask(self.database(Broadcast.claim, row, due))

    async def call(self, call: Callable[[], Result]) -> Result:
        return await self.remote.ask(self.database(call))


def through(publish: Publish) -> Publish:
    """Return a `publish` that says once, in one line, when the channel layer is down."""
    layer = Remote("The channel layer", LAYER_ERRORS)

    async def ask(room: str, event: events.Broadcast) -> None:
        await layer.ask(publish(room, event))

    return ask


async def to_every_process(room: str, event: events.Broadcast) -> None:
    """Send a tick through the channel layer, for those who are no node: the worker and the admin.

    Raises: whatever the layer raises; TimeoutError.
    """
    await post(get_channel_layer(), room, [event])


def holder_name() -> str:
    """Return a name for this worker that no other has: where it runs, and chance, since containers share both."""
    return f"{socket.gethostname()[:64]}:{os.getpid()}:{secrets.token_hex(4)}"


async def campaign(candidate: Candidate, rows: Rows, sleep: Sleep) -> None:
    """Renew or seek the lease for ever; the log hears of gain and loss."""
    led = False
    while True:
        with contextlib.suppress(Unavailable):  # `rows` has said so; the lease runs out by itself.
            await rows.call(candidate.poll)
        if candidate.leads != led:
            led = not led
            logger.info("%s %s the broadcasts", candidate.holder, "leads" if led else "no longer leads")
        await sleep(candidate.pause)


async def run_alone(publish: Publish, rows: Rows) -> None:
    """Tick for ever where no other process can."""
    await broadcasts.run(publish=through(publish), clock=CLOCK, sleep=asyncio.sleep, load=rows.load, claim=rows.claim)


async def run_competing(publish: Publish, rows: Rows, holder: str) -> None:
    """Tick for ever while the lease is ours; give it back at the end."""
    candidate = Candidate(LEASE, holder, CLOCK.monotonic)

    async def load() -> Sequence[Broadcast]:
        found = await rows.load()
        candidate.seconds = lease_seconds(row.interval for row in found)
        return found

    try:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(campaign(candidate, rows, asyncio.sleep))
            tasks.create_task(
                broadcasts.run(
                    publish=through(publish),
                    clock=CLOCK,
                    sleep=asyncio.sleep,
                    load=load,
                    claim=rows.claim,
                    leads=lambda: candidate.leads,
                )
            )
    finally:
        # Without it the lease runs out by itself, only later.
        with contextlib.suppress(Unavailable, TimeoutError):
            async with asyncio.timeout(RELEASE_SECONDS):
                await rows.call(candidate.release)


async def run_embedded(publish: Publish, *, alone: bool | None = None) -> None:
    """Tick inside a server process until cancelled.

    `alone`: no lease is needed, since no other process can reach these rooms; by default so with the in-memory layer.
    """
    alone = not settings.CHAT.clustered if alone is None else alone
    database = Database()
    try:
        rows = Rows(database)
        await (run_alone(publish, rows) if alone else run_competing(publish, rows, holder_name()))
    finally:
        database.close()


async def run_worker(publish: Publish, stop: asyncio.Event) -> None:
    """Tick as one of several workers until `stop` is set."""
    holder = holder_name()
    logger.info("Broadcast worker %s started; of several one leads", holder)
    database = Database()
    try:
        work = asyncio.create_task(run_competing(publish, Rows(database), holder))
        stopped = asyncio.create_task(stop.wait())
        await asyncio.wait({work, stopped}, return_when=asyncio.FIRST_COMPLETED)
        stopped.cancel()
        work.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await work
        logger.info("Broadcast worker %s stopped", holder)
    finally:
        database.close()


async def send_once(publish: Publish, only: int | None = None) -> int:
    """Send every enabled broadcast now, or `only` the one with this primary key; return how many were sent.

    Raises: Unavailable, which says in a sentence what does not answer.
    """
    database = Database()
    rows = Rows(database)

    async def load() -> Sequence[Broadcast]:
        return [row for row in await rows.load() if only in (None, row.pk)]

    try:
        return await broadcasts.once(publish=through(publish), clock=CLOCK, load=load, claim=rows.claim)
    finally:
        database.close()
