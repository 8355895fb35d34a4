"""Health."""

from __future__ import annotations

import asyncio
import json as pyjson
from typing import Any

import pytest
from django.db import OperationalError

from chat.health import DATABASE_SECONDS, Health
from chat.node import Node
from tests.fakes import FakeLane, connect, make_node
from tests.virtual import in_virtual_time


class Rows:
    """A database that answers `exists`, fails, or is silent."""

    def __init__(self, error: Exception | None = None, silent: bool = False) -> None:
        self.error = error
        self.silent = silent

    async def __call__(self, call: Any, *arguments: Any) -> bool:
        if self.silent:
            await asyncio.Event().wait()
        if self.error is not None:
            raise self.error
        return True


async def get(node: Node, path: str) -> tuple[int, bytes, dict[bytes, bytes]]:
    """Return an answer's status, body and headers; 204 says that the request went on to the application."""
    sent: list[dict[str, Any]] = []

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    async def application(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 204, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    await Health(application, node)({"type": "http", "path": path, "headers": []}, None, send)
    return sent[0]["status"], sent[1]["body"], dict(sent[0]["headers"])


async def report(node: Node) -> tuple[int, dict[str, Any]]:
    status, body, headers = await get(node, "/readyz")
    assert headers[b"content-type"] == b"application/json"
    assert headers[b"cache-control"] == b"no-store"
    assert int(headers[b"content-length"]) == len(body)
    return status, pyjson.loads(body)


def made(rows: Rows | None = None) -> Node:
    node = make_node()
    node.database = rows or Rows()  # type: ignore[assignment]
    return node


@in_virtual_time
async def test_a_process_that_lives_says_so_whatever_the_database_does() -> None:
    for rows in (Rows(), Rows(OperationalError("gone")), Rows(silent=True)):
        for path in ("/healthz", "/healthz/"):
            assert (await get(made(rows), path))[:2] == (200, b"ok\n")


@in_virtual_time
async def test_a_ready_process_tells_what_it_holds() -> None:
    node = made()
    connection = connect(node.codecs["json"], FakeLane(asyncio.get_running_loop()))
    node.registry.add(connection)
    node.hub.add("lobby", connection)
    node.hub.add("goframe", connection)
    assert await report(node) == (
        200,
        {
            "status": "ok",
            "reason": "",
            "database": "up",
            "migrations": "applied",
            "writes": "up",
            "layer": "up",
            "layer_reason": "",
            "unheard": 0,
            "connections": 1,
            "rooms": 2,
            "gaps": 0,
            "filled": 0,
            "refused": {},
            "node": node.id,
        },
    )


@in_virtual_time
async def test_a_database_that_fails_or_is_silent_makes_a_process_unavailable_in_time() -> None:
    for rows in (Rows(OperationalError("no such table: chat_room")), Rows(TimeoutError()), Rows(silent=True)):
        began = asyncio.get_running_loop().time()
        status, told = await report(made(rows))
        assert (status, told["status"], told["database"]) == (503, "unavailable", "down")
        assert asyncio.get_running_loop().time() - began <= DATABASE_SECONDS + 0.01


@in_virtual_time
async def test_whatever_a_question_raises_is_an_answer_and_a_line_of_the_log(caplog: pytest.LogCaptureFixture) -> None:
    status, told = await report(made(Rows(TypeError("unsupported operand"))))
    assert (status, told["status"], told["database"]) == (503, "unavailable", "down")
    assert caplog.messages == ["the database could not be asked (TypeError: unsupported operand)"]


@in_virtual_time
async def test_a_draining_process_is_not_ready() -> None:
    node = made()
    node.draining = True
    status, told = await report(node)
    assert (status, told["status"], told["database"]) == (503, "draining", "up")


@in_virtual_time
async def test_a_dead_channel_layer_is_only_reported() -> None:
    node = made()
    node.link.up = False
    status, told = await report(node)
    assert (status, told["status"], told["layer"]) == (200, "ok", "down")


@pytest.mark.parametrize("path", ["/", "/healthzz", "/health", "/rooms/healthz", "/readyz/x", "/HEALTHZ"])
def test_every_other_path_is_the_applications(path: str) -> None:
    @in_virtual_time
    async def scenario() -> None:
        assert (await get(made(), path))[0] == 204

    scenario()


@pytest.mark.django_db(transaction=True)
async def test_the_real_database_answers() -> None:
    node = make_node()
    node.database = InThisThread()  # type: ignore[assignment]
    assert (await report(node))[1]["database"] == "up"


class InThisThread:
    """Runs a call where the test's own database is; a thread of its own would see another, empty one."""

    async def __call__(self, call: Any, *arguments: Any) -> Any:
        from asgiref.sync import sync_to_async

        return await sync_to_async(call)(*arguments)
