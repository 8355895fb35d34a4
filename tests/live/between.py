"""Between a page and its server: writes down what the page asks for, and may answer in the server's place."""

from __future__ import annotations

import json
from typing import Any

from playwright.sync_api import WebSocketRoute


class Between:
    """Passes everything on, but for the types in `refused`; hand `serve` to `window(lossy=…)`."""

    def __init__(self) -> None:
        self.heard: list[dict[str, Any]] = []
        self.refused: set[str] = set()

    def serve(self, route: WebSocketRoute) -> None:
        """Take a dialling page in."""
        server = route.connect_to_server()

        def take(frame: str | bytes) -> None:
            envelope = json.loads(frame)
            self.heard.append(envelope)
            if envelope["type"] not in self.refused:
                server.send(frame)
                return
            payload = {"code": "unavailable", "message": "Not now.", "retry_after_s": 60}
            route.send(json.dumps({"type": "error", "id": envelope["id"], "payload": payload}))

        route.on_message(take)

    def all(self, kind: str) -> list[dict[str, Any]]:
        """Return the payloads of what the page sent of one type."""
        return [envelope["payload"] for envelope in self.heard if envelope["type"] == kind]
