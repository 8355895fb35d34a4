"""Addresses, as people are counted by them."""

from __future__ import annotations

from django.http import HttpRequest

from chat.live.addresses import counted_as
from chat.proxies import read_address


def address_of(request: HttpRequest) -> str | None:
    """Return a client's address, which stands in the scope by now; of IPv6 the first one of its /64, and None of none."""
    address = read_address(request.META.get("REMOTE_ADDR") or "")
    return None if address is None else counted_as(str(address)).partition("/")[0]
