"""The gateway."""

from __future__ import annotations

import asyncio
from typing import Any

from chatsite.gateway import Gateway


class FakeNode:
    """Counts what the gateway asks of the node."""

    def __init__(self) -> None:
        self.started = 0
        self.drained = 0

    def start(self) -> None:
        self.started += 1

    async def drain(self) -> None:
        self.drained += 1


class Application:
    """Notes the scopes that reach it."""

    def __init__(self) -> None:
        self.scopes: list[Any] = []

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        self.scopes.append(scope)


async def test_each_kind_of_scope_goes_its_way_and_starts_the_node() -> None:
    node, http, websocket = FakeNode(), Application(), Application()
    gateway = Gateway(node, http, websocket)  # type: ignore[arg-type]
    await gateway({"type": "http"}, None, None)
    await gateway({"type": "websocket"}, None, None)
    assert http.scopes == [{"type": "http", "chat.node": node}]
    assert websocket.scopes == [{"type": "websocket", "chat.node": node}]
    assert node.started == 2


async def test_a_servers_lifespan_starts_the_node_and_drains_it() -> None:
    node = FakeNode()
    said: asyncio.Queue[dict[str, str]] = asyncio.Queue()
    heard: list[str] = []

    async def send(message: dict[str, str]) -> None:
        heard.append(f"{message['type']} drained={node.drained}")

    for kind in ("lifespan.startup", "lifespan.shutdown"):
        said.put_nowait({"type": kind})
    gateway = Gateway(node, Application(), Application())  # type: ignore[arg-type]
    async with asyncio.timeout(5):
        await gateway({"type": "lifespan"}, said.get, send)
    assert heard == ["lifespan.startup.complete drained=0", "lifespan.shutdown.complete drained=1"]
    assert node.started == 1
