"""Heads of requests: what is served, what is refused, and how a browser gets out of it."""

from __future__ import annotations

import pytest

from chatsite.servers.heads import HEAD_BYTES, MAX_HEADERS, Headers, Unfit, read
from chatsite.servers.refusals import answer_to, refusal

HOST = (b"Host", b"chat.example")
KEY, VERSION = (b"Sec-WebSocket-Key", b"dGhlIHNhbXBsZSBub25jZQ=="), (b"Sec-WebSocket-Version", b"13")
ASKED = [(b"Upgrade", b"websocket"), (b"Connection", b"Upgrade")]
WEBSOCKET = [KEY, VERSION, *ASKED]
READ = [
    (b"host", b"chat.example"),
    (b"sec-websocket-key", KEY[1]),
    (b"sec-websocket-version", b"13"),
    (b"connection", b"Upgrade"),
    (b"upgrade", b"websocket"),
]
PROTOCOL = b"Sec-WebSocket-Protocol"


def read_as(
    *headers: tuple[bytes, bytes], target: bytes = b"/x", version: bytes = b"1.1", method: bytes = b"GET"
) -> Headers:
    """Return the headers of a request as they are read; its target is the first."""
    where, found = read(method, target, version, headers)
    return [(b":target", where), *found]


SERVED: dict[str, tuple[list[tuple[bytes, bytes]], list[tuple[bytes, bytes]]]] = {
    "two lines of cookies": (
        [(b"Cookie", b"a=1"), HOST, (b"Cookie", b"b=2; c=3")],
        [(b"host", b"chat.example"), (b"cookie", b"a=1; b=2; c=3")],
    ),
    "three": (
        [HOST, (b"Cookie", b"a=1"), (b"cookie", b"b=2"), (b"COOKIE", b"c=3")],
        [(b"host", b"chat.example"), (b"cookie", b"a=1; b=2; c=3")],
    ),
    "lists of several lines stay": (
        [HOST, (b"X-Forwarded-For", b"1.1.1.1"), (b"X-Forwarded-For", b"2.2.2.2")],
        [(b"host", b"chat.example"), (b"x-forwarded-for", b"1.1.1.1"), (b"x-forwarded-for", b"2.2.2.2")],
    ),
    "a WebSocket": (
        [HOST, KEY, VERSION, (b"Connection", b"keep-alive, Upgrade"), (b"Upgrade", b"WebSocket")],
        READ,
    ),
    "a WebSocket twice": ([HOST, *WEBSOCKET, (b"Upgrade", b"websocket")], READ),
    "extensions": (
        [HOST, *WEBSOCKET, (b"Sec-WebSocket-Extensions", b"permessage-deflate; server_max_window_bits=99")],
        READ,
    ),
    "an empty subprotocol": ([HOST, *WEBSOCKET, (PROTOCOL, b"")], READ),
    "subprotocols of nothing": ([HOST, *WEBSOCKET, (PROTOCOL, b" , ,")], READ),
    "subprotocols": (
        [HOST, (PROTOCOL, b"chat.v1.json,A"), (PROTOCOL, b"bearer.a-b_c.d~"), *WEBSOCKET, (PROTOCOL, b"A,, a")],
        [*READ, (b"sec-websocket-protocol", b"chat.v1.json, A, bearer.a-b_c.d~, a")],
    ),
    "an upgrade that a proxy half removed": (
        [HOST, (b"Upgrade", b"websocket"), (b"Connection", b"close")],
        [(b"host", b"chat.example"), (b"connection", b"close")],
    ),
    "a body of digits": (
        [HOST, (b"Content-Length", b"05")],
        [(b"host", b"chat.example"), (b"content-length", b"05")],
    ),
    "a chunked body": (
        [HOST, (b"Transfer-Encoding", b"Chunked")],
        [(b"host", b"chat.example"), (b"transfer-encoding", b"Chunked")],
    ),
}


