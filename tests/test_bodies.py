"""Bodies of HTTP requests."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from chat.bodies import LINGER_SECONDS, MAX_BODY_BYTES, BodyLimit, declared_length
from tests.virtual import in_virtual_time

CHUNK = 64 * 1024


class Request:
    """A client that sends a body in chunks; then it goes, or is silent."""

    def __init__(self, size: int, declared: int | str | None = None, then: str = "gone") -> None:
        self.left = size
        self.then = then
        self.read = 0
        self.sent: list[dict[str, Any]] = []
        headers = [] if declared is None else [(b"content-length", str(declared).encode())]
        self.scope = {"type": "http", "path": "/", "headers": headers}

    async def receive(self) -> dict[str, Any]:
        await asyncio.sleep(0)
        if self.left:
            size = min(self.left, CHUNK)
            self.left -= size
            self.read += size
            return {"type": "http.request", "body": bytes(size), "more_body": self.left > 0 or self.then == "more"}
        if self.then != "gone":
            await asyncio.Event().wait()
        return {"type": "http.disconnect"}

    async def send(self, message: dict[str, Any]) -> None:
        self.sent.append(message)

    @property
    def status(self) -> int:
        return int(self.sent[0]["status"])


class Application:
    """Reads a body whole and answers 200, at once or at the end."""

    def __init__(self, early: bool = False) -> None:
        self.early = early
        self.read = 0

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if self.early:
            await send({"type": "http.response.start", "status": 200, "headers": []})
        more = True
        while more:
            message = await receive()
            self.read += len(message.get("body", b""))
            more = message.get("more_body", False)
        if not self.early:
            await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"ok"})


@pytest.mark.parametrize("declared", [True, False])
@pytest.mark.parametrize("size", [0, 1, CHUNK + 1, MAX_BODY_BYTES])
async def test_a_body_up_to_the_limit_passes(size: int, declared: bool) -> None:
    request, application = Request(size, size if declared else None), Application()
    await BodyLimit(application)(request.scope, request.receive, request.send)
    assert (request.status, application.read) == (200, size)


async def test_a_body_that_says_it_is_too_large_is_refused_before_the_application_sees_it() -> None:
    request, application = Request(MAX_BODY_BYTES + 1, MAX_BODY_BYTES + 1), Application()
    await BodyLimit(application)(request.scope, request.receive, request.send)
    assert (request.status, application.read) == (413, 0)
    headers = dict(request.sent[0]["headers"])
    assert headers[b"connection"] == b"close"
    assert int(headers[b"content-length"]) == len(request.sent[1]["body"])
    assert str(MAX_BODY_BYTES).encode() in request.sent[1]["body"]


@pytest.mark.parametrize("declared", [None, 10, "x", "-1"])
async def test_a_body_that_does_not_say_so_is_refused_while_it_comes(declared: Any) -> None:
    request, application = Request(100 * MAX_BODY_BYTES, declared), Application()
    await BodyLimit(application)(request.scope, request.receive, request.send)
    assert request.status == 413
    assert application.read <= MAX_BODY_BYTES


@in_virtual_time
async def test_who_is_told_413_is_read_from_for_a_while_and_no_longer() -> None:
    request = Request(CHUNK, MAX_BODY_BYTES + 1, then="more")
    began = asyncio.get_running_loop().time()
    await BodyLimit(Application())(request.scope, request.receive, request.send)
    assert asyncio.get_running_loop().time() - began == pytest.approx(LINGER_SECONDS)
    assert request.read == CHUNK


async def test_an_answer_that_has_begun_is_not_begun_again() -> None:
    request = Request(2 * MAX_BODY_BYTES)
    await BodyLimit(Application(early=True))(request.scope, request.receive, request.send)
    assert [message["type"] for message in request.sent] == ["http.response.start"]


@pytest.mark.parametrize(
    ("value", "length"),
    [
        (b"0", 0),
        (b"12", 12),
        (b"", 0),
        (b"-1", 0),
        (b"1e3", 0),
        ("²".encode(), 0),
        (b"9" * 5000, MAX_BODY_BYTES + 1),
    ],
)
def test_a_declared_length_is_a_number_or_nothing(value: bytes, length: int) -> None:
    assert declared_length({"headers": [(b"host", b"x"), (b"content-length", value)]}) == length
    assert declared_length({"headers": []}) == 0
