"""Requests as they arrive: heads without end, heads and bodies that do not come, requests sent ahead, connections."""

from __future__ import annotations

import itertools
import select
import socket
import time
from collections.abc import Iterable

import pytest

from .conftest import QUIET
from .memory import MIB, Watch
from .servers import Server
from .services import require_proc
from .sockets import RawSocket
from .test_http import BEHIND
from .waiting import until

HOST = b"Host: 127.0.0.1\r\n"
POST = b"POST /admin/login/ HTTP/1.1\r\n" + HOST
UPGRADE = b"GET /ws HTTP/1.1\r\n" + HOST + b"Upgrade: websocket\r\nConnection: Upgrade\r\n"
# What nearly every test waits for is two seconds, and two more for the client to see the answer.
GOAL_SECONDS = 25.0
STREAM_BYTES = 256 * 65_536  # of tests.live.applications


def statuses(one: RawSocket) -> list[int]:
    """Read to the end of the connection and return the status of each answer.

    Raises: TimeoutError when it does not end.
    """
    end = time.monotonic() + GOAL_SECONDS
    while one.fill(end - time.monotonic()):
        pass
    heads = [part.split(b" ")[1] for part in bytes(one.buffer).split(b"HTTP/1.")[1:]]
    return [int(status[:3]) for status in heads]


def pour(one: RawSocket, pieces: Iterable[bytes]) -> bool:
    """Send until the server ends the connection; tell whether it did."""
    try:
        for piece in pieces:
            one.send_bytes(piece)
    except OSError:
        return True
    return False


def trickle(ones: list[RawSocket], byte: bytes = b"x") -> None:
    """Send a byte over each now and then until all have ended.

    Raises: AssertionError when one does not end.
    """
    end = time.monotonic() + GOAL_SECONDS
    left = list(ones)
    while left:
        assert time.monotonic() < end, f"{len(left)} go on after {GOAL_SECONDS:g} s"
        select.select([], [], [], 0.3)
        for one in list(left):
            try:
                one.send_bytes(byte)
                while select.select([one.sock], [], [], 0)[0]:
                    if not one.fill(0):
                        raise ConnectionError
            except OSError:
                left.remove(one)


def status(one: RawSocket) -> int | None:
    return int(one.buffer.split(b" ")[1]) if one.buffer else None


# How large

LINES = b"".join(b"x%05d: %s\r\n" % (number, b"a" * 89) for number in range(1000))
ENDLESS = {
    "a header": (b"GET / HTTP/1.1\r\nX: ", b"a" * 100_000),
    "a URL": (b"GET /", b"a" * 100_000),
    "headers": (b"GET / HTTP/1.1\r\n" + HOST, LINES),
    "headers of a handshake": (UPGRADE, LINES),
    "what follows a chunked body": (POST + b"Transfer-Encoding: chunked\r\n\r\n0\r\n", LINES),
}


@pytest.mark.parametrize("case", ENDLESS)
def test_a_head_without_end_is_cut_off_and_costs_little_memory(server, raw, case):
    require_proc()
    begin, more = ENDLESS[case]
    server.get("/admin/login/")
    watch = Watch(server.pid)
    one = raw(server, shake=False)
    one.send_bytes(begin)
    # What the server has read when it answers is little; what the kernels take is not the server's.
    assert pour(one, itertools.repeat(more, 240)) or 400 <= (statuses(one) or [400])[0] < 500
    assert watch.look() < 5 * MIB, f"RSS +{watch.look() / MIB:.1f} MiB"
    assert server.healthy()


def test_who_sends_a_head_that_is_too_large_is_told_so(server, raw):
    one = raw(server, shake=False)
    one.send_bytes(b"GET / HTTP/1.1\r\nX: " + b"a" * 80_000)
    assert statuses(one) == [431]


def test_long_cookies_and_addresses_are_taken(server):
    assert long_request(server) == 200


def long_request(server: Server) -> int:
    headers = {"Cookie": f"a={'x' * 4000}; b={'y' * 4000}"}
    return server.get("/rooms/lobby?" + "z" * 7000, headers).status


