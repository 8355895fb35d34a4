"""Static files: those of this process's version, kept for ever; of any other version none."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, NamedTuple

from chat.assets import CODINGS, Asset, Assets, Form

Scope = dict[str, Any]
App = Callable[[Scope, Any, Any], Awaitable[None]]
Headers = list[tuple[bytes, bytes]]

PREFIX = "/static/"
# Asked for without a version, so that any server has it: it says so where a page's other files are not to be had.
UNVERSIONED = "load-check.js"
FOREVER = b"public, max-age=31536000, immutable"
# Another server may have it, or this one a moment later: a cache that kept this would keep a page from working.
NEVER = b"no-store"
ASK = b"no-cache"
SECURITY: Headers = [
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"same-origin"),
    # Of a picture that is opened as a page of its own.
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
    # They are the same for everybody; a page of an allowed origin may take the client from here.
    (b"access-control-allow-origin", b"*"),
]


class Answer(NamedTuple):
    """A response's status, its own headers, and its body."""

    status: int
    headers: Headers
    body: bytes = b""


class StaticFiles:
    """Answers under /static/ before Django: with no thread, no session, and nothing that waits for a database.

    A file is found under the version of all files together, /static/<version>/<name>. So what a page loads fits
    together, modules that import each other above all. A file of another version is 404 and never this version's under
    that name: a proxy asks the next server (deploy/).
    """

    def __init__(self, app: App, assets: Assets, *, https_only: bool, hsts_seconds: int) -> None:
        self.app = app
        self.assets = assets
        self.start = f"{PREFIX}{assets.version}/"
        self.https_only = https_only
        hsts = [(b"strict-transport-security", b"max-age=%d" % hsts_seconds)] if https_only else []
        self.common: Headers = [*SECURITY, *hsts]

    async def __call__(self, scope: Scope, receive: Any, send: Any) -> None:
        # Django leads a plain request on to https.
        plain = self.https_only and scope.get("scheme") != "https"
        if plain or not scope["path"].startswith(PREFIX):
            await self.app(scope, receive, send)
            return
        answer = self.answer(scope["method"], scope["path"], read_headers(scope))
        await send({"type": "http.response.start", "status": answer.status, "headers": [*answer.headers, *self.common]})
        await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else answer.body})

    def answer(self, method: str, path: str, headers: Mapping[bytes, str]) -> Answer:
        """Return what a request gets; of `headers` each name is in lower case."""
        name, keep = path.removeprefix(self.start), FOREVER
        if path == PREFIX + UNVERSIONED:
            name, keep = UNVERSIONED, ASK
        asset = self.assets.files.get(name)
        if asset is None:
            return words(404, "This version of the site has no such file.")
        if method not in ("GET", "HEAD"):
            return words(405, "Static files are read by GET and HEAD.", (b"allow", b"GET, HEAD"))
        return of_asset(asset, keep, method, headers)


def read_headers(scope: Scope) -> dict[bytes, str]:
    """Return a request's headers; those of one name are joined (RFC 9110, 5.3)."""
    found: dict[bytes, str] = {}
    for name, value in scope["headers"]:
        text = value.decode("latin-1")
        found[name.lower()] = f"{found[name.lower()]}, {text}" if name.lower() in found else text
    return found


def words(status: int, sentence: str, *more: tuple[bytes, bytes]) -> Answer:
    body = f"{sentence}\n".encode()
    kind = (b"content-type", b"text/plain; charset=utf-8")
    return Answer(status, [kind, length(body), (b"cache-control", NEVER), *more], body)


def length(body: bytes) -> tuple[bytes, bytes]:
    return b"content-length", str(len(body)).encode()


def of_asset(asset: Asset, keep: bytes, method: str, headers: Mapping[bytes, str]) -> Answer:
    """Return a file: whole, a part of it, or that it is the one that the client has."""
    wants_part = method == "GET" and b"range" in headers
    # A part is one of the file as it is: parts of compressed forms fit together with nothing.
    form = asset.form([] if wants_part else codings(headers.get(b"accept-encoding", "")))
    told = [(b"cache-control", keep), (b"vary", b"accept-encoding"), (b"etag", form.etag.encode())]
    if has(headers.get(b"if-none-match", ""), form.etag):
        return Answer(304, told)
    told += [(b"content-type", asset.content_type.encode()), (b"accept-ranges", b"bytes")]
    if form.coding:
        told.append((b"content-encoding", form.coding.encode()))
    if wants_part and headers.get(b"if-range", form.etag) == form.etag:
        return part(form, headers[b"range"], told)
    return Answer(200, [*told, length(form.body)], form.body)


def codings(accept: str) -> list[str]:
    """Return the codings of ours that an Accept-Encoding takes, the best first (RFC 9110, 12.5.3)."""
    weights: dict[str, float] = {}
    for entry in accept.lower().split(","):
        coding, _, rest = entry.partition(";")
        weight = re.fullmatch(r"\s*(?:q\s*=\s*([01](?:\.\d{0,3})?)\s*)?", rest)
        weights[coding.strip().removeprefix("x-")] = min(float(weight[1] or 1), 1.0) if weight else 0.0

    def weighs(coding: str) -> float:
        return weights.get(coding, weights.get("*", 0.0))

    taken = [coding for coding in CODINGS if weighs(coding) > 0 and weighs(coding) >= weights.get("identity", 0.0)]
    return sorted(taken, key=weighs, reverse=True)


def has(if_none_match: str, etag: str) -> bool:
    """Tell whether an If-None-Match names this tag; weakly, as RFC 9110, 13.1.2 has it."""
    tags = {tag.strip().removeprefix("W/") for tag in if_none_match.split(",")}
    return bool({etag, "*"} & tags)


def part(form: Form, wanted: str, told: Headers) -> Answer:
    """Return a range of bytes (RFC 9110, 14); the whole where several are wanted, or what is wanted makes no sense."""
    found = re.fullmatch(r"bytes\s*=\s*(\d{0,18})\s*-\s*(\d{0,18})\s*", wanted, re.IGNORECASE | re.ASCII)
    size = len(form.body)
    first, last = found.groups() if found else ("", "")
    if not (first or last) or (first and last and int(last) < int(first)):
        return Answer(200, [*told, length(form.body)], form.body)
    start = int(first) if first else max(size - int(last), 0)
    end = min(int(last) + 1, size) if first and last else size
    if start >= size:
        whole = (b"content-range", f"bytes */{size}".encode())
        return Answer(416, [(b"cache-control", NEVER), whole, length(b"")])
    body = form.body[start:end]
    where = (b"content-range", f"bytes {start}-{end - 1}/{size}".encode())
    return Answer(206, [*told, where, length(body)], body)
