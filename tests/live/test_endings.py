"""What the server itself ends: consumers that return, databases that do not answer."""

from __future__ import annotations

import socket

import pytest

from .guests import Guest
from .sockets import Ended, Refused


@pytest.fixture
def odd(fresh):
    """A server whose applications end in odd ways."""
    return fresh(options={"application": "tests.live.applications:ending"})


def test_a_consumer_that_returns_closes_its_socket(odd, raw):
    one = raw(odd, "/ends/by-returning")
    one.send("now")
    one.ending(5)
    one.gone(5)


@pytest.mark.tracebacks("the consumer's own")
def test_a_consumer_that_fails_closes_its_socket_and_no_other(odd, raw, room):
    bob = raw(odd, f"/ws/{room}")
    for path in ("/ends/by-raising", "/ends/by-cancelling"):
        one = raw(odd, path)
        one.send("now")
        one.ending(5)
        one.gone(5)
    bob.send("here")
    assert str(bob.read()).endswith("here")
    assert "on purpose" in odd.log()


@pytest.mark.tracebacks("uvicorn tells of it in its own way")
def test_a_consumer_that_returns_before_accepting_refuses(odd, raw):
    with pytest.raises((Refused, Ended)):
        raw(odd, "/ends/before-accepting")


SECRET = {"SECRET_KEY": "a key of the tests, the same on every node"}


@pytest.mark.parametrize("fault", ["nobody listens", "nobody answers"])
def test_without_its_database_the_server_says_so_and_closes_with_4004(fresh, raw, room, fault):
    with socket.socket() as database:
        database.bind(("127.0.0.1", 0))
        if fault == "nobody answers":
            database.listen()
        url = f"postgres://nobody:secret-password@127.0.0.1:{database.getsockname()[1]}/none"
        server = fresh(DATABASE_URL=url, **SECRET)
        ready = server.get("/readyz", seconds=30)
        assert ready.status == 503
        assert {"status": "unavailable", "database": "down"}.items() <= ready.json().items()
        for _ in range(2):
            close = raw(server, f"/ws/{room}").ending(40)
            assert close.code == 4004 and close.reason
        alice = Guest(server.ws())
        try:
            refused = alice.ask("join", {"room": room}, seconds=40)
            assert refused["type"] == "error" and refused["payload"]["code"] == "unavailable"
            assert refused["payload"]["retry_after_s"] > 0
            assert alice.ask("ping")["type"] == "pong"
        finally:
            alice.close()
        assert "secret-password" not in server.log()
        assert server.healthy()
