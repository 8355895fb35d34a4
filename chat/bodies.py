"""Bodies: how large an HTTP request may be."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

# Larger than any form of the admin; what will be uploaded one day gets a limit of its own.
MAX_BODY_BYTES = 2_621_440
# A client that is told 413 is read from for so long, so that it sees the answer and not a reset.
LINGER_SECONDS = 2.0

Scope = dict[str, Any]
App = Callable[[Scope, Any, Any], Awaitable[None]]

ANSWER = f"The body is larger than {MAX_BODY_BYTES} bytes.\n".encode()


class TooLarge(Exception):
    """The body went over the limit while it was read."""


class BodyLimit:
    """Answers 413 to a body that is too large: by Content-Length at once, else while it comes."""

    def __init__(self, app: App) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Any, send: Any) -> None:
        if declared_length(scope) > MAX_BODY_BYTES:
            await refuse(receive, send)
            return
        count = 0
        started = False

        async def counted() -> Any:
            nonlocal count
            message = await receive()
            count += len(message.get("body", b""))
            if count > MAX_BODY_BYTES:
                raise TooLarge
            return message

        async def noted(message: Any) -> None:
            nonlocal started
            started = True
            await send(message)

        try:
            await self.app(scope, counted, noted)
        except TooLarge:
            if not started:
                await refuse(receive, send)


def declared_length(scope: Scope) -> int:
    for name, value in scope["headers"]:
        if name == b"content-length" and value.isdigit():
            # Python refuses to read numbers of thousands of digits.
            return int(value) if len(value) < 20 else MAX_BODY_BYTES + 1
    return 0


async def refuse(receive: Any, send: Any) -> None:
    headers = [
        (b"content-type", b"text/plain"),
        (b"content-length", str(len(ANSWER)).encode()),
        (b"connection", b"close"),
    ]
    await send({"type": "http.response.start", "status": 413, "headers": headers})
    await send({"type": "http.response.body", "body": ANSWER})
    try:
        async with asyncio.timeout(LINGER_SECONDS):
            while (message := await receive())["type"] == "http.request" and message.get("more_body"):
                pass
    except TimeoutError:
        pass  # It had its time.
