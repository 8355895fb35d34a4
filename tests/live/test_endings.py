"""What the server itself ends: consumers that return, databases that do not answer."""

from __future__ import annotations

import socket
from typing import Any

import pytest

from .conftest import QUIET
from .guests import Guest
from .servers import KINDS, Server
from .sockets import Ended, RawSocket, Refused


def test_a_consumer_that_returns_closes_its_socket(impatient, raw):
    one = raw(impatient, "/ends/by-returning")
    one.send("now")
    one.ending()
    one.gone()


@pytest.mark.tracebacks("the consumer's own")
def test_a_consumer_that_fails_closes_its_socket_and_no_other(impatient, raw, room):
    bob = raw(impatient, f"/ws/{room}")
    for path in ("/ends/by-raising", "/ends/by-cancelling"):
        one = raw(impatient, path)
        one.send("now")
        one.ending()
        one.gone()
    bob.send("here")
    assert str(bob.read()).endswith("here")
    assert "on purpose" in impatient.log()


@pytest.mark.tracebacks("uvicorn tells of it in its own way")
def test_a_consumer_that_returns_before_accepting_refuses(impatient, raw):
    with pytest.raises((Refused, Ended)):
        raw(impatient, "/ends/before-accepting")


SECRET = {"SECRET_KEY": "a key of the tests, the same on every node"}


@pytest.mark.parametrize("fault", ["nobody listens", "nobody answers"])
def test_without_its_database_the_server_says_so_and_closes_with_4004(farm, raw, guest, room, fault):
    with socket.socket() as database:
        database.bind(("127.0.0.1", 0))
        if fault == "nobody answers":
            database.listen()
        url = f"postgres://nobody:secret-password@127.0.0.1:{database.getsockname()[1]}/none"
        servers = [farm.server(kind, DATABASE_URL=url, **SECRET, **QUIET) for kind in KINDS]
        # All wait at once, on both servers: each of them costs the time that an answer may take.
        asking = [asks(server, raw, guest, room) for server in servers]
        for server, (alice, members) in zip(servers, asking, strict=True):
            ready = server.get("/readyz", seconds=60)
            assert ready.status == 503
            assert {"status": "unavailable", "database": "down"}.items() <= ready.json().items()
            for member in members:
                close = member.shaken().ending(60)
                assert close.code == 4004 and close.reason
            refused = alice.answer("join", 60)
            assert refused["type"] == "error" and refused["payload"]["code"] == "unavailable"
            assert refused["payload"]["retry_after_s"] > 0
            assert alice.ask("ping")["type"] == "pong"
            assert "secret-password" not in server.log()
            assert server.healthy()
        farm.end(servers)


def asks(server: Server, raw: Any, guest: Any, room: str) -> tuple[Guest, list[RawSocket]]:
    """Let a guest and two raw members ask for a room; none is answered yet."""
    alice = guest(server)
    members = [raw(server, shake=False) for _ in range(2)]
    for member in members:
        member.send_bytes(member.request(f"/ws/{room}"))
    alice.say("join", {"room": room}, id="join")
    return alice, members
