"""SIGTERM: everybody is told, nobody is waited for too long, nothing stays behind."""

from __future__ import annotations

import http.client
import json
import signal
import time

import pytest

from .services import require_open_files
from .sockets import RawSocket
from .test_limits import closing
from .waiting import until

JSON = "chat.v1.json"
DRAIN = {"CHAT_DRAIN_SECONDS": "5", "CHAT_MESSAGE_RATE": "0"}
# interface.md: daphne leaves with 0, uvicorn by the signal (143 in a shell).
EXIT = {"daphne": (0,), "uvicorn": (-signal.SIGTERM, 143)}


def envelopes(messages: list[str | bytes]) -> list[dict]:
    return [json.loads(line) for message in messages for line in str(message).split("\n")]


def test_sigterm_tells_everybody_4001_and_ends_the_server(fresh, raw, kind):
    count = 250
    require_open_files(2 * count)
    server = fresh(CHAT_MAX_CONNECTIONS="0", **DRAIN)
    raws = [raw(server, "/ws/room-120") for _ in range(count)]
    jsons = [raw(server, protocols=[JSON]) for _ in range(count)]
    for one in jsons:
        one.read()
        one.send(json.dumps({"type": "join", "payload": {"room": "room-120"}}))
    until(lambda: server.connections() == 2 * count, "all counted")
    began = time.monotonic()
    server.signal(signal.SIGTERM)
    for one in raws:
        close = one.ending(30)
        assert close.code == 4001 and close.reason
    waits = []
    for one in jsons:
        messages, close = one.rest(30)
        assert close.code == 4001 and close.reason
        said = closing(envelopes(messages))
        assert said["code"] == 4001 and said["reconnect"] is True and said["reason"]
        waits.append(said["retry_after_s"])
    assert server.wait() in EXIT[kind]
    assert time.monotonic() - began < 5 * 5
    assert all(0 <= wait < 120 for wait in waits)
    assert len(set(waits)) > count / 10, "the server spreads the reconnects"
    assert server.log().count("4001") >= 2 * count, "each close has its log line: disconnect() has run"


def test_nobody_who_does_not_answer_holds_the_drain(fresh, raw, kind):
    server = fresh(CHAT_OUTBOX_BYTES="8388608", CHAT_PING_INTERVAL="60", CHAT_PING_TIMEOUT="60", **DRAIN)
    stalled = raw(server, "/ws/room-122", receive_buffer=4096)
    alice = raw(server, "/ws/room-122")
    stall(alice)
    mute = [raw(server, "/ws/room-123", answers=False) for _ in range(5)]
    half = raw(server, shake=False)
    half.send_bytes(half.request("/ws")[:-10])
    post = raw(server, shake=False)
    post.send_bytes(b"POST / HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 1000\r\n\r\nabc")
    began = time.monotonic()
    server.signal(signal.SIGTERM)
    assert alice.ending(30).code == 4001
    assert server.wait(40) in EXIT[kind]
    assert time.monotonic() - began < 5 * 5
    for one in mute:
        assert one.ending().code == 4001
    stalled.gone()


def stall(alice: RawSocket) -> None:
    """Say more than a reader that stalls can be sent, and less than its outbox of 8 MiB holds."""
    for _ in range(100):
        alice.send("x" * 40_000)
        alice.read()


def test_while_draining_the_server_is_not_ready_and_lets_nobody_in(fresh, raw, kind):
    server = fresh(CHAT_OUTBOX_BYTES="8388608", **DRAIN)
    # A reader that stalls keeps the drain going long enough to look at it.
    raw(server, "/ws/room-124", receive_buffer=4096)
    alice = raw(server, "/ws/room-124")
    stall(alice)
    kept = server.http(5)
    kept.request("GET", "/readyz")
    answer = kept.getresponse()
    assert answer.status == 200 and json.loads(answer.read())["status"] == "ok"
    server.signal(signal.SIGTERM)
    assert alice.ending(30).code == 4001
    seen = set()
    try:
        while server.alive:
            kept.request("GET", "/readyz")
            answer = kept.getresponse()
            seen.add((answer.status, json.loads(answer.read())["status"]))
    except (OSError, http.client.HTTPException):
        pass  # the server has hung up, which is as good as 503
    finally:
        kept.close()
    assert seen <= {(503, "draining")}
    with pytest.raises(OSError):
        raw(server, "/ws/room-124")
    assert server.wait(40) in EXIT[kind]


def test_a_server_that_drained_or_was_killed_starts_again_on_what_it_left_and_sigint_drains_too(fresh, raw, kind):
    server = fresh(**DRAIN)
    one = raw(server, "/ws/room-125")
    server.signal(signal.SIGINT)
    assert one.ending(30).code == 4001
    server.wait()
    server.start()
    one = raw(server, "/ws/room-125")
    server.kill()
    one.gone()
    server.start()
    one = raw(server, "/ws/room-125")
    one.send("back")
    assert one.read() == f"{one.address} echo: back"
    one.drop()
    until(lambda: server.connections() == 0, "nobody is there")
    assert server.terminate() in EXIT[kind], "with nobody there"
