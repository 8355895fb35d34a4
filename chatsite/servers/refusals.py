"""Refusals: whole answers that a server gives before any application is asked, each the last on its connection."""

from __future__ import annotations

import re
from functools import cache
from http import HTTPStatus

from django.conf import settings
from django.template.loader import render_to_string
from django.utils.translation import override

from chat.wire.origins import is_address
from chatsite.servers.heads import HEAD_BYTES, Headers, Unfit, value_of

# As many as browsers keep for a host.
MOST_COOKIES = 200
# The answer to a handshake of another WebSocket version (RFC 6455, section 4.2.2).
VERSION = ("Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13")
TEXT, HTML = "text/plain; charset=utf-8", "text/html; charset=utf-8"


def refusal(status: int, why: str = "", lines: tuple[str, ...] = ()) -> bytes:
    """Return an answer that says no more than its status, and why where that helps who wrote the client."""
    phrase = HTTPStatus(status).phrase
    if status == HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE:
        return whole(status, HTML, too_large())
    return whole(status, TEXT, f"{phrase}{f': {why}' if why else ''}.\n", lines)


def answer_to(unfit: Unfit) -> bytes:
    """Return the answer to a request that is not served; cookies that are too large are taken out of the browser."""
    if unfit.status == HTTPStatus.UPGRADE_REQUIRED:
        return refusal(unfit.status, str(unfit), VERSION)
    if unfit.status != HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE:
        return refusal(unfit.status, str(unfit))
    return whole(unfit.status, HTML, too_large(), healing(unfit.headers))


def whole(status: int, kind: str, text: str, lines: tuple[str, ...] = ()) -> bytes:
    body = text.encode()
    head = [
        f"HTTP/1.1 {status} {HTTPStatus(status).phrase}",
        "Connection: close",
        f"Content-Type: {kind}",
        f"Content-Length: {len(body)}",
        "Cache-Control: no-store",
        *lines,
    ]
    return "\r\n".join(head).encode() + b"\r\n\r\n" + body


@cache
def too_large() -> str:
    """Return a page that says how to get out, in every language: whose it is, is not looked for in such a head."""
    with override(settings.LANGUAGE_CODE):
        return render_to_string("431.html")


def healing(headers: Headers) -> tuple[str, ...]:
    """Return lines that delete the largest cookies of this host, where it is cookies that make the head too large.

    Never for a long address: any page could lead here by one, and sign people out. Cookies of a parent domain are other
    sites' too, and stay.
    """
    pairs = [pair.strip() for name, value in headers if name == b"cookie" for pair in value.split(b";")]
    left = sum(map(len, pairs))
    if left <= HEAD_BYTES // 2:
        return ()
    host = (value_of(headers, b"host") or b"").decode("latin-1").rpartition("@")[2]
    domain = re.sub(r":[0-9]*$", "", host)
    lines: list[str] = []
    for pair in sorted(pairs, key=len, reverse=True)[:MOST_COOKIES]:
        if left <= HEAD_BYTES // 4:
            break
        left -= len(pair)
        lines += deletions(pair.partition(b"=")[0], domain)
    return tuple(lines)


def deletions(name: bytes, domain: str) -> list[str]:
    """Return the lines that delete a cookie, set for this host alone or for it and what is below.

    Browsers take and send names that are no tokens, like `c[0]`.
    """
    text = name.decode(errors="replace")
    if not text.isprintable() or re.search(r'^$|[ ;=,"\ufffd]', text):
        return []
    line = f"Set-Cookie: {text}=; Max-Age=0; Path=/{'; Secure' if text.startswith('__') else ''}"
    wide = "." in domain and re.fullmatch(r"[A-Za-z0-9.-]+", domain) and not is_address(domain)
    return [line, f"{line}; Domain={domain}"] if wide and not text.startswith("__Host-") else [line]
