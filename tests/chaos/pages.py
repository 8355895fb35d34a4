"""Pages: the project's own client for browsers, run by node, in the place of tests/chaos/client.py's."""

from __future__ import annotations

import asyncio
import itertools
import json
import shutil
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from random import Random
from typing import Any

from .replica import Payload, Replica
from .writer import AGAIN_SECONDS, EMOJI, RECENT, THINK_SECONDS, Ledger, Said

HOST = Path(__file__).with_name("js") / "pages.js"
# A page that has asked for no older messages so many times, 50 ms apart, waits for none.
IDLE_LOOKS = 40
# A frame of node's: all that one page holds.
LINE_BYTES = 1 << 26


def node() -> str | None:
    """Return node, if it is here and has sockets of its own."""
    return shutil.which("node")


class Pages:
    """One node process with all pages."""

    def __init__(self, program: str, urls: Iterable[str]) -> None:
        self.program, self.urls = program, list(urls)
        self.ids = itertools.count(1)
        self.waiting: dict[int, asyncio.Future[Payload]] = {}

    async def start(self) -> None:
        self.process = await asyncio.create_subprocess_exec(
            *(self.program, "--no-warnings", "--experimental-websocket", str(HOST)),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            limit=LINE_BYTES,
        )
        self.reading = asyncio.create_task(self._read())

    async def _read(self) -> None:
        assert self.process.stdout is not None
        async for line in self.process.stdout:
            answer = json.loads(line)
            self.waiting.pop(answer.pop("id")).set_result(answer)
        for future in self.waiting.values():
            future.set_exception(RuntimeError("node has ended"))

    async def ask(self, do: str, name: str, **fields: Any) -> Payload:
        """Return what node answers."""
        assert self.process.stdin is not None
        id = next(self.ids)
        future = self.waiting[id] = asyncio.get_running_loop().create_future()
        self.process.stdin.write(json.dumps({"do": do, "id": id, "name": name, **fields}).encode() + b"\n")
        return await future

    async def end(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.close()
        await self.process.wait()
        await self.reading


class Page:
    """One page, in the shape of a Client."""

    def __init__(self, name: str, pages: Pages, rooms: Iterable[str]) -> None:
        self.name, self.pages = name, pages
        self.replicas = {room: Replica(room) for room in rooms}
        self.counts: Counter[str] = Counter()
        self.opened = False
        self.stopped = asyncio.Event()

    async def run(self) -> None:
        """Be open until `stop`; the process of all pages ends it."""
        await self.pages.ask("open", self.name, rooms=list(self.replicas), urls=self.pages.urls)
        self.opened = True
        await self.stopped.wait()

    async def stop(self) -> None:
        self.stopped.set()

    async def cut(self) -> None:
        self.counts["cut"] += (await self.pages.ask("cut", self.name))["cut"]

    async def look(self, *, whole: bool = False) -> None:
        """Take over where the page is; with `whole` also what it holds."""
        if not self.opened:
            return
        answer = await self.pages.ask("look", self.name, whole=whole)
        for room, place in answer["rooms"].items():
            replica = self.replicas[room]
            replica.live, replica.pending = place["live"], place["pending"]
            if place["position"] is not None:
                replica.epoch, replica.position = place["position"]["epoch"], place["position"]["offset"]
            counts = place["counts"]
            replica.counts = Counter({name: counts[name] for name in ("double", "gap", "applied")})
            replica.counts["started over"] = counts["cleared"]
            if whole:
                replica.messages = {item["number"]: payload_of(item) for item in place["messages"]}

    async def complete(self) -> None:
        """Read what lies before the messages that are held, and take over everything."""
        await self.look(whole=True)
        idle = 0
        # What is missing at the beginning of a page that knows of no past is the verdict's to tell.
        while idle < IDLE_LOOKS and any(replica.oldest > 1 for replica in self.replicas.values()):
            loading = (await self.pages.ask("older", self.name))["loading"]
            idle = 0 if loading else idle + 1
            await asyncio.sleep(0.05)
            await self.look(whole=True)


class PageWriter:
    """Does one thing after another on a page, as writer.Writer does; what becomes of a change the page alone knows."""

    def __init__(self, page: Page, random: Random) -> None:
        self.client, self.random = page, random
        self.ledger = Ledger()
        self.stopping = False
        self.thinks = THINK_SECONDS

    async def run(self) -> None:
        """Write until `stopping`; what was begun then is brought to its end."""
        while not self.stopping:
            await self.random.choices((self.say, self.say_at_once, self.change), (8, 2, 6))[0]()
            await asyncio.sleep(self.random.uniform(0, self.thinks))

    async def say(self) -> None:
        room = self.random.choice(list(self.client.replicas))
        said = Said(
            room, "", f"{self.client.name} {len(self.ledger.said) + 1} {'ä' * self.random.choice((1, 1, 1000))}"
        )
        self.ledger.said.append(said)
        answer = await self.client.pages.ask("write", self.client.name, room=room, text=said.text)
        said.key, said.number, said.author = answer["key"], answer["number"], answer["author"]
        self.ledger.counts["messages acknowledged"] += 1

    async def say_at_once(self) -> None:
        await asyncio.gather(*(self.say() for _ in range(self.random.randint(2, 5))))

    async def change(self) -> None:
        """Edit or delete one's own message, or react to it; a page tries until it is done or refused."""
        said = self.random.choice(self.ledger.said[-RECENT:] or [None])
        if said is None or said.number is None:
            await asyncio.sleep(AGAIN_SECONDS)
            return
        verb = self.random.choices(("edit", "delete", "react"), (4, 1, 4))[0]
        change: Payload = {"verb": verb, "emoji": self.random.choice(EMOJI), "on": self.random.random() < 0.7}
        if verb == "edit":
            change["text"] = f"{said.text[:40]} edited {self.random.getrandbits(32)}"
            said.maybe.add(change["text"])
        elif verb == "delete":
            said.maybe_deleted = True
        self.ledger.counts[f"{verb} on a page"] += 1
        where = {"room": said.room, "number": said.number}
        await self.client.pages.ask("change", self.client.name, **where, change=change)


def payload_of(item: Payload) -> Payload:
    """Return what a page shows as the envelope that it came from."""
    payload = {
        "message": item["number"],
        "offset": item["offset"],
        "key": item["key"],
        "author": item["author"],
        "deleted": item["deleted"],
        "reply_to": item["replyTo"],
        "reactions": {it["emoji"]: {"count": it["count"], "ids": it["ids"]} for it in item["reactions"]},
    }
    return payload if item["deleted"] else {**payload, "text": item["text"]}
