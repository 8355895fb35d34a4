"""Routes of WebSockets."""

from __future__ import annotations

from typing import Any

from channels.routing import URLRouter
from django.urls import re_path


async def refuse(scope: Any, receive: Any, send: Any) -> Any:
    """Refuse a handshake at a path that is none of ours; without this a path costs a traceback."""
    await receive()
    await send({"type": "websocket.close"})


def routes(consumer: Any) -> Any:
    """Return the WebSocket application; a trailing slash is accepted."""
    return URLRouter(
        [
            re_path(r"^ws/?$", consumer),
            re_path(r"^ws/(?P<slug>[^/]{1,200})/?$", consumer),
            re_path(r"", refuse),
        ]
    )
