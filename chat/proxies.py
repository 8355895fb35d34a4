"""Proxies: whose word on a client's address and scheme is believed."""

from __future__ import annotations

import ipaddress
import logging
import re
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from chat.conf import Network

logger = logging.getLogger("chat.proxies")

Scope = dict[str, Any]
App = Callable[[Scope, Any, Any], Awaitable[None]]
Address = ipaddress.IPv4Address | ipaddress.IPv6Address

FORWARDED_FOR = b"x-forwarded-for"
FORWARDED_PROTO = b"x-forwarded-proto"


class Proxies:
    """Puts the client's own address and scheme into the scope, where a trusted proxy stands between.

    The address is the right-most one in X-Forwarded-For that is not a trusted proxy: what stands left of it is the
    client's own word.
    """

    def __init__(self, app: App, trusted: Sequence[Network]) -> None:
        self.app = app
        self.trusted = trusted
        self.warned = False

    async def __call__(self, scope: Scope, receive: Any, send: Any) -> None:
        peer = read_address((scope.get("client") or [""])[0])
        if peer is not None and self.trusts(peer):
            scope = self.believe(scope, peer)
        elif not self.warned and peer is not None and peer.is_private and forwarded(scope, FORWARDED_FOR):
            self.warned = True
            logger.warning(
                "X-Forwarded-For from %s is not believed: if it is your proxy, set TRUSTED_PROXIES=%s", peer, peer
            )
        await self.app(scope, receive, send)

    def trusts(self, address: Address) -> bool:
        return any(address in network for network in self.trusted)

    def believe(self, scope: Scope, peer: Address) -> Scope:
        client = self.client_of(forwarded(scope, FORWARDED_FOR))
        proto = (forwarded(scope, FORWARDED_PROTO) or [""])[-1].lower()
        scheme = scope.get("scheme", "http")
        if proto in ("http", "https", "ws", "wss"):
            secure = proto in ("https", "wss")
            scheme = {"websocket": ("ws", "wss"), "http": ("http", "https")}[scope["type"]][secure]
        return {**scope, "client": client or scope["client"], "scheme": scheme}

    def client_of(self, hops: list[str]) -> tuple[str, int] | None:
        """Return the right-most hop that is not a proxy of ours, or None where a hop makes no sense."""
        client = None
        for hop in reversed(hops):
            address, port = split_hop(hop)
            if address is None:
                return client
            client = (str(address), port)
            if not self.trusts(address):
                break
        return client


def forwarded(scope: Scope, name: bytes) -> list[str]:
    """Return a header's comma-separated values, those of repeated headers in order."""
    values = b",".join(value for key, value in scope["headers"] if key == name).decode("latin-1")
    return [part.strip() for part in values.split(",") if part.strip()]


def split_hop(hop: str) -> tuple[Address | None, int]:
    """Return a hop's address and port; proxies write `a.b.c.d`, `a.b.c.d:port`, `::1` and `[::1]:port`."""
    host, port = hop, ""
    if hop.startswith("["):
        host, _, port = hop[1:].partition("]")
        port = port.removeprefix(":")
    elif hop.count(":") == 1:
        host, _, port = hop.partition(":")
    return read_address(host), int(port) if re.fullmatch("[0-9]{1,5}", port) and int(port) < 65536 else 0


def read_address(text: str) -> Address | None:
    """Return an address; one of IPv4 mapped into IPv6 is the one of IPv4."""
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return None
    if getattr(address, "scope_id", None):
        return None  # A zone is any text, and means something on one machine only.
    mapped = getattr(address, "ipv4_mapped", None)
    return mapped or address
