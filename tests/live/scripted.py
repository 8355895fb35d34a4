"""A server inside the browser: it says to the page what the test tells it to."""

from __future__ import annotations

import json
from typing import Any

from playwright.sync_api import WebSocketRoute

YOU = {"id": "g1", "name": "guest-0001", "kind": "guest"}
OTHER = {"id": "g2", "name": "Ada", "kind": "guest"}
Envelope = dict[str, Any]


class Script:
    """Answers a room's page as a server would; hand `serve` to `window(lossy=…)`.

    Its limits: it keeps no message, echoes none, and knows one page at a time.
    """

    def __init__(
        self, *, you: Envelope = YOU, limits: Envelope | None = None, answers: bool = True, **joined: Any
    ) -> None:
        self.you, self.limits, self.answers, self.joined = you, limits or {"message_bytes": 1000}, answers, joined
        self.refused: Envelope | None = None
        self.heard: list[Envelope] = []
        self.routes: list[WebSocketRoute] = []

    def serve(self, route: WebSocketRoute) -> None:
        """Take a dialling page in."""
        self.routes.append(route)
        route.on_message(lambda frame: self.take(json.loads(frame)))
        self.say("welcome", user=self.you, heartbeat_s=0, limits=self.limits)

    def take(self, envelope: Envelope) -> None:
        self.heard.append(envelope)
        kind, number = envelope["type"], envelope.get("id")
        if kind == "join" and self.refused:
            self.frame({"type": "error", "id": number, "payload": self.refused})
        elif kind == "join":
            self.frame({"type": "ack", "id": number, "payload": self.room | {"you": self.you}})
        elif kind == "ping" and self.answers:
            self.frame({"type": "pong", "id": number})
        elif kind == "send" and self.answers:
            self.frame({"type": "ack", "id": number, "payload": {"at": self.joined.get("at")}})

    @property
    def room(self) -> Envelope:
        return {"room": "lobby", "title": "Lobby", "topic": "", "messages": [], **self.joined}

    def frame(self, *envelopes: Envelope) -> None:
        self.routes[-1].send("\n".join(map(json.dumps, envelopes)))

    def say(self, kind: str, **payload: Any) -> None:
        """Send an envelope."""
        self.frame({"type": kind, "payload": payload})

    def message(self, text: str, at: str, author: Envelope = OTHER) -> None:
        self.messages([text], at, author)

    def messages(self, texts: list[str], at: str, author: Envelope = OTHER) -> None:
        """Send messages in one frame."""
        payload = {"room": "lobby", "at": at, "author": author, "key": None}
        self.frame(*({"type": "message", "payload": {**payload, "text": text}} for text in texts))

    def broadcast(self, text: str, at: str) -> None:
        self.say("broadcast", room="lobby", name="time", text=text, at=at)

    def close(self, code: int, **closing: Any) -> None:
        """End the connection, as a server does: an envelope, then the frame."""
        self.say("closing", code=code, reconnect=True, **closing)
        self.routes[-1].close(code=code)

    def all(self, kind: str) -> list[Envelope]:
        """Return what the page sent of one type."""
        return [envelope for envelope in self.heard if envelope["type"] == kind]
