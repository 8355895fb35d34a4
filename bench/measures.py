"""How one figure is got from one server: throughput, latency, handshakes, memory."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from bench.generator import RAW, Codec, Generator, Load, Report
from bench.subjects import Catalogue, Subject

SETTLE_SECONDS = 2.0
HOLD_SECONDS = 60.0


@dataclass(frozen=True)
class Result:
    """A figure of one round, a remark on it, what went wrong, and all that was counted."""

    figure: float
    note: str
    faults: str
    counted: dict[str, Any]


@dataclass(frozen=True)
class Rig:
    """What a measure works with."""

    catalogue: Catalogue
    generator: Generator


Measure = Callable[[Rig, Subject], Result]


def throughput(load: Load) -> Measure:
    """Measure deliveries a second."""
    return lambda rig, subject: _result(_loaded(rig, subject, load), "deliveries_per_s")


def latency(load: Load) -> Measure:
    """Measure the 99th percentile from when a message was due to when it was heard, in milliseconds."""
    return lambda rig, subject: _result(_loaded(rig, subject, load), "p99_ms")


def handshakes(load: Load) -> Measure:
    """Measure connections opened a second."""

    def measure(rig: Rig, subject: Subject) -> Result:
        report = _loaded(rig, subject, load)
        return Result(report["dials_per_s"], f"{load.clients} dials, {load.ramp} at a time", report.faults, report)

    return measure


def memory(codec: Codec, connections: int) -> Measure:
    """Measure what an idle connection adds to the server's resident memory, in KB of 1,000 bytes."""
    idle = Load(codec, clients=connections, senders=0, seconds=HOLD_SECONDS, warm=0)
    first = replace(idle, clients=50, seconds=0.1)

    def measure(rig: Rig, subject: Subject) -> Result:
        with rig.catalogue.started(subject) as server:
            # What is loaded with the first connections is no cost of a connection.
            rig.generator.run(_spoken_by(subject, first), server.port)
            before = server.rss()
            with rig.generator.holding(_spoken_by(subject, idle), server.port) as ready:
                time.sleep(SETTLE_SECONDS)
                after = server.rss()
        faults = "" if ready.startswith(f"ready: {connections} open") else ready
        note = f"RSS {before / 1e6:.1f} to {after / 1e6:.1f} MB"
        return Result((after - before) / connections / 1000, note, faults, {"before": before, "after": after})

    return measure


def _loaded(rig: Rig, subject: Subject, load: Load) -> Report:
    with rig.catalogue.started(subject) as server:
        return rig.generator.run(_spoken_by(subject, load), server.port)


def _spoken_by(subject: Subject, load: Load) -> Load:
    """The references relay frames as they come and know no envelopes."""
    return load if subject.ours else replace(load, codec=RAW)


def _result(report: Report, key: str) -> Result:
    return Result(report[key], f"p50 {report['p50_ms']:.2f}, p99 {report['p99_ms']:.2f} ms", report.faults, report)
