"""Addresses: which of them count as one client's."""

from __future__ import annotations

import ipaddress

# What one customer gets is a /64 or more (RFC 6177), and may choose a new address in it for each connection.
CUSTOMER_BITS = 64


def counted_as(host: str) -> str:
    """Return what a limit for each address counts: an IPv4 address, also where it is mapped into IPv6, or an IPv6 /64.

    What is no address counts as it is written.
    """
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return host
    if address.version == 4:
        return host
    if address.ipv4_mapped is not None:
        return str(address.ipv4_mapped)
    return str(ipaddress.ip_network((int(address), CUSTOMER_BITS), strict=False))
