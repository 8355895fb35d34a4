"""Cookies: what is looked at of those that come."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from typing import Any

from django.http.cookie import parse_cookie

Scope = dict[str, Any]
App = Callable[[Scope, Any, Any], Awaitable[None]]


class Cookies:
    """Leaves out cookies with a backslash in them, which none of ours has.

    Python before 3.11.10 and 3.12.6 takes time by the square of their number (CVE-2024-7592): seconds for one request,
    in which the event loop stands still.
    """

    def __init__(self, app: App) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Any, send: Any) -> None:
        if any(name == b"cookie" and b"\\" in value for name, value in scope["headers"]):
            scope = {
                **scope,
                "headers": [(name, clean(value) if name == b"cookie" else value) for name, value in scope["headers"]],
            }
        await self.app(scope, receive, send)


def clean(value: bytes) -> bytes:
    return b";".join(pair for pair in value.split(b";") if b"\\" not in pair)


def value_of(scope: Scope, name: str, allowed: str) -> str | None:
    """Return a cookie of a handshake where its value is of the `allowed` form, a regular expression; else None.

    It is read as Django reads a page's: of several by one name the last counts, and quotes are no part of it.
    """
    lines = [clean(value).decode("latin-1") for key, value in scope["headers"] if key == b"cookie"]
    found = parse_cookie("; ".join(lines)).get(name, "")
    return found if re.fullmatch(allowed, found) else None