@pytest.mark.parametrize("case", SERVED)
def test_a_head_is_read_in_one_way(case: str) -> None:
    headers, expected = SERVED[case]
    assert read_as(*headers) == [(b":target", b"/x"), *expected]


def test_a_target_with_a_host_is_a_path_and_that_host() -> None:
    for target, path in (
        (b"http://chat.example/x?y", b"/x?y"),
        (b"HTTPS://chat.example", b"/"),
        (b"http://chat.example?y", b"/?y"),
    ):
        found = read_as((b"Host", b"other.example"), target=target)
        assert found == [(b":target", path), (b"host", b"chat.example")]


def test_http_1_0_may_do_without_a_host() -> None:
    assert read_as(version=b"1.0") == [(b":target", b"/x")]


TE, CL = b"Transfer-Encoding", b"Content-Length"
REFUSED: dict[str, list[tuple[bytes, bytes]]] = {
    "no host": [],
    "two hosts": [HOST, HOST],
    "an empty host": [(b"Host", b"")],
    "a host with a user": [(b"Host", b"me@chat.example")],
    "a host with a path": [(b"Host", b"chat.example/x")],
    "a host of two": [(b"Host", b"chat.example,evil.example")],
    "a host with a large port": [(b"Host", b"chat.example:99999")],
    "two origins": [HOST, (b"Origin", b"http://a.example"), (b"Origin", b"http://a.example")],
    "two authorizations": [HOST, (b"Authorization", b"a"), (b"Authorization", b"b")],
    "two kinds": [HOST, (b"Content-Type", b"text/plain"), (b"Content-Type", b"application/json")],
    "two keys": [HOST, *WEBSOCKET, KEY],
    "two versions": [HOST, *WEBSOCKET, VERSION],
    "no key": [HOST, VERSION, *ASKED],
    "a short key": [HOST, (KEY[0], b"dGhlIHNhbXBsZSBub25j"), VERSION, *ASKED],
    "a long key": [HOST, (KEY[0], b"dGhlIHNhbXBsZSBub25jZQAA"), VERSION, *ASKED],
    "a key of other signs": [HOST, (KEY[0], b"dGhlIHNhbXBsZSBub25jZ_=="), VERSION, *ASKED],
    "a subprotocol with a space": [HOST, *WEBSOCKET, (PROTOCOL, b"chat.v1.json x")],
    "a subprotocol in quotes": [HOST, *WEBSOCKET, (PROTOCOL, b'"chat.v1.json"')],
    "chunked and identity": [HOST, (TE, b"chunked"), (TE, b"identity")],
    "identity and chunked": [HOST, (TE, b"identity"), (TE, b"chunked")],
    "chunked twice": [HOST, (TE, b"chunked"), (TE, b"chunked")],
    "identity": [HOST, (TE, b"identity")],
    "chunked, identity": [HOST, (TE, b"chunked, identity")],
    "identity, chunked": [HOST, (TE, b"identity, chunked")],
    "gzip, chunked": [HOST, (TE, b"gzip, chunked")],
    "chunked with a parameter": [HOST, (TE, b"chunked;q=1")],
    "xchunked": [HOST, (TE, b"xchunked")],
    "an empty coding": [HOST, (TE, b"")],
    "a length and chunked": [HOST, (CL, b"5"), (TE, b"chunked")],
    "two lengths": [HOST, (CL, b"5"), (CL, b"5")],
    "a list of lengths": [HOST, (CL, b"5, 5")],
    "a length with a sign": [HOST, (CL, b"+5")],
    "a negative length": [HOST, (CL, b"-5")],
    "a length in hex": [HOST, (CL, b"0x5")],
    "an empty length": [HOST, (CL, b"")],
    "a length without end": [HOST, (CL, b"9" * 19)],
    "a WebSocket with a body": [HOST, *WEBSOCKET, (CL, b"5")],
    "a WebSocket with chunks": [HOST, *WEBSOCKET, (TE, b"chunked")],
    "a space in a name": [HOST, (b"X Y", b"z")],
    "a line feed in a value": [HOST, (b"X", b"a\nb")],
    "a NUL in a value": [HOST, (b"X", b"a\0b")],
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_two_parsers_read_in_two_ways_is_refused(case: str) -> None:
    with pytest.raises(Unfit, match="expected") as refused:
        read_as(*REFUSED[case])
    assert refused.value.status == 400


@pytest.mark.parametrize("version", [[], *([(VERSION[0], text)] for text in (b"", b"8", b"7", b"013", b"13, 8"))])
def test_a_websocket_of_another_version_is_told_which_there_is(version: Headers) -> None:
    with pytest.raises(Unfit) as refused:
        read_as(HOST, KEY, *version, *ASKED)
    lines = answer_to(refused.value).decode().split("\r\n")
    assert lines[0] == "HTTP/1.1 426 Upgrade Required"
    assert {"Connection: close", "Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13"} <= set(lines)


def test_a_websocket_is_asked_for_by_get() -> None:
    with pytest.raises(Unfit, match="GET"):
        read_as(HOST, *WEBSOCKET, method=b"POST")


@pytest.mark.parametrize(
    ("target", "version"),
    [
        (b"x", b"1.1"),
        (b"*", b"1.1"),
        (b"ftp://chat.example/", b"1.1"),
        (b"http://me@chat.example/", b"1.1"),
        (b"http:///x", b"1.1"),
        (b"/x#y", b"1.1"),
        (b"/x y", b"1.1"),
        (b"/\xc3\xa9", b"1.1"),
        (b"/x", b"2.0"),
        (b"/x", b"0.9"),
        (b"/x", b"1.2"),
    ],
)
def test_a_first_line_that_no_browser_sends_is_refused(target: bytes, version: bytes) -> None:
    with pytest.raises(Unfit):
        read_as(HOST, target=target, version=version)


@pytest.mark.parametrize("method", [b"GET", b"HEAD", b"OPTIONS", b"POST", b"PROPFIND", b"VERSION-CONTROL", b"M-SEARCH"])
def test_methods_are_upper_case(method: bytes) -> None:
    assert read_as(HOST, method=method) == [(b":target", b"/x"), (b"host", b"chat.example")]


@pytest.mark.parametrize(
    "method", [b"post", b"Post", b"pOST", b"get", b"", b"-", b"POST-", b"PO$T", b"PO\xc3\x9fT", b"G3T"]
)
def test_a_method_in_other_letters_is_refused(method: bytes) -> None:
    with pytest.raises(Unfit, match="a method of upper-case letters") as refused:
        read_as(HOST, method=method)
    assert refused.value.status == 400


def test_http_1_0_has_no_websockets_and_no_chunks() -> None:
    for headers in (WEBSOCKET, [(TE, b"chunked")]):
        with pytest.raises(Unfit, match=r"1\.0"):
            read_as(HOST, *headers, version=b"1.0")


def test_a_head_has_one_limit_whatever_makes_it_large() -> None:
    fits, more = b"x" * (HEAD_BYTES - 200), b"x" * HEAD_BYTES
    for large in ([(b"Cookie", fits)], [(b"X", fits)]):
        assert read_as(HOST, *large)
    assert read_as(HOST, target=b"/" + fits)
    for kind in ({"target": b"/" + more}, {}):
        with pytest.raises(Unfit) as refused:
            read_as(HOST, *([] if kind else [(b"Cookie", more)]), **kind)
        assert refused.value.status == 431
    cookies = [(b"Cookie", b"c%d=%d" % (number, number)) for number in range(MAX_HEADERS * 2)]
    assert len(read_as(HOST, *cookies)) == 3, "HTTP/2 has each cookie in a line of its own"
    assert read_as(HOST, *[(b"x-%d" % number, b"") for number in range(MAX_HEADERS - 1)])
    with pytest.raises(Unfit) as refused:
        read_as(HOST, *[(b"x-%d" % number, b"") for number in range(MAX_HEADERS)])
    assert refused.value.status == 431


def answered(*headers: tuple[bytes, bytes], target: bytes = b"/") -> tuple[list[str], str]:
    """Return the lines and the body of the answer to a head that is too large."""
    with pytest.raises(Unfit) as refused:
        read_as(*headers, target=target)
    head, _, body = answer_to(refused.value).partition(b"\r\n\r\n")
    return head.decode().split("\r\n"), body.decode()


LARGE = b"; ".join([b"sessionid_a=abc", b"big=" + b"x" * 20_000, b"__Secure-big=" + b"x" * 20_000])


def test_the_answer_says_in_every_language_how_to_get_out_and_deletes_the_largest_cookies_of_this_host() -> None:
    lines, body = answered((b"Host", b"chat.example:8080"), (b"Cookie", LARGE))
    assert lines[0] == "HTTP/1.1 431 Request Header Fields Too Large"
    assert {"Connection: close", "Cache-Control: no-store", f"Content-Length: {len(body.encode())}"} <= set(lines)
    assert "delete the cookies of this site" in body and "Cookie" in body and "请" in body
    assert [line for line in lines if line.startswith("Set-Cookie")] == [
        "Set-Cookie: __Secure-big=; Max-Age=0; Path=/; Secure",
        "Set-Cookie: __Secure-big=; Max-Age=0; Path=/; Secure; Domain=chat.example",
        "Set-Cookie: big=; Max-Age=0; Path=/",
        "Set-Cookie: big=; Max-Age=0; Path=/; Domain=chat.example",
    ]


@pytest.mark.parametrize("host", [b"127.0.0.1:8080", b"[::1]", b"localhost"])
def test_an_address_and_a_single_name_have_no_domain(host: bytes) -> None:
    lines, _ = answered((b"Host", host), (b"Cookie", b"big=" + b"x" * HEAD_BYTES))
    assert [line for line in lines if line.startswith("Set-Cookie")] == ["Set-Cookie: big=; Max-Age=0; Path=/"]


def test_nobody_is_signed_out_by_a_link_with_a_long_address() -> None:
    lines, _ = answered(HOST, (b"Cookie", b"sessionid_a=abc"), target=b"/?" + b"x" * HEAD_BYTES)
    assert not any(line.startswith("Set-Cookie") for line in lines)


@pytest.mark.parametrize("name", [b"a b\x7f;, ", b"a b", b'"a"', b"a,b", b"", b"\xc2\x85", b"\xff", "\u2028".encode()])
def test_a_cookie_s_name_writes_no_header_of_its_own(name: bytes) -> None:
    assert not any(line.startswith("Set-Cookie") for line in healed(name))


@pytest.mark.parametrize("name", ["c[0]", "a/b", "a{b}", "(a)", "a:b", "a@b", "<a>", "a\\b", "a?", "é", "名"])
def test_a_cookie_of_any_name_that_browsers_send_is_deleted(name: str) -> None:
    assert f"Set-Cookie: {name}=; Max-Age=0; Path=/" in healed(name.encode())


def healed(name: bytes) -> list[str]:
    """Return the lines that answer a cookie of this name that is too large."""
    large = name + b"=" + b"x" * HEAD_BYTES
    return answer_to(Unfit(431, "", [(b"host", b"chat.example"), (b"cookie", large)])).decode().split("\r\n")


def test_a_refusal_is_a_whole_answer_and_the_last_one() -> None:
    for status in (400, 408, 413, 429, 431):
        head, _, body = refusal(status).partition(b"\r\n\r\n")
        lines = head.split(b"\r\n")
        assert lines[0].startswith(b"HTTP/1.1 %d " % status)
        assert b"Connection: close" in lines
        assert b"Content-Length: %d" % len(body) in lines
