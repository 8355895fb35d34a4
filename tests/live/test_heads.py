"""Heads of requests: one limit and one reading, for pages and WebSockets, on both servers."""

from __future__ import annotations

import json
import struct
import time
from collections.abc import Callable

import pytest

from chatsite.servers.heads import HEAD_BYTES, MAX_HEADERS

from . import frames
from .conftest import QUIET, Start
from .farm import Farm
from .servers import Server
from .sockets import RawSocket
from .test_arrivals import HOST, statuses
from .test_signed_in import PASSWORD, Session

CLOSE = b"Connection: close\r\n"
KEY = b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
UPGRADE = b"Upgrade: websocket\r\nConnection: Upgrade\r\n"
PAGE, SOCKET = (b"/accounts/sign-in/", HOST + CLOSE), (b"/ws/volatile", HOST + UPGRADE + KEY)


def head(kind: tuple[bytes, bytes], more: bytes = b"", query: bytes = b"", version: bytes = b"1.1") -> bytes:
    path, headers = kind
    return b"GET " + path + query + b" HTTP/" + version + b"\r\n" + headers + more + b"\r\n"


def cookie(size: int) -> bytes:
    return b"Cookie: a=" + b"x" * size + b"\r\n"


def many(count: int) -> bytes:
    return b"".join(b"x-%d: y\r\n" % number for number in range(count))


