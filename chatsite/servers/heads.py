"""Heads of requests: one limit and one reading for pages and WebSockets, whatever the server's parser lets through.

Where two parsers may read a request in two ways, the proxy's and the server's or daphne's and uvicorn's, it is refused
(RFC 9112, sections 3.2, 5.2 and 6.1; RFC 6455, section 4.2.1).
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable

from chat.wire.origins import named_by

# The first line with all headers. Browsers send up to 180 cookies of 4 KB for a host; what is more helps nobody.
HEAD_BYTES = 32 * 1024
MAX_HEADERS = 128

Headers = list[tuple[bytes, bytes]]

# Methods are told apart by case (RFC 9110, section 9.1), but Django takes `post` for POST.
METHOD = re.compile(rb"[A-Z]+(-[A-Z]+)*")
NAME = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
NO_VALUE = re.compile(rb"[\x00-\x08\x0a-\x1f\x7f]")
TARGET = re.compile(rb"[\x21\x22\x24-\x7e]+")  # ASCII without spaces and #, which browsers do not send.
ABSOLUTE = re.compile(rb"(https?)://([^/?]*)(.*)", re.IGNORECASE | re.DOTALL)
# Headers that two parsers may take the first or the last of.
SINGLE = {
    b"authorization",
    b"content-length",
    b"content-type",
    b"host",
    b"origin",
    b"sec-websocket-key",
    b"sec-websocket-version",
    b"transfer-encoding",
}
LENGTH = re.compile(rb"[0-9]{1,18}")
KEY = re.compile(rb"[A-Za-z0-9+/]{22}==")
# Of a WebSocket's handshake. Extensions are left out: nothing is compressed, and parsers differ in what they refuse.
REWRITTEN = {b"connection", b"sec-websocket-extensions", b"sec-websocket-protocol"}


class Unfit(Exception):
    """A request that is not served: with which status, and why, in words for whoever wrote the client."""

    def __init__(self, status: int, why: str, headers: Headers | None = None) -> None:
        super().__init__(why)
        self.status = status
        self.headers = headers or []


def read(method: bytes, target: bytes, version: bytes, headers: Iterable[tuple[bytes, bytes]]) -> tuple[bytes, Headers]:
    """Return a request's target, as path and query, and its headers: lower case, one Cookie, one Upgrade.

    A WebSocket's handshake is of version 13, its subprotocols are one list, and it asks for no extension.

    `version` is `1.0` or `1.1`. Raises: Unfit.
    """
    # First: HTTP/2 sends each cookie alone, and a proxy hands them on so; many are no longer head than one line.
    found = with_one_cookie([(name.lower(), value.strip(b" \t")) for name, value in headers])
    check_size(method, target, found)
    check_text(method, target, version, found)
    target, found = in_origin_form(target, found)
    check_host(version, found)
    check_body(version, found)
    return target, with_one_upgrade(method, version, found)


def check_size(method: bytes, target: bytes, headers: Headers) -> None:
    size = len(method) + len(target) + sum(len(name) + len(value) + 4 for name, value in headers)
    if size > HEAD_BYTES:
        raise Unfit(431, f"expected a head of at most {HEAD_BYTES} bytes, got {size}", headers)
    if len(headers) > MAX_HEADERS:
        raise Unfit(431, f"expected at most {MAX_HEADERS} headers, got {len(headers)}", headers)


def check_text(method: bytes, target: bytes, version: bytes, headers: Headers) -> None:
    if version not in (b"1.0", b"1.1"):
        raise Unfit(400, "expected HTTP/1.1 or HTTP/1.0")
    if not METHOD.fullmatch(method):
        raise Unfit(400, "expected a method of upper-case letters, like GET")
    if not TARGET.fullmatch(target):
        raise Unfit(400, "expected an address of ASCII characters without spaces and #")
    for name, value in headers:
        if not NAME.fullmatch(name) or NO_VALUE.search(value):
            raise Unfit(400, "expected header names of letters and hyphens, and values without control characters")
    for name, count in Counter(name for name, _ in headers).items():
        if count > 1 and name in SINGLE:
            raise Unfit(400, f"expected one {name.decode()} header, got {count}")


def in_origin_form(target: bytes, headers: Headers) -> tuple[bytes, Headers]:
    """Return path and query of `http://host/path`, whose host then counts (RFC 9112, section 3.2.2)."""
    if target.startswith(b"/"):
        return target, headers
    absolute = ABSOLUTE.fullmatch(target)
    if absolute is None:
        raise Unfit(400, "expected an address that begins with / or http://")
    rest = absolute[3] if absolute[3].startswith(b"/") else b"/" + absolute[3]
    return rest, [*((name, value) for name, value in headers if name != b"host"), (b"host", absolute[2])]


def check_host(version: bytes, headers: Headers) -> None:
    """Refuse a Host that names no host; only HTTP/1.0 may do without."""
    host = value_of(headers, b"host")
    if host is None and version == b"1.0":
        return
    try:
        named_by("http", (host or b"").decode("latin-1"))
    except ValueError:
        raise Unfit(400, "expected one Host header with a host, and a port or none") from None


def check_body(version: bytes, headers: Headers) -> None:
    """Refuse whatever leaves a doubt where the body ends: the rest would be another request (smuggling)."""
    coding, length = value_of(headers, b"transfer-encoding"), value_of(headers, b"content-length")
    if length is not None and not LENGTH.fullmatch(length):
        raise Unfit(400, "expected a Content-Length of digits")
    if coding is None:
        return
    if coding.lower() != b"chunked":
        raise Unfit(400, "expected no Transfer-Encoding but chunked")
    if length is not None:
        raise Unfit(400, "expected Transfer-Encoding or Content-Length, got both")
    if version != b"1.1":
        raise Unfit(400, "expected no Transfer-Encoding in HTTP/1.0")


def with_one_cookie(headers: Headers) -> Headers:
    """Join the lines of Cookie, into which HTTP/2 and some proxies split it (RFC 9113, section 8.2.3)."""
    lines = [value for name, value in headers if name == b"cookie"]
    if len(lines) < 2:
        return headers
    return [*((name, value) for name, value in headers if name != b"cookie"), (b"cookie", b"; ".join(lines))]


def with_one_upgrade(method: bytes, version: bytes, headers: Headers) -> Headers:
    """Leave Upgrade out where Connection does not name it; refuse a WebSocket that is no lawful handshake."""
    protocols = tokens_of(headers, b"upgrade")
    if not protocols:
        return headers
    rest = [(name, value) for name, value in headers if name != b"upgrade"]
    if b"upgrade" not in tokens_of(headers, b"connection"):
        return rest
    if b"websocket" not in protocols:
        return headers
    if version != b"1.1":
        raise Unfit(400, "expected a WebSocket over HTTP/1.1, got HTTP/1.0")
    if value_of(headers, b"transfer-encoding") is not None or (value_of(headers, b"content-length") or b"0").strip(
        b"0"
    ):
        raise Unfit(400, "expected a WebSocket's handshake without a body")
    check_handshake(method, headers)
    offered = [(b"sec-websocket-protocol", b", ".join(found))] if (found := offers(headers)) else []
    rest = [(name, value) for name, value in rest if name not in REWRITTEN]
    return [*rest, (b"connection", b"Upgrade"), (b"upgrade", b"websocket"), *offered]


def check_handshake(method: bytes, headers: Headers) -> None:
    if method != b"GET":
        raise Unfit(400, "expected a WebSocket's handshake by GET")
    if value_of(headers, b"sec-websocket-version") != b"13":
        raise Unfit(426, "expected Sec-WebSocket-Version: 13")
    if not KEY.fullmatch(value_of(headers, b"sec-websocket-key") or b""):
        raise Unfit(400, "expected a Sec-WebSocket-Key of 16 bytes in base64")


def offers(headers: Headers) -> list[bytes]:
    """Return the subprotocols that are offered, each once: one parser refuses what the other takes twice or empty."""
    joined = b",".join(value for name, value in headers if name == b"sec-websocket-protocol")
    found = list(dict.fromkeys(token for part in joined.split(b",") if (token := part.strip(b" \t"))))
    if not all(NAME.fullmatch(token) for token in found):
        raise Unfit(400, "expected subprotocols of letters, digits and signs, with commas between them")
    return found


def value_of(headers: Headers, wanted: bytes) -> bytes | None:
    return next((value for name, value in headers if name == wanted), None)


def tokens_of(headers: Headers, wanted: bytes) -> list[bytes]:
    """Return the comma-separated values of all lines of a header, in lower case."""
    joined = b",".join(value for name, value in headers if name == wanted)
    return [token for part in joined.lower().split(b",") if (token := part.strip())]
