"""The room log alone: the writer, two writers on one database, joins and history in a room of a million messages.

    python -m bench.log                                   SQLite in a new directory
    python -m bench.log --database postgres://…           an empty database, which gets tables and is left with its rows
    python -m bench.log --short                           100,000 messages, short runs: figures are rough

Exit status: 0 every goal is met, 1 one is missed.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import secrets
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
IN_FLIGHT = 100
ROOMS = 50
JOINS = 200
MISSED = 500


@dataclass(frozen=True)
class Goal:
    """What a figure must reach: `least`, or at most `most`."""

    least: float | None = None
    most: float | None = None

    def met(self, figure: float) -> bool:
        return (self.least is None or figure >= self.least) and (self.most is None or figure <= self.most)

    def __str__(self) -> str:
        return f">= {self.least:g}" if self.least is not None else f"<= {self.most:g}"


class Table:
    """Prints rows as they are measured, and remembers whether a goal was missed."""

    def __init__(self) -> None:
        self.missed = 0

    def row(self, title: str, figure: float, unit: str, goal: Goal | None = None, remark: str = "") -> None:
        verdict = "" if goal is None else f"{goal} {'met' if goal.met(figure) else 'MISSED'}"
        self.missed += goal is not None and not goal.met(figure)
        print(f"{title:<58} {figure:>12,.1f} {unit:<12} {verdict:<18} {remark}", flush=True)


def write_for(seconds: float, rooms: list[str], author: str = "guest:bench") -> tuple[float, float, float]:
    """Keep IN_FLIGHT messages waiting for so long; return messages a second, the longest wait in s, messages a group."""
    from django.conf import settings

    from chat.rooms import log
    from chat.rooms.changes import Change, Done, Outcome, Write
    from chat.rooms.writer import Writer
    from chat.wire.events import Person

    me = Person(author, "Ada", "guest")

    async def run() -> tuple[float, float, float]:
        waits: list[float] = []
        done_all = asyncio.Event()
        started = time.perf_counter()
        end = started + seconds

        def finished(answers: list[tuple[Change, Outcome]]) -> None:
            for change, outcome in answers:
                change.done(outcome)

        writer = Writer(log.commit, finished, settings.TURN)

        def send() -> None:
            began = time.perf_counter()

            def done(outcome: Outcome) -> None:
                assert isinstance(outcome, Done), outcome
                waits.append(time.perf_counter() - began)
                if time.perf_counter() < end:
                    send()
                elif not writer.waiting:
                    done_all.set()

            room = rooms[len(waits) % len(rooms)]
            key = secrets.token_hex(16)
            writer.take(Write(room=room, author=me, key=key, done=done, text="x" * 64, address="192.0.2.1:5000"))

        for _ in range(IN_FLIGHT):
            send()
        await done_all.wait()
        took = time.perf_counter() - started
        writer.close()
        return len(waits) / took, max(waits), len(waits) / writer.groups

    return asyncio.run(run())


def measure_writer(table: Table, seconds: float, postgres: bool) -> None:
    one, many = (5000, 2500) if postgres else (10_000, 5_000)
    rate, _, group = write_for(seconds, ["bench-0"])
    table.row(f"writer, one room, {IN_FLIGHT} in flight", rate, "messages/s", Goal(least=one), f"{group:.0f} a commit")
    rate, _, group = write_for(seconds, [f"bench-{n}" for n in range(ROOMS)])
    table.row(f"writer, {ROOMS} rooms", rate, "messages/s", Goal(least=many), f"{group:.0f} a commit")


def measure_two(table: Table, seconds: float) -> None:
    """Let two processes write one room at once."""
    command = [sys.executable, "-m", "bench.log", "--child", str(seconds)]
    children = [subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    figures = [[float(word) for word in child.communicate()[0].split()] for child in children]
    rates = sorted(rate for rate, _ in figures)
    table.row("two processes, one room: together", sum(rates), "messages/s")
    table.row("two processes: the faster one's share of the slower's", rates[1] / rates[0], "x", Goal(most=2))
    table.row("two processes: longest wait", 1000 * max(longest for _, longest in figures), "ms", Goal(most=200))


def fill(slug: str, count: int) -> None:
    """Put messages into a room, past the writer."""
    from django.db import connection, transaction

    from chat.models import Room
    from chat.rooms.rows import INSERT

    room = Room.objects.get(slug=slug)
    for start in range(1, count + 1, 10_000):
        numbers = range(start, min(start + 10_000, count + 1))
        rows = [
            (
                room.pk,
                n,
                n,
                f"fill-{n:09}",
                f"fill-{n:09}",
                "guest:1",
                "Ada",
                "guest",
                "",
                "x" * 64,
                None,
                n,
                None,
                False,
                None,
                "",
            )
            for n in numbers
        ]
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.executemany(INSERT, rows)
        print(f"\r{numbers[-1]:,} of {count:,} messages", end="", file=sys.stderr, flush=True)
    print(file=sys.stderr)
    Room.objects.filter(pk=room.pk).update(last=count)
    with connection.cursor() as cursor:
        cursor.execute("UPDATE chat_room SET head = %s WHERE id = %s", [count, room.pk])
        cursor.execute("ANALYZE")


def milliseconds(call: Callable[[], Any], times: int) -> list[float]:
    took = []
    for _ in range(times):
        began = time.perf_counter()
        call()
        took.append((time.perf_counter() - began) * 1000)
    return sorted(took)


def measure_reading(table: Table, count: int) -> None:
    from chat.rooms import recovery
    from chat.wire.commands import Since

    fill("bench-big", count)
    head = recovery.read_head("bench-big")
    assert head is not None

    def recover() -> None:
        since, more = head.offset - MISSED, True
        while more:
            page = recovery.recover("bench-big", Since(head.epoch, since))
            assert page is not None and page.recovered
            since, more = page.offset, page.more

    took = milliseconds(recover, JOINS)
    title = f"join with {MISSED} to recover of {count:,} (read and encoded)"
    table.row(
        f"{title}: 95 %", took[int(len(took) * 0.95)], "ms", Goal(most=50), f"median {statistics.median(took):.1f}"
    )
    first = statistics.median(milliseconds(lambda: recovery.history("bench-big", None, None, 200), 50))
    deep = statistics.median(milliseconds(lambda: recovery.history("bench-big", count // 2, None, 200), 50))
    table.row(
        "history: a page in the middle to the first page",
        deep / first,
        "x",
        Goal(most=2),
        f"{first:.2f}, {deep:.2f} ms",
    )


def prepare(database: str, var: str) -> None:
    """Point Django at the database, and make its tables and rooms."""
    os.environ |= {
        "CHAT_VAR_DIR": var,
        "SECRET_KEY": secrets.token_hex(32),
        "DJANGO_SETTINGS_MODULE": "chatsite.settings",
    }
    os.environ.pop("REDIS_URL", None)
    if database:
        os.environ["DATABASE_URL"] = database
    else:
        os.environ.pop("DATABASE_URL", None)
    set_up()
    from django.core.management import call_command

    from chat.models import Room

    call_command("migrate", verbosity=0)
    for slug in [*(f"bench-{n}" for n in range(ROOMS)), "bench-two", "bench-big"]:
        Room.objects.get_or_create(slug=slug, defaults={"title": slug})


def set_up() -> None:
    import django

    django.setup()


def main() -> int:
    """Measure, print, and return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m bench.log", description=__doc__.splitlines()[0])
    parser.add_argument("--database", default="", help="postgres://…; without it SQLite in a new directory")
    parser.add_argument("--short", action="store_true")
    parser.add_argument("--child", type=float, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        set_up()
        rate, longest, _ = write_for(options.child, ["bench-two"], f"guest:{os.getpid()}")
        print(rate, longest)
        return 0
    seconds, count = (2.0, 100_000) if options.short else (5.0, 1_000_000)
    table = Table()
    with tempfile.TemporaryDirectory(prefix="chatsite-bench-") as var:
        prepare(options.database, var)
        measure_writer(table, seconds, bool(options.database))
        measure_two(table, seconds)
        measure_reading(table, count)
    return 1 if table.missed else 0


if __name__ == "__main__":
    sys.exit(main())
