"""A writer: writes, edits, deletes, reacts, and remembers what was acknowledged."""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import dataclass, field
from random import Random

from .client import Client, Envelope, Lost

EMOJI = ("👍", "🎉", "🦊")
# Between two things that a writer does.
THINK_SECONDS = 0.2
AGAIN_SECONDS = 0.2
# Of a room's last messages, what a reaction is put on.
RECENT = 30
# Not answers to what was asked, but to when: asked again.
PASSING = frozenset({"unavailable", "rate_limited", "not_joined"})


@dataclass
class Said:
    """A message of one's own: where it is once acknowledged, and which states it may have.

    `text` is what the last acknowledged change made of it, `maybe` what changes whose outcome is not known may have made.
    """

    room: str
    key: str
    text: str
    author: str = ""
    number: int | None = None
    tries: int = 0
    maybe: set[str] = field(default_factory=set)
    deleted: bool = False
    maybe_deleted: bool = False


@dataclass
class Ledger:
    """What one writer was told. Reactions: by room, number, person and emoji whether it is on; None where not known."""

    said: list[Said] = field(default_factory=list)
    reactions: dict[tuple[str, int, str, str], bool | None] = field(default_factory=dict)
    counts: Counter[str] = field(default_factory=Counter)
    refused: list[str] = field(default_factory=list)


class Writer:
    """Does one thing after another over a client of its own, until told to stop. An account is the same person always."""

    def __init__(self, client: Client, random: Random, *, account: bool) -> None:
        self.client, self.random, self.account = client, random, account
        self.ledger = Ledger()
        self.stopping = False
        self.thinks = THINK_SECONDS

    async def run(self) -> None:
        """Write until `stopping`; what was begun then is brought to its end."""
        verbs = (self.say, self.say_at_once, self.edit, self.delete, self.react)
        while not self.stopping:
            await self.random.choices(verbs, (8, 2, 4, 1, 4))[0]()
            await asyncio.sleep(self.random.uniform(0, self.thinks))

    async def say(self) -> None:
        """Write a message, again and again with the same key until it is acknowledged."""
        said = self._new()
        self.ledger.said.append(said)
        while said.number is None:
            await self.client.in_room(said.room)
            said.tries += 1
            try:
                payload = {"room": said.room, "text": said.text, "key": said.key}
                answer = await self.client.call("send", payload)
            except Lost:
                continue
            if answer["type"] == "ack":
                said.number = answer["payload"]["message"]
                said.author = self.client.you["id"] if said.tries == 1 or self.account else ""
                self.ledger.counts["messages acknowledged"] += 1
            elif not await self._passes("send", answer):
                return

    async def say_at_once(self) -> None:
        """Write several messages without waiting for one another's answer."""
        await asyncio.gather(*(self.say() for _ in range(self.random.randint(2, 5))))

    def _new(self) -> Said:
        room = self.random.choice(list(self.client.replicas))
        key = f"{self.random.getrandbits(128):032x}"
        number = len(self.ledger.said) + 1
        text = f"{self.client.name} {number} " + "ä\n" * self.random.choice((0, 0, 0, 10, 1000))
        return Said(room, key, text)

    async def edit(self) -> None:
        said = self._own()
        if said is None:
            return
        text = f"{said.text[:40]} edited {self.random.getrandbits(32)}"
        match await self._try("edit", {"room": said.room, "message": said.number, "text": text}):
            case True:
                said.text = text
            case None:
                said.maybe.add(text)

    async def delete(self) -> None:
        said = self._own()
        if said is None:
            return
        done = await self._try("delete", {"room": said.room, "message": said.number})
        said.deleted = done is True
        said.maybe_deleted = done is None

    async def react(self) -> None:
        room = self.random.choice(list(self.client.replicas))
        recent = sorted(self.client.replicas[room].messages)[-RECENT:]
        if not recent:
            return
        number, emoji, on = self.random.choice(recent), self.random.choice(EMOJI), self.random.random() < 0.7
        place = (room, number, self.client.you["id"], emoji)
        done = await self._try("react", {"room": room, "message": number, "emoji": emoji, "on": on}, {"conflict"})
        if done is None:
            self.ledger.reactions[place] = None
        elif done and self.ledger.reactions.get(place, False) is not None:
            self.ledger.reactions[place] = on

    def _own(self) -> Said | None:
        """Return a message that one may change: a guest who came back is another guest."""
        mine = [
            it
            for it in self.ledger.said[-RECENT:]
            if it.number and it.author == self.client.you["id"] and not it.deleted and not it.maybe_deleted
        ]
        return self.random.choice(mine) if mine else None

    async def _try(self, kind: str, payload: dict[str, object], allowed: set[str] = frozenset()) -> bool | None:  # type: ignore[assignment]
        """Ask once; True: done, False: not done, None: nobody knows."""
        try:
            answer = await self.client.call(kind, payload)
        except Lost:
            self.ledger.counts[f"{kind} of unknown outcome"] += 1
            return None
        if answer["type"] == "ack":
            self.ledger.counts[f"{kind} acknowledged"] += 1
            return True
        code = answer["payload"]["code"]
        if code == "unavailable":
            self.ledger.counts[f"{kind} of unknown outcome"] += 1
            return None
        if code not in PASSING | allowed:
            self._complain(kind, answer)
        return False

    async def _passes(self, kind: str, answer: Envelope) -> bool:
        """Wait where the same will be taken later; False where it never will."""
        payload = answer["payload"]
        self.ledger.counts[f"{kind} {payload['code']}"] += 1
        if payload["code"] not in PASSING:
            self._complain(kind, answer)
            return False
        await asyncio.sleep(min(payload.get("retry_after_s") or 0, 1.0) + self.random.uniform(0, AGAIN_SECONDS))
        return True

    def _complain(self, kind: str, answer: Envelope) -> None:
        self.ledger.refused.append(f"{self.client.name}: {kind} was refused: {answer['payload']}")
