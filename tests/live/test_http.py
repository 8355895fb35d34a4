"""Plain HTTP: health, bodies too large, logs without secrets."""

from __future__ import annotations

import select
import time

import pytest

from .memory import MIB, Watch
from .services import require_proc
from .sockets import RawSocket, Refused
from .waiting import until


def test_health_and_readiness_say_what_is_up(server, raw, room):
    health = server.get("/healthz")
    assert health.status == 200 and health.body.strip() == b"ok"
    until(lambda: server.connections() == 0, "nobody of another test is left")
    before = server.ready()
    assert {"status": "ok", "database": "up", "layer": "up"}.items() <= before.items()
    assert before["node"]
    member = raw(server, f"/ws/{room}")
    member.send("x")
    member.read()
    after = server.ready()
    assert after["connections"] == before["connections"] + 1 and after["rooms"] >= 1


def test_the_page_is_served_for_rooms_that_exist(server):
    page = server.get("/")
    assert page.status == 200 and b"</html>" in page.body and b"<script>" not in page.body
    assert server.get("/rooms/lobby").status == 200
    assert server.get("/rooms/no-such-room").status == 404
    assert server.get("/nope").status == 404
    assert server.get("/", {"Host": "evil.example"}).status == 400


def post(one: RawSocket, head: str, chunk: bytes, count: int, watch: Watch, seconds: float = 60) -> bytes:
    """Send a body until the server answers; return what it answered."""
    one.send_bytes(f"POST /admin/login/ HTTP/1.1\r\nHost: 127.0.0.1:{one.remote[1]}\r\n{head}\r\n\r\n".encode())
    end = time.monotonic() + seconds
    view, sent = memoryview(chunk), 0
    one.sock.setblocking(False)
    left = count
    while left and time.monotonic() < end:
        readable, writable, _ = select.select([one.sock], [one.sock], [], 5)
        watch.look()
        if readable:
            break
        if writable:
            try:
                sent += one.sock.send(view[sent:])
            except (BrokenPipeError, ConnectionResetError):
                break
            if sent == len(chunk):
                sent, left = 0, left - 1
    one.sock.settimeout(15)
    while b"\r\n\r\n" not in one.buffer and one.fill(15):
        watch.look()
    return bytes(one.buffer)


@pytest.mark.parametrize("way", ["Content-Length", "chunked"])
def test_three_hundred_megabytes_are_refused_with_413_and_cost_little_memory(server, raw, way):
    require_proc()
    server.get("/admin/login/")
    watch = Watch(server.pid)
    one = raw(server, shake=False)
    block = b"a" * 1_000_000
    if way == "chunked":
        answer = post(one, "Transfer-Encoding: chunked", b"%x\r\n%s\r\n" % (len(block), block), 300, watch)
    else:
        answer = post(one, "Content-Length: 300000000", block, 300, watch)
    assert answer.startswith(b"HTTP/1.1 413 "), answer[:200]
    assert watch.look() < 20 * MIB, f"RSS +{watch.look() / MIB:.1f} MiB"
    assert server.healthy()


def test_a_small_body_reaches_django(server):
    connection = server.http()
    try:
        connection.request(
            "POST",
            "/admin/login/",
            body=b"username=a&password=b",
            headers={"Content-Type": "application/x-www-form-urlencoded"},
        )
        assert connection.getresponse().status == 403, "Django's own answer to a form without a CSRF token"
    finally:
        connection.close()


def test_the_log_has_a_line_for_each_open_and_close_and_never_a_text(server, raw, guest, room):
    start = server.mark()
    alice = raw(server, f"/ws/{room}")
    alice.send("a-very-secret-sentence")
    alice.read()
    opened = server.logged(f"address={alice.address}", start)
    assert "INFO" in opened and "raw" in opened and room in opened
    number = opened.partition(" open ")[2].split()[0]
    alice.send_close(1000)
    alice.ending()
    closed = server.logged(f"close {number}", start)
    assert "INFO" in closed
    told = dict(word.split("=") for word in closed.split() if "=" in word)
    assert {"code": "1000", "in": "1", "out": "1", "shed": "0"}.items() <= told.items()
    assert 0 <= float(told["seconds"]) < 60
    bob = guest(server, room)
    bob.send(room, "another-secret-sentence")
    bob.connection.send("a-secret-that-is-not-json")
    bob.expect("error")
    opened = server.logged(f"address=127.0.0.1:{bob.connection.socket.getsockname()[1]}", start)
    assert "INFO" in opened and "json" in opened
    bob.close()
    server.logged("close " + opened.partition(" open ")[2].split()[0], start)
    log = server.log(start)
    assert "secret" not in log
    assert log.count(" open ") == log.count(" close ") == 2


