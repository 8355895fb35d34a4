"""The lane to any ASGI server."""

from __future__ import annotations

import asyncio
from typing import Any

from chat.live.lanes import CLOSE_SECONDS, SEND_SECONDS, AsgiLane
from chat.live.outbox import Outbox
from chat.wire.frames import Batch, Frame, Opcode
from tests.virtual import in_virtual_time


class Server:
    """An ASGI server's `send`; it may be slow, stand still, or say that the client is gone."""

    def __init__(self) -> None:
        self.sent: list[dict[str, Any]] = []
        self.aborts = 0
        self.seconds = 0.0
        self.error: Exception | None = None

    async def send(self, message: dict[str, Any]) -> None:
        if self.error is not None:
            raise self.error
        await asyncio.sleep(self.seconds)
        self.sent.append(message)

    def abort(self) -> None:
        self.aborts += 1

    def lane(self) -> AsgiLane:
        return AsgiLane(self.send, self.abort, asyncio.get_running_loop())


def text(*texts: str) -> Batch:
    return Batch([Frame(Opcode.TEXT, text.encode()) for text in texts])


@in_virtual_time
async def test_frames_are_sent_in_their_kind_one_at_a_time_and_in_order() -> None:
    server = Server()
    server.seconds = 0.1
    lane = server.lane()
    outbox = Outbox(lane, 10_000, lambda: None)
    outbox.put(text("a", "ü"))
    assert not lane.ready
    outbox.put(Batch([Frame(Opcode.BINARY, b"\xff")]))
    outbox.put(text(""))
    await asyncio.sleep(1)
    assert [{k: v for k, v in sent.items() if k != "type"} for sent in server.sent] == [
        {"text": "a"},
        {"text": "ü"},
        {"bytes": b"\xff"},
        {"text": ""},
    ]
    assert lane.ready
    assert outbox.bytes == 0


@in_virtual_time
async def test_a_send_that_takes_too_long_ends_the_connection() -> None:
    server = Server()
    server.seconds = 1e9
    lane = server.lane()
    lane.write(text("a"))
    await asyncio.sleep(SEND_SECONDS - 0.1)
    assert server.aborts == 0
    await asyncio.sleep(0.2)
    assert (server.aborts, lane.ready) == (1, False)


@in_virtual_time
async def test_a_send_that_fails_ends_the_connection() -> None:
    server = Server()
    server.error = RuntimeError("Unexpected ASGI message 'websocket.send'")
    lane = server.lane()
    lane.write(text("a"))
    await asyncio.sleep(0.1)
    assert (server.aborts, lane.ready) == (1, False)


@in_virtual_time
async def test_closing_sends_code_and_reason_and_then_cuts_off() -> None:
    server = Server()
    lane = server.lane()
    lane.close(4001, "bis später".encode())
    await asyncio.sleep(0.1)
    assert server.sent == [{"type": "websocket.close", "code": 4001, "reason": "bis später"}]
    assert server.aborts == 1


@in_virtual_time
async def test_a_close_that_is_not_taken_in_time_is_cut_off() -> None:
    for seconds, error in ((1e9, None), (0, OSError("gone"))):
        server = Server()
        server.seconds, server.error = seconds, error
        server.lane().close(4001, b"")
        await asyncio.sleep(CLOSE_SECONDS + 0.1)
        assert server.aborts == 1


@in_virtual_time
async def test_such_a_server_sends_its_own_pings() -> None:
    server = Server()
    lane = server.lane()
    lane.ping()
    lane.limit(100)
    assert not lane.pings
    assert server.sent == []
