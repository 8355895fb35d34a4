"""Addresses that count as one."""

from __future__ import annotations

import pytest

from chat.live.addresses import counted_as
from chat.live.registry import Admission, Registry


@pytest.mark.parametrize(
    ("host", "client"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("::ffff:c000:201", "192.0.2.1"),
        ("2001:db8::1", "2001:db8::/64"),
        ("2001:DB8:0:0:ffff:ffff:ffff:ffff", "2001:db8::/64"),
        ("2001:db8:0:1::1", "2001:db8:0:1::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("::1", "::/64"),
        ("unix", "unix"),
        ("", ""),
    ],
)
def test_an_ipv6_client_counts_by_its_64_and_ipv4_in_ipv6_is_ipv4(host: str, client: str) -> None:
    assert counted_as(host) == client


def test_a_client_with_many_ipv6_addresses_gets_no_more_connections_than_with_one() -> None:
    registry = Registry(0, 2)
    hosts = [f"2001:db8::{number:x}" for number in range(1, 5)]
    assert [registry.admit(host) for host in hosts] == [Admission.WELCOME] * 2 + [Admission.REFUSE] * 2
    assert registry.admit("2001:db8:0:1::1") is Admission.WELCOME
    for host in [*hosts, "2001:db8:0:1::1"]:
        registry.release(host)
    assert (registry.total, dict(registry.hosts)) == (0, {})
