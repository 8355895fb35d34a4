"""The gateway: the outermost ASGI application."""

from __future__ import annotations

from typing import Any

from chat.acting import SCOPE_KEY
from chat.node import Node


class Gateway:
    """Sends each kind of scope its way, and starts the node: daphne has no lifespan, so the first scope does."""

    def __init__(self, node: Node, http: Any, websocket: Any) -> None:
        self.node = node
        self.ways = {"http": http, "websocket": websocket, "lifespan": self.lifespan}

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        self.node.start()
        await self.ways[scope["type"]]({**scope, SCOPE_KEY: self.node}, receive, send)

    async def lifespan(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        while True:
            kind = (await receive())["type"]
            if kind == "lifespan.shutdown":
                await self.node.drain()
            await send({"type": f"{kind}.complete"})
            if kind == "lifespan.shutdown":
                return
