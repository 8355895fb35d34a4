"""A replica: what one client holds of one room's log, kept by the protocol's rules alone."""

from __future__ import annotations

from collections import Counter
from enum import Enum
from typing import Any

Payload = dict[str, Any]


class Heard(Enum):
    """What became of an envelope of the log."""

    APPLIED = "applied"
    DOUBLE = "double"
    GAP = "gap"


class Replica:
    """Messages by number, and the position that they are sure up to. `recovers=False` takes whatever comes for all there is."""

    def __init__(self, room: str, *, recovers: bool = True) -> None:
        self.room = room
        self.recovers = recovers
        self.epoch: str | None = None
        self.position = -1
        self.live = False
        self.joining = False
        # Changes of one's own that are not settled yet, where the client tells.
        self.pending = 0
        self.messages: dict[int, Payload] = {}
        self.counts: Counter[str] = Counter()

    @property
    def since(self) -> Payload | None:
        """What a join tells: None where nothing is held yet."""
        if self.epoch is None or not self.recovers:
            return None
        return {"epoch": self.epoch, "offset": self.position}

    def hear(self, payload: Payload, kind: str = "message") -> Heard:
        """Take a live envelope, of whatever kind, that has an offset and a prev."""
        if self.recovers and payload["offset"] <= self.position:
            heard = Heard.DOUBLE
        elif self.recovers and payload["prev"] > self.position:
            heard = Heard.GAP
        else:
            heard = Heard.APPLIED
            if kind == "message":
                self._put(payload)
            elif kind == "changed":
                self._change(payload)
            self.position = payload["offset"]
        # On its way since before the join that is under way: that one's answer begins where this client stands.
        if heard is Heard.APPLIED or not self.joining:
            self.counts[heard.value] += 1
        return heard

    def answered(self, answer: Payload) -> bool:
        """Take a join's answer; False where it is not all of it and another join has to follow."""
        if not self.recovers:
            self.epoch, self.position = answer["epoch"], answer["offset"]
            self.live = True
            return True
        if answer["recovered"]:
            self.counts["joins that recovered"] += 1
            self.counts["recovered"] += len(answer["messages"])
        else:
            self.counts["started over" if self.epoch is not None else "first joins"] += 1
            self.messages.clear()
        self.epoch = answer["epoch"]
        for message in answer["messages"]:
            self._put(message)
        self.position = answer["offset"]
        self.live = not answer["more"]
        return self.live

    def past(self, messages: list[Payload]) -> None:
        """Take a page of history, which moves no position."""
        for message in messages:
            self._put(message)

    @property
    def oldest(self) -> int:
        """The lowest number held; 1 where the log is empty."""
        return min(self.messages, default=1)

    def _put(self, message: Payload) -> None:
        held = self.messages.get(message["message"])
        if held is None or held["offset"] < message["offset"]:
            self.messages[message["message"]] = message

    def _change(self, parts: Payload) -> None:
        held = self.messages.get(parts["message"])
        if held is not None and held["offset"] < parts["offset"]:
            self.messages[parts["message"]] = {**held, **parts}
