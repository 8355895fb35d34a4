"""Proxies: whose word on a client's address and scheme is believed."""

from __future__ import annotations

import ipaddress
import logging
import re
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any

from chat.conf import Conf, Network
from chat.wire.origins import SCHEMES

logger = logging.getLogger("chat.proxies")

Scope = dict[str, Any]
App = Callable[[Scope, Any, Any], Awaitable[None]]
Address = ipaddress.IPv4Address | ipaddress.IPv6Address

FORWARDED_FOR = b"x-forwarded-for"
FORWARDED_PROTO = b"x-forwarded-proto"
# What nginx writes for a peer that came to it over a Unix socket.
UNIX_HOP = "unix:"


@dataclass(frozen=True, slots=True)
class Trust:
    """Whose word is believed: peers of these networks, and with `unix` those without an address.

    The one policy for peers: addresses and schemes, limits of connections, and with them origins and redirects ask it.
    """

    networks: Sequence[Network] = ()
    unix: bool = False

    def of(self, peer: str) -> bool:
        """Tell whether a peer is a proxy of ours; `peer` is empty over a Unix socket."""
        if not peer:
            return self.unix
        # A link-local peer comes with its zone, which is not part of a network.
        address = read_address(peer.partition("%")[0])
        return address is not None and self.names(address)

    def names(self, address: Address) -> bool:
        return any(address in network for network in self.networks)


def trust_of(conf: Conf) -> Trust:
    return Trust(conf.trusted_proxies, conf.trusted_unix)


class Proxies:
    """Puts the client's own address and scheme into the scope, where a trusted proxy stands between.

    The address is the right-most one in X-Forwarded-For that is not a trusted proxy: what stands left of it is the
    client's own word. The scheme is the one that stands for the same hop in X-Forwarded-Proto: behind two proxies
    `https, http` is a page by https. Where the two headers have different numbers of hops, the left-most scheme counts,
    as in Django: a client that lies there only deceives itself.
    """

    def __init__(self, app: App, trust: Trust) -> None:
        self.app = app
        self.trust = trust
        self.warned = False

    async def __call__(self, scope: Scope, receive: Any, send: Any) -> None:
        peer = str((scope.get("client") or [""])[0] or "")
        if self.trust.of(peer):
            scope = self.believe(scope)
        elif not self.warned:
            self.warn(peer, bool(forwarded(scope, FORWARDED_FOR)))
        await self.app(scope, receive, send)

    def warn(self, peer: str, told: bool) -> None:
        """Log once that a peer is perhaps a proxy that is not trusted; `told`: it sends X-Forwarded-For."""
        address = read_address(peer.partition("%")[0])
        if not peer:
            self.warned = True
            logger.warning(
                "requests over a Unix socket have no address and count as one client: if they come from your proxy, "
                "set TRUSTED_PROXIES=unix"
            )
        elif told and address is not None and address.is_private:
            self.warned = True
            logger.warning(
                "X-Forwarded-For from %s is not believed: if it is your proxy, set TRUSTED_PROXIES=%s", address, address
            )

    def believe(self, scope: Scope) -> Scope:
        hops = forwarded(scope, FORWARDED_FOR)
        behind = self.hops_behind(hops)
        client = None
        if behind:
            address, port = split_hop(hops[-behind])
            client = (str(address), port)
        scheme = scheme_of(scope, scheme_told(forwarded(scope, FORWARDED_PROTO), hops, behind))
        return {**scope, "client": client or scope.get("client"), "scheme": scheme}

    def hops_behind(self, hops: list[str]) -> int:
        """Return where the client stands, counted from the right: the first hop that is no proxy of ours.

        A hop that is no address ends the count at the last one that was; 0 where there was none.
        """
        behind = 0
        for number, hop in enumerate(reversed(hops), 1):
            if hop == UNIX_HOP and self.trust.unix:
                continue
            address, _ = split_hop(hop)
            if address is None:
                break
            behind = number
            if not self.trust.names(address):
                break
        return behind


def scheme_told(schemes: list[str], hops: list[str], behind: int) -> str:
    """Return what X-Forwarded-Proto tells of the client's own hop; an empty string where that is no scheme."""
    known = [scheme.lower() for scheme in schemes if scheme.lower() in SCHEMES]
    if not known:
        return ""
    return known[-behind] if behind and len(known) == len(hops) else known[0]


def scheme_of(scope: Scope, told: str) -> str:
    """Return a scope's scheme, where a proxy told which page scheme its client used."""
    if not told:
        return str(scope.get("scheme", "http"))
    secure = SCHEMES[told] == "https"
    return {"websocket": ("ws", "wss"), "http": ("http", "https")}[scope["type"]][secure]


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