def test_no_query_string_gets_into_the_log(server, raw, room):
    start = server.mark()
    server.get("/healthz?token=secret-one")
    server.get("/nope?token=secret-two")
    member = raw(server, f"/ws/{room}?token=secret-three")
    member.send("x")
    member.read()
    try:
        raw(server, "/nope?token=secret-four")
    except Refused as refused:
        assert 400 <= refused.status < 500
    raw(server, "/ws/no-such-room?ticket=secret-five").ending()
    server.logged(f"address={member.address}", start)
    assert "secret-" not in server.log(start)


def test_forwarded_headers_from_anybody_change_no_address(server, raw, room):
    headers = [
        ("X-Forwarded-For", "203.0.113.9"),
        ("X-Forwarded-Port", "1"),
        ("Forwarded", "for=203.0.113.9"),
        ("X-Real-IP", "203.0.113.9"),
    ]
    one = raw(server, f"/ws/{room}", headers=headers)
    one.send("me")
    assert one.read() == f"{one.address} echo: me"


BEHIND = {"TRUSTED_PROXIES": "127.0.0.0/8,::1", "CHAT_MAX_CONNECTIONS_PER_IP": "3"}
FORWARDED = {
    "one hop": (["203.0.113.9"], "203.0.113.9:0"),
    "spoofed on the left": (["1.1.1.1, 198.51.100.7"], "198.51.100.7:0"),
    "a trusted hop on the right": (["198.51.100.7, 127.0.0.1"], "198.51.100.7:0"),
    "two headers": (["1.1.1.1", "198.51.100.7"], "198.51.100.7:0"),
    "IPv6": (["2001:db8::1"], "[2001:db8::1]:0"),
}


@pytest.mark.parametrize("case", FORWARDED)
def test_behind_a_trusted_proxy_the_right_most_untrusted_hop_is_the_address(shared, raw, room, case):
    hops, expected = FORWARDED[case]
    server = shared(**BEHIND)
    one = raw(server, f"/ws/{room}", headers=[("X-Forwarded-For", hop) for hop in hops])
    one.send("me")
    assert one.read() == f"{expected} echo: me"


@pytest.mark.parametrize("hop", ["", "nonsense", "999.1.1.1", "<script>", "1.1.1.1:80:80", ",,,"])
def test_a_hop_that_is_no_address_is_not_believed(shared, raw, room, hop):
    server = shared(**BEHIND)
    one = raw(server, f"/ws/{room}", headers=[("X-Forwarded-For", hop)])
    one.send("me")
    assert str(one.read()).startswith("127.0.0.1:")


def test_the_limit_per_address_counts_the_address_that_is_believed(shared, raw, room):
    server = shared(CHAT_MAX_CONNECTIONS_PER_IP="10")
    until(lambda: server.connections() == 0, "nobody of another test is left")
    for number in range(10):
        raw(server, f"/ws/{room}", headers=[("X-Forwarded-For", f"203.0.113.{number}")])
    close = raw(server, f"/ws/{room}", headers=[("X-Forwarded-For", "203.0.113.77")]).ending()
    assert close.code == 4006, "a spoofed header must not help around the limit"
    behind = shared(**BEHIND)
    members = [raw(behind, f"/ws/{room}", headers=[("X-Forwarded-For", f"203.0.113.{number}")]) for number in range(5)]
    members[0].send("all five")
    for member in members:
        assert member.read() == "203.0.113.0:0 echo: all five"
