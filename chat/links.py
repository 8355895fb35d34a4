"""Where a browser finds the server."""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Sequence

from django.http.request import validate_host

# An address that is never written to: connecting a datagram socket only asks the routing table for our own address.
ELSEWHERE = {socket.AF_INET: "192.0.2.1", socket.AF_INET6: "2001:db8::1"}


def links(host: str, port: int, allowed_hosts: Sequence[str]) -> list[str]:
    """Return the addresses to open: of a host that means "all", the machine's own that ALLOWED_HOSTS lets in."""
    if host not in ("0.0.0.0", "::", ""):
        return [link(host, port)]
    names = [name for name in own_names() if validate_host(bracketed(name), allowed_hosts)]
    return [link(name, port) for name in names]


def link(host: str, port: int) -> str:
    return f"http://{bracketed(host)}:{port}/"


def bracketed(host: str) -> str:
    """Return a host as it stands in an address."""
    return f"[{host}]" if ":" in host else host


def own_names() -> list[str]:
    """Return the machine's loopback address, its name and the addresses that it sends from."""
    return list(dict.fromkeys(["127.0.0.1", socket.gethostname().lower(), *own_addresses()]))


def own_addresses() -> list[str]:
    found = []
    for family, target in ELSEWHERE.items():
        try:
            with socket.socket(family, socket.SOCK_DGRAM) as probe:
                probe.connect((target, 9))
                address = probe.getsockname()[0]
        except OSError:  # This machine has no way out by that family.
            continue
        if not ipaddress.ip_address(address).is_loopback:
            found.append(address)
    return found
