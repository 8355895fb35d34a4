"""A client that keeps a room by the protocol's rules, and notes where a server breaks them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from msgspec import Raw, json

Payload = dict[str, Any]

# A message's payload without what a client does not keep of it.
TOLD_ONCE = ("prev",)


class LogClient:
    """What one client holds of one room: a position, and messages by number."""

    def __init__(self) -> None:
        self.epoch: str | None = None
        self.position = 0
        self.messages: dict[int, Payload] = {}
        self.first = 1
        self.live = False
        self.heard: list[int] = []
        self.wrong: list[str] = []

    @property
    def since(self) -> dict[str, Any] | None:
        return None if self.epoch is None else {"epoch": self.epoch, "offset": self.position}

    def answered(self, epoch: str, offset: int, recovered: bool, more: bool, messages: Sequence[Raw | Payload]) -> None:
        """Take a join's answer."""
        told = [json.decode(message) if isinstance(message, Raw) else message for message in messages]
        if not recovered:
            self.messages.clear()
            self.heard.clear()
            self.first = min((message["message"] for message in told), default=1)
        elif offset < self.position:
            self.wrong.append(f"recovered back from {self.position} to {offset}")
        for message in told:
            self.keep(message)
        self.epoch, self.position, self.live = epoch, offset, not more

    def told(self, kind: str, payload: Payload) -> None:
        """Take an envelope of this room."""
        if kind == "resync":
            self.live = False
        elif isinstance(payload.get("offset"), int) and isinstance(payload.get("prev"), int):
            self.logged(kind, payload)

    def logged(self, kind: str, payload: Payload) -> None:
        """Take a live envelope of the log: apply it, drop it, or note that something is missing."""
        offset, prev = payload["offset"], payload["prev"]
        if not self.live:
            self.wrong.append(f"offset {offset} came while not live")
        elif prev > self.position:
            self.wrong.append(f"offset {offset} follows {prev}, the position is {self.position}")
        elif offset > self.position:
            self.heard.append(offset)
            if kind == "message":
                self.keep(payload)
            elif kind == "changed":
                self.change(payload)
            self.position = offset
        elif offset in self.heard:
            self.wrong.append(f"offset {offset} came twice")

    def keep(self, payload: Payload) -> None:
        """Put a message's state into its place, unless a later one is there."""
        known = self.messages.get(payload["message"])
        if known is None or known["offset"] <= payload["offset"]:
            self.messages[payload["message"]] = {k: v for k, v in payload.items() if k not in TOLD_ONCE}

    def change(self, payload: Payload) -> None:
        """Put the parts of a message that a change names into its state."""
        known = self.messages.get(payload["message"])
        if known is not None and known["offset"] < payload["offset"]:
            parts = {k: v for k, v in payload.items() if k not in TOLD_ONCE}
            self.messages[payload["message"]] = {**known, **parts}
