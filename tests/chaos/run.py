"""A run: people write and read while the plan is carried out; then all is mended, and everything compared."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from random import Random
from typing import Any

from . import database, verdict
from .client import Client, Lost
from .pages import Page, Pages, PageWriter
from .plan import cuts, plan
from .site import ROOMS, Site
from .writer import Writer

WRITERS = READERS = 8
ACCOUNTS = 4
# After the last fault: the goal is 2 s (the look) and a connection's back-off; a busy machine takes longer.
SETTLE_SECONDS = 60.0
# Where recovery is off, nothing comes however long one waits.
HOPELESS_SECONDS = 5.0
# What is written in the worst of runs; fewer would show nothing.
LEAST_ACKNOWLEDGED = 50
MOST_SHOWN = 25

Say = Callable[[str], None]


@dataclass
class Report:
    """What came of a run."""

    seed: int
    counts: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        counts = ", ".join(f"{name} {count}" for name, count in sorted(self.counts.items()))
        wrong = [f"WRONG: {it}" for it in self.wrong[:MOST_SHOWN]]
        more = [f"… and {len(self.wrong) - MOST_SHOWN} more"] if len(self.wrong) > MOST_SHOWN else []
        end = f"chaos: seed {self.seed}: {'failed' if self.wrong else 'nothing lost, nothing doubled'}"
        return "\n".join([f"chaos: {counts}", *wrong, *more, end])


class Run:
    """One run on a site that has been started."""

    def __init__(
        self,
        site: Site,
        seed: int,
        seconds: float,
        say: Say = print,
        *,
        without: str | None = None,
        pages: Pages | None = None,
    ) -> None:
        self.site, self.seed, self.seconds, self.say = site, seed, seconds, say
        self.settles = SETTLE_SECONDS if without is None else HOPELESS_SECONDS
        self.random = Random(seed)
        self.recovers = without != "client"
        self.pages = pages
        self.writers = [self._writer(number) for number in range(WRITERS)]
        self.readers = [self._client(f"reader-{number}") for number in range(READERS)]
        self.clients = [*(writer.client for writer in self.writers), *self.readers]
        self.report = Report(seed)

    def _client(self, name: str) -> Client | Page:
        """Return a guest: a page where there are pages, else one who speaks the protocol alone."""
        return Page(name, self.pages, ROOMS) if self.pages else self._speaker(name)

    def _speaker(self, name: str, session: str = "") -> Client:
        random = Random(self.random.getrandbits(32))

        def dial() -> tuple[str, dict[str, str]]:
            server = random.choice(self.site.servers)
            headers = {"Cookie": f"sessionid={session}", "Origin": server.url("")} if session else {}
            return server.ws(), headers

        return Client(name, dial, ROOMS, random, recovers=self.recovers)

    def _writer(self, number: int) -> Writer | PageWriter:
        """Return an account, or a guest."""
        name, random = f"writer-{number}", Random(self.random.getrandbits(32))
        if number < ACCOUNTS:
            return Writer(self._speaker(name, self.site.sessions[number]), random, account=True)
        client = self._client(name)
        return PageWriter(client, random) if isinstance(client, Page) else Writer(client, random, account=False)

    # The run

    async def run(self) -> Report:
        """Do it all."""
        if self.pages is not None:
            await self.pages.start()
        async with asyncio.TaskGroup() as group:
            for client in self.clients:
                group.create_task(client.run())
            await self._everybody_live("the start")
            async with asyncio.TaskGroup() as busy:
                writing = [busy.create_task(writer.run()) for writer in self.writers]
                await self._suffer()
                for writer in self.writers:
                    writer.stopping = True
                self.say(f"{self.seconds:6.1f} s everything is up again; the last messages are acknowledged")
                await asyncio.wait(writing, timeout=SETTLE_SECONDS)
                for task in writing:
                    task.cancel()
            await self._settle()
            await self._judge()
            for client in self.clients:
                await client.stop()
        if self.pages is not None:
            await self.pages.end()
        self._count()
        return self.report

    async def _suffer(self) -> None:
        """Carry out the plan; return when everything is mended."""
        async with asyncio.TaskGroup() as group:
            for fault in plan(self.seed, self.seconds):
                group.create_task(self._at(fault.at, lambda fault=fault: self.site.suffer(fault)))
            for at, number in cuts(self.seed, self.seconds, len(self.clients)):
                group.create_task(self._at(at, lambda number=number: self._cut(number)))
            group.create_task(asyncio.sleep(self.seconds))

    async def _at(self, seconds: float, act: Callable[[], Coroutine[Any, Any, str]]) -> None:
        await asyncio.sleep(seconds)
        said = await act()
        if said:
            self.say(f"{seconds:6.1f} s {said}")

    async def _cut(self, number: int) -> str:
        await self.clients[number].cut()
        return ""

    # Afterwards

    async def _everybody_live(self, when: str) -> None:
        await self._until(lambda: all(it.live for client in self.clients for it in client.replicas.values()), when)

    async def _settle(self) -> None:
        """Wait until everybody is as far as the log, without anybody's help: nobody is cut, nothing is written."""
        await self._everybody_live("everybody is connected again")
        replicas = [it for client in self.clients for it in client.replicas.values()]
        await self._until(lambda: not any(it.pending for it in replicas), "no change is under way", self.settles)
        heads = await asyncio.to_thread(database.heads, self.site.database)
        began = time.monotonic()
        await self._until(
            lambda: all(it.position >= heads[it.room].offset for it in replicas),
            "everybody is as far as the log",
            self.settles,
        )
        self.report.counts["ms to settle"] = int((time.monotonic() - began) * 1000)

    async def _until(self, check: Callable[[], bool], what: str, seconds: float = SETTLE_SECONDS) -> None:
        """Wait for something; that it did not come is part of the verdict."""
        end = time.monotonic() + seconds
        while True:
            for client in self.clients:
                await client.look()
            if check():
                return
            if time.monotonic() > end:
                self.report.wrong.append(f"not within {seconds:g} s: {what}")
                return
            await asyncio.sleep(0.05)

    async def _judge(self) -> None:
        """Compare what everybody knows."""
        wrong = self.report.wrong
        for client in self.clients:
            try:
                await client.complete()
            except Lost as error:
                wrong.append(f"{client.name} could not read the past: {error}")
        rows = await asyncio.to_thread(database.rows, self.site.database)
        heads = await asyncio.to_thread(database.heads, self.site.database)
        wrong += verdict.check_log(rows, heads)
        for writer in self.writers:
            wrong += verdict.check_ledger(writer.ledger, rows)
        for client in self.clients:
            for room, replica in client.replicas.items():
                wrong += verdict.check_replica(client.name, replica, rows, heads[room])
        self.report.counts["messages in the log"] = len(rows)
        self.report.counts["changes in the log"] = sum(head.offset for head in heads.values())
        for number in range(len(self.site.servers)):
            await self.site.hear(number)

    def _count(self) -> None:
        counts = self.report.counts
        for writer in self.writers:
            counts.update(writer.ledger.counts)
        for client in self.clients:
            counts.update(client.counts)
            for replica in client.replicas.values():
                counts.update(replica.counts)
        counts.update(self.site.done)
        counts.update(self.site.told)
        for name in ("gap", "double", "started over"):
            counts.setdefault(name, 0)
        if counts["messages acknowledged"] < LEAST_ACKNOWLEDGED:
            self.report.wrong.append(f"only {counts['messages acknowledged']} messages were acknowledged")
        traceback = self.site.farm.traceback()
        if traceback:
            self.report.wrong.append(f"a traceback in a log: {traceback}")
        if not self.site.worker.alive:
            self.report.wrong.append("the worker has ended")


@contextmanager
def started(site: Site) -> Iterator[Site]:
    """Start a site, and end it whatever happens."""
    try:
        site.start(ACCOUNTS)
        yield site
    finally:
        site.end()
