"""The opening handshake: subprotocols, hosts, rooms, and what daphne believes of headers."""

from __future__ import annotations

import json
import socket

import pytest

from .sockets import RawSocket, Refused

JSON = "chat.v1.json"

# What is offered: what is chosen. None: the raw codec, nothing echoed. "refused": no 101.
OFFERS: list[tuple[tuple[str, ...], str | None]] = [
    ((), None),
    ((JSON,), JSON),
    ((JSON, "bearer.abc"), JSON),
    (("bearer.abc", JSON), JSON),
    (("other.v1", JSON), JSON),
    ((JSON, "other.v1"), JSON),
    (("bearer.abc",), "refused"),
    (("other.v1",), "refused"),
    (("other.v1", "another"), "refused"),
    (("chat.v1.JSON",), "refused"),
    (("chat.v2.json",), "refused"),
    (("chat.v1.json2",), "refused"),
]


@pytest.mark.parametrize(
    ("offered", "chosen"), OFFERS, ids=lambda value: "+".join(value) if isinstance(value, tuple) else ""
)
def test_the_subprotocol_picks_the_codec(server, raw, room, offered, chosen):
    if chosen == "refused":
        with pytest.raises(Refused) as refused:
            raw(server, f"/ws/{room}", protocols=offered)
        assert 400 <= refused.value.status < 500
        return
    one: RawSocket = raw(server, f"/ws/{room}", protocols=offered)
    assert one.headers.get("sec-websocket-protocol") == chosen
    if chosen is None:
        one.send("raw")
        assert one.read() == f"{one.address} echo: raw"
    else:
        first = json.loads(str(one.read()).split("\n")[0])
        # `bearer.abc` is taken for a token, which it is not.
        assert first["type"] == ("closing" if "bearer.abc" in offered else "welcome")


BOGUS = [
    "/nope",
    "/",
    "/ws/UPPER",
    "/ws/a/b",
    "/ws//",
    "/wsx",
    "/ws/%00",
    "/ws/%ff",
    "/ws/..",
    "/ws/" + "a" * 65,
    "/admin/",
    "/healthz",
    "//",
    "/ws/lobby/x?y=%",
]


@pytest.mark.parametrize("path", BOGUS)
def test_a_bogus_path_is_refused_or_closed(server, raw, path):
    try:
        close = raw(server, path).ending()
    except Refused as refused:
        assert 400 <= refused.status < 500
    else:
        assert close.code == 4507


def test_hundreds_of_bogus_paths_cost_little_and_no_traceback(server, raw):
    start = server.mark()
    connection = server.http()
    try:
        for number in range(200):
            connection.request("GET", f"/bogus/{number}/%00/..%2f?x[]={number}")
            answer = connection.getresponse()
            answer.read()
            assert answer.status in (400, 404)
    finally:
        connection.close()
    for number in range(200):
        try:
            one = raw(server, f"/bogus/{number}")
        except Refused as refused:
            assert 400 <= refused.status < 500
        else:
            assert one.ending().code == 4507
            one.drop()
    assert "Traceback" not in server.log(start)
    assert len(server.log(start)) < 400_000


UPGRADE = b"GET /ws HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
KEY = b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
BROKEN = {
    "empty": b"\r\n\r\n",
    "one word": b"GET\r\n\r\n",
    "tls": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    "no key": UPGRADE + b"Sec-WebSocket-Version: 13\r\n\r\n",
    "short key": UPGRADE + b"Sec-WebSocket-Key: x\r\nSec-WebSocket-Version: 13\r\n\r\n",
    "version 7": UPGRADE + KEY + b"Sec-WebSocket-Version: 7\r\n\r\n",
    "negative length": b"POST /ws HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: -1\r\n\r\n",
    "long path": b"GET /" + b"a" * 100_000 + b" HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
}


@pytest.mark.parametrize("case", BROKEN)
def test_a_broken_request_is_refused_and_the_server_lives(server, raw, case):
    one = raw(server, shake=False)
    try:
        one.send_bytes(BROKEN[case])
        one.sock.shutdown(socket.SHUT_WR)
    except OSError:
        pass  # the server has hung up in the middle of it
    while one.fill(15):
        pass
    assert b" 101 " not in bytes(one.buffer).partition(b"\r\n")[0]
    assert server.healthy()


def test_daphne_root_path_from_a_client_changes_no_route(server, raw, room):
    headers = [("Daphne-Root-Path", "/elsewhere")]
    assert server.get("/healthz", dict(headers)).status == 200
    assert server.get("/elsewhere/healthz", dict(headers)).status == 404
    one = raw(server, f"/ws/{room}", headers=headers)
    one.send("here")
    assert one.read() == f"{one.address} echo: here"
