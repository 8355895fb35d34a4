"""Show what sign-ins at once do to the others: `python -m bench.signins [--count 120] [--seconds 6] [--server daphne]`.

Beside a relay that others hear: waves of page loads (the control), then of sign-ins with right and with wrong passwords.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from bench.attack import KINDS, Client
from bench.cores import Cores, pin
from bench.generator import JSON, Generator, Load, Report
from bench.measures import Rig
from bench.subjects import ROOT, SERVERS, Catalogue
from bench.verdict import show, status

LOAD = Load(codec=JSON, clients=50, senders=1, rate=50, warm=0.5)
# Others' p99 beside passwords may be so much over that beside as many page loads.
MORE_MS = 50.0
# An honest page, from another address, in the midst of it.
PAGE_SECONDS = 5.0
BETWEEN_PAGES = 0.25
# The relay begins before the attack, and ends after it.
LEAD_SECONDS = 1.0
PEOPLE = """
from django.contrib.auth.hashers import make_password
from django.contrib.auth.models import User
password = make_password("a long and good one")
User.objects.bulk_create([User(username=f"user{n}", password=password) for n in range(200)], ignore_conflicts=True)
"""


@dataclass
class Beside:
    """What the others had while an attack went on; times in seconds."""

    report: Report
    statuses: dict[str, int]
    pages: list[float]
    lost: int


async def probe(port: int, over: threading.Event) -> tuple[list[float], int]:
    """Load a page again and again, from another address; return how long each took, and how many had no page."""
    took: list[float] = []
    lost = 0
    client = Client(port, "127.0.0.2")
    while not over.is_set():
        began = time.monotonic()
        answer = await client.ask("GET", "/rooms/lobby")
        took.append(time.monotonic() - began)
        lost += answer.status != 200
        await asyncio.sleep(BETWEEN_PAGES)
    return took, lost


def beside(rig: Rig, port: int, kind: str, count: int, seconds: float) -> Beside:
    """Run the load with an attack in the midst of it."""
    over = threading.Event()
    found = Beside(Report(), {}, [], 0)

    def watch() -> None:
        pin(rig.catalogue.cores.helper)
        found.pages, found.lost = asyncio.run(probe(port, over))

    def run() -> None:
        time.sleep(LEAD_SECONDS)
        command = [sys.executable, "-m", "bench.attack", "--port", str(port), "--kind", kind, "--count", str(count)]
        done = subprocess.run(
            [*command, "--seconds", str(seconds)],
            cwd=ROOT, stdout=subprocess.PIPE, check=True, preexec_fn=partial(pin, rig.catalogue.cores.helper),
        )  # fmt: skip
        found.statuses = json.loads(done.stdout)
        over.set()

    threads = [threading.Thread(target=watch), threading.Thread(target=run)]
    load = replace(LOAD, seconds=seconds + 2 * LEAD_SECONDS)
    with rig.generator.started(load, port) as process:
        for thread in threads:
            thread.start()
        try:
            found.report = rig.generator.report(load, process)
        finally:
            for thread in reversed(threads):
                thread.join()
    return found


def told(kind: str, found: Beside) -> str:
    answers = ", ".join(f"{times} × {status}" for status, times in found.statuses.items())
    page = f"an honest page {sorted(found.pages)[len(found.pages) // 2]:.2f} s, at most {max(found.pages):.2f} s"
    report = found.report
    return (
        f"{kind}: others' p50 {report['p50_ms']:.2f}, p99 {report['p99_ms']:.1f}, at most {report['max_ms']:.0f} ms; "
        f"{page}, {found.lost} of {len(found.pages)} not; answers: {answers}"
    )


def measure(rig: Rig, server: str, count: int, seconds: float) -> Iterator[tuple[str, bool]]:
    """Run the load beside each kind of attack, against chatsite on a server of its own each time."""
    rig.catalogue.manage(False, "shell", "--verbosity", "0", "--command", PEOPLE)
    control = 0.0
    for kind in reversed(KINDS):
        with rig.catalogue.started(rig.catalogue.chatsite(server)) as running:
            found = beside(rig, running.port, kind, count, seconds)
        p99 = found.report["p99_ms"]
        control = control if kind != "page" else p99
        fits = p99 <= control + MORE_MS and max(found.pages) < PAGE_SECONDS and not found.lost
        yield told(kind, found), (fits or kind == "page") and not found.report.faults


def arguments(argv: Sequence[str]) -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(prog="python -m bench.signins", description=__doc__)
    parser.add_argument("--count", type=int, default=120, help="requests at once")
    parser.add_argument("--seconds", type=float, default=6)
    parser.add_argument("--server", action="append", choices=SERVERS, help="only on this server")
    return parser.parse_args(argv)


def measured(options: argparse.Namespace, work: Path) -> bool:
    """Run on each server, print what came of it, and return whether all was as it should be."""
    cores = Cores.available()
    rig = Rig(Catalogue(work, cores), Generator.build(work, cores.load))
    rig.catalogue.prepare()
    good = True
    for server in options.server or SERVERS:
        print(f"\nchatsite-{server}, {options.count} at once for {options.seconds:g} s; {cores}", flush=True)
        good &= show(measure(rig, server, options.count, options.seconds))
    return good


def main() -> int:
    """Return the exit status."""
    options = arguments(sys.argv[1:])
    return status(partial(measured, options))


if __name__ == "__main__":
    sys.exit(main())
