"""Show what clients that never read do to the server and to the others: `python -m bench.stalled [--seconds 60]`."""

from __future__ import annotations

import argparse
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from bench.cores import Cores
from bench.generator import JSON, RAW, Generator, Load, Report
from bench.measures import Rig
from bench.processes import Running
from bench.subjects import SERVERS, Catalogue
from bench.verdict import show, status

STALLED = 20
LOAD = Load(clients=100, stalled=STALLED, senders=1, rate=100, size=8192, warm=0)
RSS_GROWTH = 10 * 2**20  # bytes; unbounded, 20 readers would pile up 1 GB in a minute
QUEUE_LIMIT = 512 * 2**10  # bytes in the kernel for one connection; 3.8 MB without TCP_NOTSENT_LOWAT, 175 kB with it
SLOW_CONSUMER = re.compile(rb"\b4002\b")
SAMPLE_SECONDS = 0.5
LATENCIES = (("p50", "p50_ms"), ("p99", "p99_ms"), ("at most", "max_ms"))


@dataclass(frozen=True)
class Sample:
    """What the server holds at a moment, in bytes: resident memory, and the kernel's send queues (all, the largest)."""

    rss: int
    queued: int
    largest: int


def queues(port: int) -> list[int]:
    """Return the bytes in the send queue of each of the server's connections, from `ss -tm` (w: wmem_queued)."""
    if not shutil.which("ss"):
        return []
    listed = subprocess.run(["ss", "-HOtmn", f"sport = :{port}"], capture_output=True, text=True, check=True).stdout
    return [int(size) for size in re.findall(r"skmem:\(.*?\bw(\d+)", listed)]


def sample(server: Running) -> Sample:
    """Look at the server now."""
    queued = queues(server.port)
    return Sample(server.rss(), sum(queued), max(queued, default=0))


def watched(rig: Rig, server: Running, load: Load) -> tuple[Report, list[Sample]]:
    """Run the load and look at the server all the while."""
    samples = [sample(server)]
    with rig.generator.started(load, server.port) as process:
        while process.poll() is None:
            time.sleep(SAMPLE_SECONDS)
            samples.append(sample(server))
        return rig.generator.report(load, process), samples


def verdicts(report: Report, samples: Sequence[Sample], slow: int) -> list[tuple[str, bool]]:
    """Judge one run; `slow` is how many closes with 4002 the server logged."""
    before, peak, after = samples[0].rss, max(s.rss for s in samples), samples[-1].rss
    growth = f"RSS {before / 1e6:.1f} MB before, {peak / 1e6:.1f} at most, {after / 1e6:.1f} after"
    queued, largest = max(s.queued for s in samples), max(s.largest for s in samples)
    kernel = f"{queued / 1e3:.0f} kB in all at most, the largest {largest / 1e3:.0f} kB (limit {QUEUE_LIMIT / 1e3:.0f})"
    closed, faults = report["stalled_closed"], report.faults
    latencies = ", ".join(f"{name} {report[key]:.2f} ms" for name, key in LATENCIES)
    heard = f"{report['deliveries']} deliveries of {report['sent']} messages"
    return [
        (f"{growth} (limit +{RSS_GROWTH / 1e6:.1f})", peak - before < RSS_GROWTH),
        (f"the kernel's send queues (ss -tm): {kernel}", largest < QUEUE_LIMIT),
        (f"{closed} of {STALLED} silent readers were closed, {slow} as 4002 slow_consumer", closed == slow == STALLED),
        (f"the others: {heard}, {faults or 'no fault'}", not faults),
        (f"their latency: {latencies}", True),
    ]


def measure(rig: Rig, server: str, load: Load) -> list[tuple[str, bool]]:
    """Run the load against chatsite on a server."""
    subject = rig.catalogue.chatsite(server)
    with rig.catalogue.started(subject) as running:
        rig.generator.run(replace(load, stalled=0, seconds=1), running.port)  # so that "before" is a server at work
        report, samples = watched(rig, running, load)
    return verdicts(report, samples, len(SLOW_CONSUMER.findall(running.log.read_bytes())))


def arguments(argv: Sequence[str]) -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(prog="python -m bench.stalled", description=__doc__)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--server", action="append", choices=SERVERS, help="only on this server")
    parser.add_argument("--codec", choices=("json", "raw"), default="json")
    return parser.parse_args(argv)


def measured(options: argparse.Namespace, work: Path) -> bool:
    """Run on each server, print what came of it, and return whether all was as it should be."""
    cores = Cores.available()
    rig = Rig(Catalogue(work, cores), Generator.build(work, cores.load))
    rig.catalogue.prepare()
    load = replace(LOAD, codec={"json": JSON, "raw": RAW}[options.codec], seconds=options.seconds)
    print(f"{STALLED} clients never read, {load.clients} do; {load.rate:g} messages of {load.size} bytes a second")
    good = True
    for server in options.server or SERVERS:
        print(f"\nchatsite-{server}, {options.codec}, {options.seconds:g} s; {cores}", flush=True)
        good &= show(measure(rig, server, load))
    return good


def main() -> int:
    """Return the exit status."""
    options = arguments(sys.argv[1:])
    return status(partial(measured, options))


if __name__ == "__main__":
    sys.exit(main())