# How long


HALVES = {
    "half a line": b"GET /roo",
    "half a header": b"GET / HTTP/1.1\r\nHost: loc",
    "all but the end": b"GET / HTTP/1.1\r\n" + HOST,
    "half a handshake": UPGRADE,
}


def test_heads_that_do_not_come_in_time_are_408(impatient, raw):
    stopped, trickling = ([raw(impatient, shake=False) for _ in HALVES] for _ in range(2))
    for one, half in zip(stopped + trickling, [*HALVES, *HALVES], strict=True):
        one.send_bytes(HALVES[half])
    trickle(trickling)
    assert [status(one) for one in trickling] == [408] * len(HALVES)
    assert [statuses(one) for one in stopped] == [[408]] * len(HALVES)


def test_whoever_never_sends_a_byte_is_ended_without_a_word(impatient, raw):
    ones = [raw(impatient, shake=False) for _ in range(20)]
    assert [statuses(one) for one in ones] == [[]] * 20


def test_a_connection_that_was_answered_is_ended_when_no_other_request_comes(impatient, raw):
    silent, nearly = raw(impatient, shake=False), raw(impatient, shake=False)
    for one in (silent, nearly):
        one.send_bytes(b"GET /healthz HTTP/1.1\r\n" + HOST + b"\r\n")
    trickle([nearly], b"\r\n")
    assert status(nearly) == 200
    assert statuses(silent) == [200]


BODIES = {
    "none of it": b"Content-Length: 1000000\r\n\r\n",
    "some of it": b"Content-Length: 1000000\r\n\r\n" + b"a" * 200_000,
    "half a chunk": b"Transfer-Encoding: chunked\r\n\r\n3e8\r\n" + b"a" * 500,
    "no last chunk": b"Transfer-Encoding: chunked\r\n\r\n3e8\r\n" + b"a" * 1000 + b"\r\n",
}


def test_bodies_that_do_not_come_in_time_are_408(impatient, raw):
    stopped = [raw(impatient, shake=False) for _ in BODIES]
    trickling = raw(impatient, shake=False)
    for one, body in zip(stopped, BODIES.values(), strict=True):
        one.send_bytes(POST + body)
    trickling.send_bytes(POST + BODIES["some of it"])
    trickle([trickling])
    assert status(trickling) == 408
    assert [statuses(one) for one in stopped] == [[408]] * len(BODIES)


def test_a_body_that_comes_in_pieces_and_in_time_is_taken(impatient, raw):
    one = raw(impatient, shake=False)
    one.send_bytes(POST + b"Connection: close\r\nContent-Length: 8\r\n\r\n")
    for _ in range(8):
        one.send_bytes(b"a")
        select.select([one.sock], [], [], 0.2)
    assert statuses(one) == [403], "Django's own answer to a form without a CSRF token"


def test_a_body_that_nobody_waits_for_has_its_time_too(impatient, raw):
    one = raw(impatient, shake=False)
    one.send_bytes(b"POST /healthz HTTP/1.1\r\n" + HOST + b"Content-Length: 1000000\r\n\r\n")
    trickle([one])


def test_unfinished_bodies_cost_little_memory(server, raw):
    require_proc()
    server.get("/admin/login/")
    watch = Watch(server.pid)
    ones = [raw(server, shake=False) for _ in range(20)]
    for one in ones:
        one.send_bytes(POST + b"Content-Length: 2621440\r\n\r\n")
    for _ in range(26):
        for one in ones:
            one.send_bytes(b"a" * 100_000)
    assert server.healthy()
    assert watch.look() < 15 * MIB, f"RSS +{watch.look() / MIB:.1f} MiB"


# Answers that nobody reads

STREAM = b"GET /streams HTTP/1.1\r\n" + HOST + b"\r\n"


def test_who_does_not_read_an_answer_is_cut_off(impatient, raw):
    ones = [raw(impatient, shake=False, receive_buffer=4096) for _ in range(2)]
    ones[0].send_bytes(STREAM)
    ones[1].send_bytes(STREAM.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"))
    for one in ones:
        until(lambda one=one: one.sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR), "a reset", GOAL_SECONDS)


