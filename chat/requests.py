"""Requests: Django's share of HTTP, in places, so that no number of requests takes all threads and connections.

A place is held while Django works, and not while a client sends its request or reads the answer.
"""

from __future__ import annotations

import asyncio
import logging
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import IO, Any

from asgiref.sync import ThreadSensitiveContext

from chat import busy
from chat.places import Full, Places

# Of bodies and answers, so much is kept in memory; the rest waits in a file.
MEMORY_BYTES = 64 * 1024
CHUNK_BYTES = 64 * 1024

# Threads, and database connections, of each kind of request. More threads would only take turns with the event loop.
PAGES = 4
PASSWORDS = 2  # One computes (chat.hashing), the other one asks the database meanwhile.
MAILS = 2  # Wait for a mail server or the provider of single sign-on, for seconds.
OWN_DATA = 1  # Exports and erasing take long.
ADMIN = 2  # A search of the admin's reads whole tables.
# How many wait. Of passwords, no more than are through within WAIT_SECONDS.
PAGES_WAITING = 250
PASSWORDS_WAITING = 16
OTHERS_WAITING = 16

# Of refusals, one line in the log in so long.
REPEAT_SECONDS = 10.0

HASHING = ("/accounts/sign-in/", "/accounts/sign-up/", "/accounts/set-up/", "/accounts/password/", "/admin/login/")
SLOW = ("/accounts/export/", "/accounts/erase/")
# Files: they ask no database.
FREE = "/static/"
RESET = "/accounts/password/reset/"
SSO = "/accounts/oidc/"

logger = logging.getLogger("chat.requests")

Scope = dict[str, Any]
App = Callable[[Scope, Any, Any], Awaitable[None]]


def kind_of(method: str, path: str) -> str:
    """Return of which kind a request is; Django takes a method in any case."""
    method = method.upper()
    if path.startswith(SSO) or (method == "POST" and path == RESET):
        return "mails"
    if method == "POST" and (path in HASHING or path.startswith(RESET)):
        return "passwords"
    if method == "POST" and path in SLOW:
        return "own-data"
    return "admin" if path.startswith("/admin/") else "pages"


def all_places() -> dict[str, Places]:
    """Return the places of one process, by kind."""
    every = (
        Places("pages", PAGES, PAGES_WAITING),
        Places("passwords", PASSWORDS, PASSWORDS_WAITING),
        Places("mails", MAILS, OTHERS_WAITING),
        Places("own-data", OWN_DATA, OTHERS_WAITING),
        Places("admin", ADMIN, OTHERS_WAITING),
    )
    return {places.name: places for places in every}


class Requests:
    """Runs each request in a place of its kind; answers 503 where there is none in time."""

    def __init__(self, app: App, places: dict[str, Places] | None = None) -> None:
        self.app = app
        self.places = places or all_places()
        self.refused = 0
        self.said_at = float("-inf")

    async def __call__(self, scope: Scope, receive: Any, send: Any) -> None:
        if scope["path"].startswith(FREE):
            await self.app(scope, receive, send)
            return
        with tempfile.SpooledTemporaryFile(MEMORY_BYTES) as body, tempfile.SpooledTemporaryFile(MEMORY_BYTES) as out:
            if not await read(receive, body):
                return
            answer = Answer(out)
            gone = asyncio.create_task(receive())
            try:
                await self.run(scope, Replay(body), answer, gone)
            finally:
                gone.cancel()
            async for message in answer.messages():
                await send(message)

    async def run(self, scope: Scope, receive: Any, answer: Answer, gone: asyncio.Task[Any]) -> None:
        """Let Django answer, in a place; a client that is gone before there is one gets no answer."""
        places = self.places[kind_of(scope["method"], scope["path"])]
        try:
            place = await place_of(places, (scope.get("client") or [""])[0], gone)
        except Full:
            self.turned_away(places)
            await refuse(scope, answer)
            return
        if place is None:
            return
        try:
            # Django's own context gives way to one that is there already: all of a request runs in this thread.
            async with ThreadSensitiveContext(executor=place):
                await self.app(scope, receive, answer)
        finally:
            places.give_back(place)

    def turned_away(self, places: Places) -> None:
        """Count a refusal, and tell the log once in a while."""
        self.refused += 1
        now = time.monotonic()
        if now - self.said_at >= REPEAT_SECONDS:
            self.said_at = now
            logger.warning(
                "requests are refused with 503, %d so far: kind=%s at_once=%d waiting=%d",
                self.refused, places.name, places.at_once, places.length,
            )  # fmt: skip


async def place_of(places: Places, address: str, gone: asyncio.Task[Any]) -> ThreadPoolExecutor | None:
    """Return a place's thread, or None where the client is gone before there is one. Raises: Full."""
    taking = asyncio.create_task(places.take(address))
    try:
        await asyncio.wait({taking, gone}, return_when=asyncio.FIRST_COMPLETED)
    except asyncio.CancelledError:
        if taking.done() and taking.exception() is None:
            places.give_back(taking.result())
        taking.cancel()
        raise
    if taking.done():
        return taking.result()
    taking.cancel()
    return None


class Replay:
    """A request that is here as a whole; its client's end is not told.

    Django would break off work that is half done: a second click without scripts ends the first request, and waits for what
    came of it (chat/pages/once.py). Its thread goes on anyway, and what is left of the work fails as the thread's context has
    ended: a page with status 500 that nobody reads, and a traceback in the log.
    """

    def __init__(self, body: IO[bytes]) -> None:
        self.body = body
        self.more = True

    async def __call__(self) -> Any:
        if not self.more:
            return await asyncio.get_running_loop().create_future()
        chunk = self.body.read(CHUNK_BYTES)
        self.more = len(chunk) == CHUNK_BYTES
        return {"type": "http.request", "body": chunk, "more_body": self.more}


class Answer:
    """Keeps what Django sends, at Django's pace; the client reads it at its own."""

    def __init__(self, file: IO[bytes]) -> None:
        self.file = file
        self.start: dict[str, Any] | None = None

    async def __call__(self, message: dict[str, Any]) -> None:
        if message["type"] == "http.response.start":
            self.start = message
        else:
            self.file.write(message.get("body", b""))

    async def messages(self) -> AsyncIterator[dict[str, Any]]:
        """Yield what is to be sent: nothing where Django sent nothing, since the client was gone."""
        if self.start is None:
            return
        yield self.start
        left = self.file.tell()
        self.file.seek(0)
        while left > CHUNK_BYTES:
            yield {"type": "http.response.body", "body": self.file.read(CHUNK_BYTES), "more_body": True}
            left -= CHUNK_BYTES
        yield {"type": "http.response.body", "body": self.file.read(CHUNK_BYTES)}


async def read(receive: Any, body: IO[bytes]) -> bool:
    """Read a request's body; tell whether the client stayed until its end."""
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return False
        body.write(message.get("body", b""))
        if not message.get("more_body"):
            body.seek(0)
            return True


async def refuse(scope: Scope, send: Any) -> None:
    """Answer 503."""
    accepted = next((value for name, value in scope["headers"] if name == b"accept-language"), b"")
    response = busy.answer(scope["path"], accepted.decode("latin-1"))
    headers = [(name.lower().encode(), value.encode("latin-1")) for name, value in response.items()]
    headers.append((b"content-length", str(len(response.content)).encode()))
    await send({"type": "http.response.start", "status": response.status_code, "headers": headers})
    await send({"type": "http.response.body", "body": response.content})
