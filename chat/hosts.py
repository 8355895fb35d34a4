"""Hosts: a request's Host, Origin and Referer in one spelling, before anything compares them."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from typing import Any

from chat.wire.origins import named_by, parse

# An address's origin, and what follows.
REFERER = re.compile(r"(https?://[^/?#]*)(.*)", re.IGNORECASE | re.DOTALL)

Scope = dict[str, Any]
App = Callable[[Scope, Any, Any], Awaitable[None]]


class Hosts:
    """Rewrites Host, Origin and Referer's origin as browsers spell them: lower case, no default port, IPv6 in its short form.

    Django compares them as text (forms, redirects, links), the origin gate and the API by their parts. It stands behind
    `Proxies`, since a default port depends on the scheme.
    """

    def __init__(self, app: App) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Any, send: Any) -> None:
        scheme = scope.get("scheme") or "ws"
        headers = [(name, respelled(name, value, scheme)) for name, value in scope["headers"]]
        await self.app({**scope, "headers": headers}, receive, send)


def respelled(name: bytes, value: bytes, scheme: str) -> bytes:
    """Return a header's value in the one spelling; a value that names no origin stays as it came and is refused later."""
    try:
        if name == b"host":
            return named_by(scheme, value.decode("latin-1")).netloc.encode()
        if name == b"origin":
            return parse(value.decode("latin-1")).sent.encode()
        if name == b"referer":
            return of_page(value.decode("latin-1")).encode("latin-1")
    except ValueError:
        return value
    return value


def of_page(address: str) -> str:
    """Return a page's address with its origin in the one spelling. Raises: ValueError."""
    found = REFERER.fullmatch(address)
    return address if found is None else f"{parse(found[1]).sent}{found[2]}"
