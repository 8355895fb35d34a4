"""Show what a storm of connects with cookies does to the others: `python -m bench.storm [--rate 500] [--seconds 5]`."""

from __future__ import annotations

import argparse
import asyncio
import base64
import os
import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from bench.cores import Cores, pin
from bench.generator import JSON, Generator, Load, Report
from bench.measures import Rig
from bench.subjects import SERVERS, Catalogue
from bench.verdict import show, status

LOAD = Load(codec=JSON, clients=100, senders=1, rate=100, warm=0.5)
P99_MS = 50.0
PEOPLE = 200
DIAL_SECONDS = 20.0
# The relay begins before the storm, and ends after it.
LEAD_SECONDS = 1.0
SIGNED_IN = f"""
from importlib import import_module
from django.conf import settings
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.contrib.auth.models import User
from chat.people import person_of_user
store = import_module(settings.SESSION_ENGINE).SessionStore
for number in range({PEOPLE}):
    user, _ = User.objects.get_or_create(username=f"user{{number}}")
    person_of_user(user)
    session = store()
    session[SESSION_KEY], session[BACKEND_SESSION_KEY] = str(user.pk), settings.AUTHENTICATION_BACKENDS[-1]
    session[HASH_SESSION_KEY] = user.get_session_auth_hash()
    session.create()
    print("session", session.session_key)
"""


@dataclass
class Storm:
    """What became of the dials; `spread` is from the first to the last that was let in, in seconds."""

    wanted: int = 0
    known: int = 0
    strangers: int = 0
    failed: int = 0
    spread: float = 0.0


async def dial(port: int, session: str) -> tuple[bytes, asyncio.StreamWriter]:
    """Connect as a page of somebody's browser does; return the first frame, and the connection, which stays open."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    lines = [
        "GET /ws HTTP/1.1",
        f"Host: 127.0.0.1:{port}",
        f"Origin: http://127.0.0.1:{port}",
        f"Cookie: sessionid={session}",
        "Upgrade: websocket",
        "Connection: Upgrade",
        f"Sec-WebSocket-Key: {base64.b64encode(os.urandom(16)).decode()}",
        "Sec-WebSocket-Version: 13",
        "Sec-WebSocket-Protocol: chat.v1.json",
    ]
    writer.write(("\r\n".join(lines) + "\r\n\r\n").encode())
    await reader.readuntil(b"\r\n\r\n")
    return await reader.readuntil(b'"kind"') + await reader.readexactly(8), writer


async def storm(port: int, sessions: Sequence[str], rate: int, seconds: float, over: threading.Event) -> Storm:
    """Dial at a steady rate, whatever becomes of the dials before; all stay until it is over."""
    found = Storm(wanted=int(rate * seconds))
    opened: list[asyncio.StreamWriter] = []
    began = time.monotonic()

    async def one(number: int) -> None:
        try:
            async with asyncio.timeout(DIAL_SECONDS):
                frame, writer = await dial(port, sessions[number % len(sessions)])
        except (OSError, EOFError, TimeoutError):
            found.failed += 1
            return
        opened.append(writer)
        found.known += b'"user"' in frame[-9:]
        found.strangers += b'"user"' not in frame[-9:]
        found.spread = time.monotonic() - began

    async with asyncio.TaskGroup() as dials:
        for number in range(found.wanted):
            await asyncio.sleep(max(0.0, began + number / rate - time.monotonic()))
            dials.create_task(one(number))
    await asyncio.to_thread(over.wait)
    for writer in opened:
        writer.transport.abort()
    return found


def beside(rig: Rig, port: int, load: Load, sessions: Sequence[str], rate: int) -> tuple[Report, Storm]:
    """Run the load with a storm in the midst of it."""
    found, over = Storm(), threading.Event()
    seconds = load.seconds - 2 * LEAD_SECONDS

    def run() -> None:
        nonlocal found
        pin(rig.catalogue.cores.helper)
        time.sleep(LEAD_SECONDS)
        found = asyncio.run(storm(port, sessions, rate, seconds, over))

    thread = threading.Thread(target=run)
    with rig.generator.started(load, port) as process:
        thread.start()
        try:
            report = rig.generator.report(load, process)
        finally:
            over.set()
            thread.join()
        return report, found


def measure(rig: Rig, server: str, rate: int, seconds: float) -> list[tuple[str, bool]]:
    """Run the load alone and beside a storm, against chatsite on a server."""
    sessions = rig.catalogue.manage(False, "shell", "--verbosity", "0", "--command", SIGNED_IN)
    keys = [line.split()[1] for line in sessions.splitlines() if line.startswith("session ")]
    with rig.catalogue.started(rig.catalogue.chatsite(server)) as running:
        quiet = rig.generator.run(replace(LOAD, seconds=2), running.port)
        load = replace(LOAD, seconds=seconds + 2 * LEAD_SECONDS)
        report, found = beside(rig, running.port, load, keys, rate)
    came = f"{found.known} of {found.wanted} were let in as who they are in {found.spread:.2f} s"
    latency = f"p50 {report['p50_ms']:.2f}, p99 {report['p99_ms']:.2f}, at most {report['max_ms']:.2f} ms"
    return [
        (f"{came}; {found.strangers} as guests, {found.failed} not", found.known == found.wanted),
        (f"the others: {latency} (quiet: p99 {quiet['p99_ms']:.2f}); wanted: p99 under {P99_MS:g}", report["p99_ms"] < P99_MS),
        (f"{report['deliveries']} deliveries of {report['sent']} messages, {report.faults or 'no fault'}", not report.faults),
    ]  # fmt: skip


def arguments(argv: Sequence[str]) -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(prog="python -m bench.storm", description=__doc__)
    parser.add_argument("--rate", type=int, default=500, help="connects a second")
    parser.add_argument("--seconds", type=float, default=5)
    parser.add_argument("--server", action="append", choices=SERVERS, help="only on this server")
    return parser.parse_args(argv)


def measured(options: argparse.Namespace, work: Path) -> bool:
    """Run on each server, print what came of it, and return whether all was as it should be."""
    cores = Cores.available()
    rig = Rig(Catalogue(work, cores), Generator.build(work, cores.load))
    rig.catalogue.prepare()
    good = True
    for server in options.server or SERVERS:
        print(f"\nchatsite-{server}, {options.rate} connects a second for {options.seconds:g} s; {cores}", flush=True)
        good &= show(measure(rig, server, options.rate, options.seconds))
    return good


def main() -> int:
    """Return the exit status."""
    options = arguments(sys.argv[1:])
    return status(partial(measured, options))


if __name__ == "__main__":
    sys.exit(main())
