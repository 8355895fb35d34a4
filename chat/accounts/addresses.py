"""Addresses, as people are counted by them."""

from __future__ import annotations

from ipaddress import IPv6Address, IPv6Network

from django.http import HttpRequest

from chat.proxies import read_address

# What one customer of a provider has of IPv6, and may take any address of.
PREFIX = 64


def address_of(request: HttpRequest) -> str | None:
    """Return a client's address, which stands in the scope by now; of IPv6 the first one of its /64, and None of none."""
    address = read_address(request.META.get("REMOTE_ADDR") or "")
    if isinstance(address, IPv6Address):
        address = IPv6Network((address, PREFIX), strict=False).network_address
    return None if address is None else str(address)
