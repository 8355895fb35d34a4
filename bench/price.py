"""Show what a guest's cheap requests cost the others: `python -m bench.price [--seconds 5]`."""

from __future__ import annotations

import argparse
import asyncio
import itertools
import json
import sys
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed
from websockets.typing import Subprotocol

from bench.cores import Cores, pin
from bench.subjects import SERVERS, Catalogue
from bench.verdict import show, status

JSON = Subprotocol("chat.v1.json")
READERS, GUESTS, ACCOUNTS = 100, 180, 2000
TEXT = "x" * 65536
EMOJI = "👍🎉😀🎈🚀"
# Of what a reader gets: a tenth of one whole message a second, and none is closed.
READER_BYTES = 16_384
JOIN_P99_MS = 250.0
JOINS_A_SECOND = 20
UNSEEN = f"""
from django.contrib.auth.models import User
User.objects.bulk_create(User(username=f"person-{{number}}") for number in range({ACCOUNTS}))
"""


class Guest:
    """One json connection; what it gets is counted."""

    def __init__(self, socket: ClientConnection) -> None:
        self.socket = socket
        self.ids = itertools.count(1)
        self.bytes = 0
        self.closed = 0
        self.answers: dict[int, asyncio.Future[Any]] = {}
        self.reading = asyncio.ensure_future(self._read())

    async def _read(self) -> None:
        try:
            async for frame in self.socket:
                self.bytes += len(frame)
                for line in str(frame).split("\n"):
                    envelope = json.loads(line) if len(line) < 4096 or self.answers else {}
                    answer = self.answers.pop(envelope.get("id"), None)
                    if answer is not None and not answer.done():
                        answer.set_result(envelope)
        except ConnectionClosed:
            pass
        self.closed = self.socket.close_code or 1006

    async def say(self, kind: str, **payload: Any) -> None:
        await self.socket.send(json.dumps({"type": kind, "payload": payload}))

    async def ask(self, kind: str, **payload: Any) -> dict[str, Any]:
        id = next(self.ids)
        self.answers[id] = asyncio.get_running_loop().create_future()
        await self.socket.send(json.dumps({"type": kind, "id": id, "payload": payload}))
        return dict(await asyncio.wait_for(self.answers[id], 30))


@asynccontextmanager
async def guests(port: int, count: int, room: str = "") -> AsyncIterator[list[Guest]]:
    """Connect guests, in a room or in none."""
    async with AsyncExitStack() as stack:
        found = []
        for _ in range(count):
            dial = connect(
                f"ws://127.0.0.1:{port}/ws", subprotocols=[JSON], compression=None, max_size=None, proxy=None
            )
            found.append(Guest(await stack.enter_async_context(dial)))
            if room:
                await found[-1].ask("join", room=room)
        yield found
        for guest in found:
            guest.reading.cancel()


async def reactions(port: int, seconds: float) -> list[tuple[str, bool]]:
    """React to one long message for some seconds."""
    async with guests(port, READERS + 1, "lobby") as (guest, *readers):
        number = (await guest.ask("send", room="lobby", text=TEXT))["payload"]["message"]
        await asyncio.sleep(1)
        before = [reader.bytes for reader in readers]
        ends = time.monotonic() + seconds
        sent = 0
        while time.monotonic() < ends and not guest.closed:
            with suppress(ConnectionClosed):  # Too slow itself.
                await guest.say("react", room="lobby", message=number, emoji=EMOJI[sent % 5], on=sent // 5 % 2 == 0)
            sent += 1
            # A burst, then the rate that the server lets through.
            await asyncio.sleep(0 if sent < 50 else 0.1)
        await asyncio.sleep(1)
        each = max(reader.bytes - start for reader, start in zip(readers, before, strict=True)) / seconds
        closed = sum(reader.closed != 0 for reader in readers)
    return [
        (f"{sent} reactions to a text of 64 KiB: each of {READERS} readers got {each / 1000:.1f} KB a second", each < READER_BYTES),
        (f"{closed} of {READERS} readers were closed", not closed),
    ]  # fmt: skip


async def joins(port: int, seconds: float) -> tuple[float, int]:
    """Return the p99 of others' joins in milliseconds, and how many got no answer."""
    took: list[float] = []
    failed = 0

    async def join(guest: Guest) -> None:
        nonlocal failed
        began = time.monotonic()
        try:
            answer = await guest.ask("join", room="lobby")
        except (TimeoutError, ConnectionClosed):
            failed += 1
            return
        failed += answer["type"] == "error"
        took.append((time.monotonic() - began) * 1000)

    async with guests(port, 20) as others, asyncio.TaskGroup() as tasks:
        for number in range(int(seconds * JOINS_A_SECOND)):
            tasks.create_task(join(others[number % len(others)]))
            await asyncio.sleep(1 / JOINS_A_SECOND)
    return sorted(took)[int(len(took) * 0.99)] if took else float("inf"), failed


async def names(port: int, seconds: float) -> list[tuple[str, bool]]:
    """Let guests ask for names, one after the other, while others join."""
    quiet, _ = await joins(port, seconds)
    numbers = itertools.count()

    async def rename(guest: Guest) -> None:
        while not guest.closed:
            await guest.ask("name", name=f"Guest Nobody {next(numbers)}")

    async with guests(port, GUESTS) as flood:
        busy = [asyncio.ensure_future(rename(guest)) for guest in flood]
        await asyncio.sleep(0.5)
        before = next(numbers)
        p99, failed = await joins(port, seconds)
        asked = next(numbers) - before
        for task in busy:
            task.cancel()
        await asyncio.gather(*busy, return_exceptions=True)
    return [
        (f"{GUESTS} guests asked for {asked / seconds:.0f} names a second beside {ACCOUNTS} accounts that nobody has seen", True),
        (f"others' joins: p99 {p99:.1f} ms (quiet: {quiet:.1f}), {failed} without an answer; wanted: under {JOIN_P99_MS:g}",
         p99 < JOIN_P99_MS and not failed),
    ]  # fmt: skip


def arguments(argv: Sequence[str]) -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(prog="python -m bench.price", description=__doc__)
    parser.add_argument("--seconds", type=float, default=5)
    parser.add_argument("--server", action="append", choices=SERVERS, help="only on this server")
    return parser.parse_args(argv)


def measured(options: argparse.Namespace, work: Path) -> bool:
    """Run on each server, print what came of it, and return whether all was as it should be."""
    cores = Cores.available()
    catalogue = Catalogue(work, cores)
    catalogue.prepare()
    catalogue.manage(True, "shell", "--verbosity", "0", "--command", UNSEEN)
    pin(cores.load)
    good = True
    for server in options.server or SERVERS:
        print(f"\nchatsite-{server}, for {options.seconds:g} s; {cores}", flush=True)
        subject = catalogue.chatsite(server, durable=True)
        subject = replace(subject, env={**subject.env, "CHAT_MESSAGE_RATE": "10"})
        for run in (reactions, names):
            with catalogue.started(subject) as running:
                good &= show(asyncio.run(run(running.port, options.seconds)))
    return good


def main() -> int:
    """Return the exit status."""
    options = arguments(sys.argv[1:])
    return status(partial(measured, options))


if __name__ == "__main__":
    sys.exit(main())