def test_who_reads_an_answer_slowly_gets_all_of_it(impatient, raw):
    one = raw(impatient, shake=False, receive_buffer=65_536)
    one.send_bytes(STREAM.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"))
    came, began = 0, time.monotonic()
    while data := one.sock.recv(65_536):
        came += len(data)
        # In ten seconds, which is more than a stalled reader has.
        select.select([], [], [], max(0.0, came / STREAM_BYTES * 10 - (time.monotonic() - began)))
    assert came > STREAM_BYTES


# Requests that are sent ahead


def test_requests_that_are_sent_ahead_are_answered_in_order(server, raw):
    assert sent_ahead(raw(server, shake=False)) == [200, 404, 200, 200, 404]


def sent_ahead(one: RawSocket) -> list[int]:
    paths = [b"/healthz", b"/nope", b"/healthz", b"/rooms/lobby", b"/nope"]
    heads = [b"GET " + path + b" HTTP/1.1\r\n" + HOST for path in paths]
    one.send_bytes(b"\r\n".join([*heads[:-1], heads[-1] + b"Connection: close\r\n\r\n"]))
    return statuses(one)


def test_thousands_of_requests_that_are_sent_ahead_cost_little_memory(server, raw):
    require_proc()
    server.get("/admin/login/")
    watch = Watch(server.pid)
    for _ in range(10):
        one = raw(server, shake=False)
        one.sock.setblocking(False)
        try:
            one.sock.send(b"GET /admin/login/ HTTP/1.1\r\n\r\n" * 9000)
        except OSError:
            pass  # The server has hung up already.
    assert server.healthy()
    assert watch.look() < 20 * MIB, f"RSS +{watch.look() / MIB:.1f} MiB"


# With h11 too


@pytest.mark.parametrize("kind", ["uvicorn"], indirect=True, scope="session")
def test_uvicorn_without_httptools_has_the_same_bounds(farm, kind, raw):
    server = farm.shared(kind, "tests.live.applications:ending", **QUIET, UVICORN_HTTP="h11")
    late = []
    for begin in (HALVES["half a header"], UPGRADE, *(POST + body for body in BODIES.values())):
        late.append(raw(server, shake=False))
        late[-1].send_bytes(begin)
    assert [statuses(one) for one in late] == [[408]] * len(late)
    idle = raw(server, shake=False)
    assert statuses(idle) == []
    large = raw(server, shake=False)
    endless = itertools.chain([b"GET /"], itertools.repeat(b"a" * 100_000, 240))
    assert pour(large, endless) or statuses(large) == [431], "as with httptools, what comes is dropped"
    assert sent_ahead(raw(server, shake=False)) == [200, 404, 200, 200, 404]
    assert long_request(server) == 200
    member = raw(server, "/ws/room-1")
    member.send("here")
    assert member.read() == f"{member.address} echo: here"


# Connections


def test_one_address_has_so_many_connections_and_no_more(shared, raw):
    server = shared(CHAT_MAX_CONNECTIONS_PER_IP="2")
    ones = [raw(server, shake=False) for _ in range(101)]
    assert until(server.healthy, "a place for one more")
    ones.append(raw(server, shake=False))
    over = raw(server, shake=False)
    assert statuses(over) == [429]
    ones.pop().reset()
    until(server.healthy, "a place that became free")


def test_websockets_are_not_counted_among_them(shared, raw, room):
    server = shared(CHAT_MAX_CONNECTIONS_PER_IP="150")
    members = [raw(server, f"/ws/{room}") for _ in range(150)]
    ones = [raw(server, shake=False) for _ in range(200)]
    assert server.healthy()
    members[0].send("all of us")
    assert str(members[-1].read()).endswith("all of us")
    assert len(ones) == 200


def test_a_proxy_that_is_trusted_has_any_number(shared, raw):
    server = shared(**BEHIND)
    ones = [raw(server, shake=False) for _ in range(150)]
    assert server.healthy()
    assert len(ones) == 150
