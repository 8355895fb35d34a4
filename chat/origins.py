"""The origin gate: which pages may open a WebSocket here."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from django.http.request import split_domain_port, validate_host

from chat.wire.origins import Origin, named_by, parse

logger = logging.getLogger("chat.origins")

Scope = dict[str, Any]
App = Callable[[Scope, Any, Any], Awaitable[None]]

# Where the gate writes down what it found: who came from another site is closed when that is taken off the allow-list.
SCOPE_KEY = "chat.visit"

REPEAT_SECONDS = 60.0
# Anybody may send any Origin: of more different ones than this a minute, the log hears only how many.
MAX_REASONS = 100


class Visit:
    """What the gate found: `origin` is None for a program, `own` tells pages of this site from others that may connect."""

    __slots__ = ("origin", "own")

    def __init__(self, origin: Origin | None, own: bool) -> None:
        self.origin = origin
        self.own = own


def header(scope: Scope, name: bytes) -> str | None:
    """Return a header's one value, or None. Raises: ValueError where it came more than once."""
    values = [value for key, value in scope["headers"] if key == name]
    if len(values) > 1:
        raise ValueError(f"expected one {name.decode()} header, got {len(values)}")
    return values[0].decode("latin-1") if values else None


def origins_of(scope: Scope, allowed_hosts: Sequence[str]) -> tuple[Origin | None, Origin]:
    """Return the origin of the page that dials, None for a program, and the origin that this site has for it.

    The host is held against ALLOWED_HOSTS first: a page on a name that was made to point here (DNS rebinding) has an
    Origin equal to its Host.

    Raises: ValueError, which says what does not fit.
    """
    host = header(scope, b"host") or ""
    domain, _ = split_domain_port(host)
    if not domain or not validate_host(domain, list(allowed_hosts)):
        raise ValueError(f"Host {host[:200]!r} is not in ALLOWED_HOSTS")
    own = named_by(scope.get("scheme") or "ws", host)
    came = header(scope, b"origin")
    return (None if came is None else parse(came)), own


class Refusals:
    """Logs a refusal at once, and its like when a minute is over, with how many they were: also where no more come."""

    def __init__(self) -> None:
        self.counts: dict[str, int] = {}

    def tell(self, client: str, reason: str) -> None:
        if not self.counts:
            asyncio.get_running_loop().call_later(REPEAT_SECONDS, self._sum_up)
        if reason not in self.counts and len(self.counts) >= MAX_REASONS:
            reason = "many different origins and hosts"
        if reason not in self.counts:
            logger.warning("refused a WebSocket from %s: %s", client, reason)
        self.counts[reason] = self.counts.get(reason, -1) + 1

    def _sum_up(self) -> None:
        for reason, count in self.counts.items():
            if count:
                logger.warning("refused %d more: %s", count, reason)
        self.counts.clear()


class OriginGate:
    """Refuses handshakes from other origins, before anything else is done for them.

    `lets_in(origin)` asks the allow-list. No Origin is no browser, and allowed. `secure`: only wss is. `stated` is the
    origin of SITE_URL, whose pages are this site's own whatever a proxy tells of the Host.
    """

    def __init__(
        self,
        app: App,
        allowed_hosts: Sequence[str],
        lets_in: Callable[[Origin], Awaitable[bool]],
        secure: bool = False,
        stated: Origin | None = None,
    ) -> None:
        self.app = app
        self.allowed_hosts = allowed_hosts
        self.lets_in = lets_in
        self.refusals = Refusals()
        self.secure = secure
        self.stated = stated

    async def __call__(self, scope: Scope, receive: Any, send: Any) -> None:
        try:
            visit = await self.judge(scope)
        except ValueError as refusal:
            self.refusals.tell(str((scope.get("client") or ["unknown"])[0]), str(refusal))
            await receive()
            await send({"type": "websocket.close"})
            return
        await self.app({**scope, SCOPE_KEY: visit}, receive, send)

    async def judge(self, scope: Scope) -> Visit:
        """Return who comes. Raises: ValueError, which says why they are refused."""
        came, own = origins_of(scope, self.allowed_hosts)
        if self.secure and own.scheme != "https":
            raise ValueError("it came by ws://, and HTTPS_ONLY is set")
        if came is None or came in (own, self.stated):
            return Visit(came, own=True)
        if await self.lets_in(came):
            return Visit(came, own=False)
        raise ValueError(f"Origin {came} is neither this site's {own} nor in the list of allowed origins")