LONG, OVER = HEAD_BYTES - 1000, HEAD_BYTES + 1000
# What both kinds of requests are asked with: whether they are served, else the status.
BOTH: dict[str, tuple[bytes, bytes, int]] = {
    "a cookie of 9 kB": (cookie(9_000), b"", 0),
    "a cookie of 16 kB": (cookie(16_000), b"", 0),
    "a cookie of nearly all": (cookie(LONG), b"", 0),
    "a long address": (b"", b"?" + b"x" * LONG, 0),
    "a hundred headers": (many(100), b"", 0),
    "a cookie that is too large": (cookie(OVER), b"", 431),
    "a cookie that is cut off": (cookie(100_000), b"", 431),
    "a hundred and fifty lines of cookies": (b"".join(b"Cookie: c%d=1\r\n" % it for it in range(150)), b"", 0),
    "two lines that are too large": (cookie(OVER // 2) * 2, b"", 431),
    "an address that is too long": (b"", b"?" + b"x" * OVER, 431),
    "an address that is cut off": (b"", b"?" + b"x" * 100_000, 431),
    "too many headers": (many(MAX_HEADERS), b"", 431),
    "many too many headers": (many(2000), b"", 431),
    "two Hosts": (HOST, b"", 400),
    "two Origins": (b"Origin: http://127.0.0.1\r\n" * 2, b"", 400),
    "a folded header": (b"X: a\r\n b\r\n", b"", 400),
    "a fragment": (b"", b"#x", 400),
    "a space before the colon": (b"X : a\r\n", b"", 400),
    "a bare line feed": (b"X: a\nY: b\r\n", b"", 400),
}


@pytest.mark.parametrize("case", BOTH)
def test_a_page_and_a_socket_have_one_limit_and_one_reading(
    shared: Start, raw: Callable[..., RawSocket], case: str
) -> None:
    server = shared(ALLOWED_HOSTS="127.0.0.1")
    more, query, refused = BOTH[case]
    assert ask(raw, server, head(PAGE, more, query)) == (refused or 200)
    assert ask(raw, server, head(SOCKET, more, query)) == (refused or 101)


def ask(raw: Callable[..., RawSocket], server: Server, request: bytes) -> int:
    """Return the status of the first answer."""
    one = raw(server, shake=False)
    try:
        one.send_bytes(request)
    except OSError:
        pass  # It has answered already, and reads no further.
    while b"\r\n\r\n" not in one.buffer and one.fill(30):
        pass
    return int(one.buffer.split(b" ")[1]) if one.buffer else 0


TE, CL = b"Transfer-Encoding: ", b"Content-Length: "
POST = b"POST /accounts/sign-in/ HTTP/1.1\r\n" + HOST + CLOSE
# 403 is Django's answer to a form without a token: the request was taken.
BODIES: dict[str, tuple[bytes, int]] = {
    "chunked": (TE + b"chunked\r\n\r\n0\r\n\r\n", 403),
    "in capitals": (TE + b"CHUNKED\r\n\r\n0\r\n\r\n", 403),
    "chunked and identity": (TE + b"chunked\r\n" + TE + b"identity\r\n\r\n0\r\n\r\n", 400),
    "identity and chunked": (TE + b"identity\r\n" + TE + b"chunked\r\n\r\n0\r\n\r\n", 400),
    "identity": (TE + b"identity\r\n\r\n0\r\n\r\n", 400),
    "chunked twice": ((TE + b"chunked\r\n") * 2 + b"\r\n0\r\n\r\n", 400),
    "chunked, identity": (TE + b"chunked, identity\r\n\r\n0\r\n\r\n", 400),
    "identity, chunked": (TE + b"identity, chunked\r\n\r\n0\r\n\r\n", 400),
    "gzip, chunked": (TE + b"gzip, chunked\r\n\r\n0\r\n\r\n", 400),
    "chunked and a length": (TE + b"chunked\r\n" + CL + b"5\r\n\r\n0\r\n\r\n", 400),
    "a length and chunked": (CL + b"5\r\n" + TE + b"chunked\r\n\r\n0\r\n\r\n", 400),
    "a length": (CL + b"5\r\n\r\nhello", 403),
    "a length with a zero": (CL + b"05\r\n\r\nhello", 403),
    "a length with a sign": (CL + b"+5\r\n\r\nhello", 400),
    "a list of lengths": (CL + b"5, 5\r\n\r\nhello", 400),
    "two lengths": ((CL + b"5\r\n") * 2 + b"\r\nhello", 400),
    "a length in hex": (CL + b"0x5\r\n\r\nhello", 400),
}


@pytest.mark.parametrize("case", BODIES)
def test_a_body_that_may_end_in_two_places_is_refused(shared: Start, raw: Callable[..., RawSocket], case: str) -> None:
    more, expected = BODIES[case]
    # What a proxy would take for a part of the body.
    smuggled = b"GET /healthz HTTP/1.1\r\n" + HOST + b"\r\n"
    one = raw(shared(ALLOWED_HOSTS="127.0.0.1"), shake=False)
    one.send_bytes(POST + more + (b"" if expected == 403 else smuggled))
    assert statuses(one) == [expected]


OTHERS: dict[str, tuple[bytes, int]] = {
    "HTTP/1.0": (head(PAGE, version=b"1.0"), 200),
    "HTTP/1.0 without a Host": (head((PAGE[0], b""), version=b"1.0"), 200),
    "HTTP/1.1 without a Host": (head((PAGE[0], CLOSE)), 400),
    "HTTP/2.0": (head(PAGE, version=b"2.0"), 400),
    "HTTP/1.0, chunked": (POST.replace(b"1.1", b"1.0") + TE + b"chunked\r\n\r\n0\r\n\r\n", 400),
    "a whole address": (head((b"http://127.0.0.1/accounts/sign-in/", PAGE[1])), 200),
    "a whole address of another host": (head((b"http://evil.example/accounts/sign-in/", PAGE[1])), 400),
    "a WebSocket over HTTP/1.0": (head(SOCKET, version=b"1.0"), 400),
    "a WebSocket over HTTP/2.0": (head(SOCKET, version=b"2.0"), 400),
    "a WebSocket with a body": (head(SOCKET, CL + b"5\r\n") + b"hello", 400),
    "a WebSocket with chunks": (head(SOCKET, TE + b"chunked\r\n") + b"0\r\n\r\n", 400),
    "a WebSocket with two keys": (head(SOCKET, KEY), 400),
    "a WebSocket of version 8": (head((SOCKET[0], SOCKET[1].replace(b": 13", b": 8"))), 426),
    "a WebSocket without a key": (head((SOCKET[0], HOST + UPGRADE + b"Sec-WebSocket-Version: 13\r\n")), 400),
    "a WebSocket by POST": (head(SOCKET).replace(b"GET", b"POST", 1), 400),
    "a window that is none": (
        head(SOCKET, b"Sec-WebSocket-Extensions: permessage-deflate; server_max_window_bits=99\r\n"),
        101,
    ),
    "extensions that are none": (head(SOCKET, b"Sec-WebSocket-Extensions: =;\r\n"), 101),
    "an empty subprotocol": (head(SOCKET, b"Sec-WebSocket-Protocol:\r\n"), 101),
    "a subprotocol twice": (head(SOCKET, b"Sec-WebSocket-Protocol: chat.v1.json, chat.v1.json\r\n"), 101),
    "a subprotocol in quotes": (head(SOCKET, b'Sec-WebSocket-Protocol: "chat.v1.json"\r\n'), 400),
    "a WebSocket by a whole address": (head((b"http://127.0.0.1/ws/volatile", SOCKET[1])), 101),
    "a WebSocket asked for twice": (head(SOCKET, b"Upgrade: websocket\r\n"), 101),
    "a WebSocket among others": (head((SOCKET[0], SOCKET[1].replace(b": websocket", b": h2c, WebSocket"))), 101),
    "a method in lower case": (head(PAGE).replace(b"GET", b"get"), 400),
    "a form in lower case": (POST.replace(b"POST", b"post") + CL + b"0\r\n\r\n", 400),
    "a WebSocket in lower case": (head(SOCKET).replace(b"GET", b"get"), 400),
    "half an upgrade": (head((PAGE[0], HOST + CLOSE + b"Upgrade: websocket\r\n")), 200),
    "another upgrade": (head((PAGE[0], HOST + b"Connection: Upgrade\r\nUpgrade: h2c\r\n")), 200),
}


@pytest.mark.parametrize("case", OTHERS)
def test_a_first_line_and_an_upgrade_are_read_alike(shared: Start, raw: Callable[..., RawSocket], case: str) -> None:
    request, expected = OTHERS[case]
    assert ask(raw, shared(ALLOWED_HOSTS="127.0.0.1"), request) == expected


# With h11, which takes more than httptools; what it sees is refused alike.
H11: dict[str, tuple[bytes, int]] = {
    "a folded header": (head(PAGE, b"X: a\r\n b\r\n"), 400),
    "a folded header of a socket": (head(SOCKET, b"X: a\r\n\tb\r\n"), 400),
    "two lengths": (POST + (CL + b"5\r\n") * 2 + b"\r\nhello", 400),
    "a list of lengths": (POST + CL + b"5, 5\r\n\r\nhello", 400),
    "a length": (POST + CL + b"5\r\n\r\nhello", 403),
    "a chunk": (POST + TE + b"chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n", 403),
    "a chunk that is none": (POST + TE + b"chunked\r\n\r\nx\r\nhello\r\n0\r\n\r\n", 400),
    "a cookie without end": (head(PAGE, cookie(300_000)), 431),
    "a socket's version": (head((SOCKET[0], SOCKET[1].replace(b": 13", b": 8"))), 426),
    "a socket": (head(SOCKET), 101),
}


@pytest.mark.parametrize("kind", ["uvicorn"], indirect=True, scope="session")
def test_h11_reads_no_head_in_a_way_of_its_own(farm: Farm, kind: str, raw: Callable[..., RawSocket]) -> None:
    server = farm.shared(kind, **QUIET, UVICORN_HTTP="h11")
    start = server.mark()
    found = {case: ask(raw, server, request) for case, (request, _) in H11.items()}
    assert found == {case: expected for case, (_, expected) in H11.items()}
    one = raw(server, shake=False)
    # The second chunk comes while the request is under way, and after it has its answer.
    one.send_bytes(POST + TE + b"chunked\r\n\r\n5\r\nhello\r\n")
    time.sleep(0.3)
    one.send_bytes(b"x\r\n")
    assert statuses(one) in ([400], [403])
    large = raw(server, shake=False)
    large.send_bytes(head(PAGE, cookie(OVER)))
    assert statuses(large) == [431] and b"Set-Cookie: a=; Max-Age=0" in large.buffer
    assert "Traceback" not in server.log(start)


def test_whoever_sends_too_much_is_told_how_to_get_out(shared: Start, raw: Callable[..., RawSocket]) -> None:
    one = raw(shared(ALLOWED_HOSTS="127.0.0.1"), shake=False)
    one.send_bytes(head(PAGE, cookie(OVER)))
    assert statuses(one) == [431]
    answer = bytes(one.buffer).decode()
    assert "Set-Cookie: a=; Max-Age=0; Path=/\r\n" in answer
    assert "delete the cookies of this site" in answer and "删除本站" in answer


def test_cookies_in_two_lines_are_one_for_pages_and_sockets(
    shared: Start, farm: Farm, raw: Callable[..., RawSocket]
) -> None:
    server = shared(ALLOWED_HOSTS="127.0.0.1")
    farm.add_user(server.var_dir, "ada", PASSWORD)
    session = Session(server).sign_in("ada")
    lines = [("Cookie", "theme=dark"), *(("Cookie", pair) for pair in session.cookie.split("; "))]
    for ordered in (lines, lines[::-1]):
        one = raw(server, protocols=["chat.v1.json"], headers=[("Origin", f"http://{server.netloc}"), *ordered])
        assert json.loads(str(one.read()).split("\n")[0])["payload"]["user"]["name"] == "ada"
        connection = server.http()
        connection.putrequest("GET", "/accounts/profile/")
        for name, value in ordered:
            connection.putheader(name, value)
        connection.endheaders()
        assert connection.getresponse().status == 200
        connection.close()


def frame(length_code: int, length: bytes, payload: bytes, opcode: int = frames.TEXT) -> bytes:
    return bytes([0x80 | opcode, 0x80 | length_code]) + length + b"\0\0\0\0" + payload


SHORT, MIDDLE = b"a" * 100, b"a" * 1000
LENGTHS: dict[str, tuple[bytes, bool]] = {
    "seven bits": (frame(len(SHORT), b"", SHORT), True),
    "sixteen bits": (frame(126, struct.pack("!H", len(MIDDLE)), MIDDLE), True),
    "the least of sixteen": (frame(126, struct.pack("!H", 126), b"a" * 126), True),
    "sixteen where seven do": (frame(126, struct.pack("!H", len(SHORT)), SHORT), False),
    "the most that seven do": (frame(126, struct.pack("!H", 125), b"a" * 125), False),
    "sixty-four where seven do": (frame(127, struct.pack("!Q", len(SHORT)), SHORT), False),
    "sixty-four where sixteen do": (frame(127, struct.pack("!Q", len(MIDDLE)), MIDDLE), False),
    "nothing in sixteen": (frame(126, b"\0\0", b""), False),
    "the highest bit": (frame(127, struct.pack("!Q", (1 << 63) + 5), b"aaaaa"), False),
    "bytes": (frame(126, struct.pack("!H", 5), b"aaaaa", frames.BINARY), False),
    "a ping": (frame(126, struct.pack("!H", 5), b"aaaaa", frames.PING), False),
}


@pytest.mark.parametrize("case", LENGTHS)
def test_a_length_is_written_in_the_shortest_way(
    server: Server, raw: Callable[..., RawSocket], room: str, case: str
) -> None:
    data, lawful = LENGTHS[case]
    one = raw(server, f"/ws/{room}")
    one.send_bytes(data)
    if lawful:
        assert str(one.read()).endswith("aaa")
    else:
        assert one.ending().code == 1002


def test_a_length_that_comes_in_pieces_is_looked_at_whole(
    server: Server, raw: Callable[..., RawSocket], room: str
) -> None:
    one = raw(server, f"/ws/{room}")
    data = frame(126, struct.pack("!H", len(MIDDLE)), MIDDLE)
    for start in (0, 1, 2, 3, 4):
        one.send_bytes(data[start : start + 1])
    one.send_bytes(data[5:])
    assert str(one.read()).endswith("aaa")
