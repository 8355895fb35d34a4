"""The project's application with consumers that go wrong and less patience: `daphne tests.live.applications:ending`."""

from __future__ import annotations

import asyncio
from typing import Any

import chatsite.asgi
from chatsite.servers import incoming

incoming.UNFINISHED_SECONDS = 1.0  # 30 otherwise: too long for a test that runs on every change


async def ending(scope: dict[str, Any], receive: Any, send: Any) -> None:
    """End a WebSocket's application in the way that its path asks for; serve all else as the project does."""
    path = scope.get("path", "")
    if scope["type"] != "websocket" or not path.startswith("/ends/"):
        await chatsite.asgi.application(scope, receive, send)
        return
    await receive()
    if path == "/ends/before-accepting":
        return
    await send({"type": "websocket.accept"})
    await receive()
    if path == "/ends/by-raising":
        raise RuntimeError("this consumer fails on purpose")
    if path == "/ends/by-cancelling":
        raise asyncio.CancelledError
