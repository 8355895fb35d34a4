"""What people do to a site by HTTP, all at once: sign in, rightly or wrongly, or load a page. Run as a process of its own."""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import re
import sys
import time
from collections import Counter
from dataclasses import dataclass, field
from urllib.parse import urlencode

SIGN_IN = "/accounts/sign-in/"
ANSWER_SECONDS = 20.0
# A wave comes so long after the one before, or when that one is answered.
WAVE_SECONDS = 2.0
KINDS = ("right", "wrong", "page")


@dataclass
class Answer:
    """What came of one request: 0 is none."""

    status: int
    headers: list[tuple[str, str]] = field(default_factory=list)
    body: str = ""

    def cookies(self) -> str:
        return "; ".join(value.split(";")[0] for name, value in self.headers if name == "set-cookie")


@dataclass
class Client:
    """One client: its own connection for each request, from an address of its own if that is wanted."""

    port: int
    source: str = "127.0.0.1"

    async def ask(self, method: str, path: str, form: dict[str, str] | None = None, cookies: str = "") -> Answer:
        """Return the answer; one with the status 0 where there is none in time."""
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                return await self._ask(method, path, form, cookies)
        except (OSError, EOFError, TimeoutError, ValueError):
            return Answer(0)

    async def _ask(self, method: str, path: str, form: dict[str, str] | None, cookies: str) -> Answer:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port, local_addr=(self.source, 0))
        body = urlencode(form or {}).encode()
        lines = [f"{method} {path} HTTP/1.1", f"Host: 127.0.0.1:{self.port}", "Connection: close"]
        lines += [f"Cookie: {cookies}"] if cookies else []
        lines += ["Content-Type: application/x-www-form-urlencoded", f"Content-Length: {len(body)}"] if body else []
        writer.write("\r\n".join([*lines, "", ""]).encode() + body)
        try:
            head, _, rest = (await reader.read()).partition(b"\r\n\r\n")
        finally:
            writer.close()
        first, *others = head.decode("latin-1").split("\r\n")
        pairs = [line.partition(":") for line in others]
        return Answer(
            int(first.split()[1]) if first else 0,
            [(name.lower(), value.strip()) for name, _, value in pairs],
            rest.decode("utf-8", "replace"),
        )

    async def form(self) -> tuple[str, str]:
        """Return the sign-in form's token and cookies, for all posts to come."""
        page = await self.ask("GET", SIGN_IN)
        found = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', page.body)
        return found[1] if found else "", page.cookies()


async def attack(port: int, kind: str, count: int, seconds: float, source: str) -> Counter[int]:
    """Send waves of so many requests at once; return how often each status came."""
    client = Client(port, source)
    token, cookies = await client.form() if kind != "page" else ("", "")
    password = "a long and good one" if kind == "right" else "wrong"

    async def one(number: int) -> int:
        if kind == "page":
            return (await client.ask("GET", SIGN_IN)).status
        form = {"csrfmiddlewaretoken": token, "username": f"user{number}", "password": password}
        return (await client.ask("POST", SIGN_IN, form, cookies)).status

    found: Counter[int] = Counter()
    end = time.monotonic() + seconds
    while (began := time.monotonic()) < end:
        found.update(await asyncio.gather(*(one(number) for number in range(count))))
        await asyncio.sleep(max(0.0, began + WAVE_SECONDS - time.monotonic()))
    return found


def main() -> None:
    """Attack, as the command line says, and print what came of it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--kind", choices=KINDS, required=True)
    parser.add_argument("--count", type=int, default=120)
    parser.add_argument("--seconds", type=float, default=6)
    parser.add_argument("--source", default="127.0.0.3")
    options = parser.parse_args()
    os.nice(19)
    found = asyncio.run(attack(options.port, options.kind, options.count, options.seconds, options.source))
    json.dump({str(status): times for status, times in sorted(found.items())}, sys.stdout)


if __name__ == "__main__":
    main()
