"""Origins: which pages may open a WebSocket here."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from django.http.request import split_domain_port, validate_host

logger = logging.getLogger("chat.origins")

Scope = dict[str, Any]
App = Callable[[Scope, Any, Any], Awaitable[None]]

DEFAULT_PORTS = {"http": 80, "https": 443}
SECURE = {"ws": "http", "wss": "https", "http": "http", "https": "https"}


@dataclass(frozen=True)
class Origin:
    """Scheme, host and port, as RFC 6454 compares them."""

    scheme: str
    host: str
    port: int

    def __str__(self) -> str:
        return f"{self.scheme}://{self.host}:{self.port}"


def parse(text: str) -> Origin:
    """Return the origin that a browser sent.

    Raises: ValueError where it is `null`, no http or https origin, or holds more than scheme, host and port.
    """
    parts = urlsplit(text)
    if parts.scheme not in DEFAULT_PORTS or not parts.hostname:
        raise ValueError(f"expected http://host[:port] or https://host[:port], got {text[:200]!r}")
    if text.lower() != f"{parts.scheme}://{parts.netloc.lower()}" or "@" in parts.netloc:
        raise ValueError(f"expected only scheme, host and port, got {text[:200]!r}")
    port = parts.port if parts.port is not None else DEFAULT_PORTS[parts.scheme]
    return Origin(parts.scheme, parts.hostname, port)


def origin_of_host(scheme: str, host: str) -> Origin:
    """Return the origin that a request itself has. Raises: ValueError."""
    return parse(f"{SECURE[scheme]}://{host}")


def header(scope: Scope, name: bytes) -> str | None:
    """Return a header's one value, or None. Raises: ValueError where it came more than once."""
    values = [value for key, value in scope["headers"] if key == name]
    if len(values) > 1:
        raise ValueError(f"expected one {name.decode()} header, got {len(values)}")
    return values[0].decode("latin-1") if values else None


def judge(scope: Scope, allowed_hosts: Sequence[str]) -> str:
    """Return why a handshake is refused, or an empty string where it is not.

    The host is held against ALLOWED_HOSTS first: a page on a name that was made to point here (DNS rebinding) has an
    Origin equal to its Host. No Origin is no browser, and allowed.
    """
    try:
        host = header(scope, b"host") or ""
        domain, _ = split_domain_port(host)
        if not domain or not validate_host(domain, list(allowed_hosts)):
            return f"Host {host[:200]!r} is not in ALLOWED_HOSTS"
        origin = header(scope, b"origin")
        if origin is None:
            return ""
        came, expected = parse(origin), origin_of_host(scope.get("scheme") or "ws", host)
    except (ValueError, KeyError) as error:
        return f"Origin or Host makes no sense: {error}"
    return "" if came == expected else f"Origin {came} is not {expected}"


class OriginGate:
    """Refuses handshakes from other origins, before anything else is done for them."""

    def __init__(self, app: App, allowed_hosts: Sequence[str]) -> None:
        self.app = app
        self.allowed_hosts = allowed_hosts

    async def __call__(self, scope: Scope, receive: Any, send: Any) -> None:
        refusal = judge(scope, self.allowed_hosts)
        if refusal:
            logger.info("refused %s: %s", (scope.get("client") or ["unknown"])[0], refusal)
            await receive()
            await send({"type": "websocket.close"})
            return
        await self.app(scope, receive, send)
