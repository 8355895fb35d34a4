"""Requests that may change something: the process looks for it at once."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

Scope = dict[str, Any]
App = Callable[[Scope, Any, Any], Awaitable[None]]

# RFC 9110, section 9.2.1.
SAFE = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})


class Writes:
    """Tells, after every request that is not safe, that something may have changed.

    Else a sign-out here would be in force on this process and the others with their next look only.
    """

    def __init__(self, app: App, changed: Callable[[], None]) -> None:
        self.app = app
        self.changed = changed

    async def __call__(self, scope: Scope, receive: Any, send: Any) -> None:
        try:
            await self.app(scope, receive, send)
        finally:
            if scope["method"].upper() not in SAFE:  # Django takes a method in any case.
                self.changed()
