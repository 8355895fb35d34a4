"""The project's application with consumers that go wrong and less patience: `daphne tests.live.applications:ending`."""

from __future__ import annotations

import asyncio
from typing import Any

import chatsite.asgi
from chatsite.servers import arrivals, incoming

# Too long otherwise for tests that run on every change: 30, 10, 10 and 60.
incoming.UNFINISHED_SECONDS = 1.0
arrivals.HEAD_SECONDS = 2.0
arrivals.PIECE_SECONDS = 2.0
arrivals.BODY_SECONDS = 4.0
STREAM_PIECES = 256


async def stream(send: Any) -> None:
    """Answer with more than the kernels take for who does not read, piece by piece."""
    await send({"type": "http.response.start", "status": 200, "headers": []})
    for _ in range(STREAM_PIECES):
        await send({"type": "http.response.body", "body": bytes(65_536), "more_body": True})
    await send({"type": "http.response.body", "body": b""})


async def ending(scope: dict[str, Any], receive: Any, send: Any) -> None:
    """End a WebSocket's application in the way that its path asks for; serve all else as the project does."""
    path = scope.get("path", "")
    if path == "/streams":
        await stream(send)
        return
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
