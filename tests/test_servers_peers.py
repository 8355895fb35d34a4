"""Peers."""

from __future__ import annotations

import ipaddress

import pytest

from chat.proxies import Trust
from chatsite.servers.peers import SPARE_CONNECTIONS, Peers

PROXIES = Trust(tuple(map(ipaddress.ip_network, ("192.0.2.0/24", "::1/128", "fe80::/10"))), unix=True)


def test_an_address_has_its_websockets_and_some_more_and_who_leaves_makes_room() -> None:
    peers = Peers(3, PROXIES)
    most = 3 + SPARE_CONNECTIONS
    assert [peers.admit("198.51.100.1") for _ in range(most + 2)] == [True] * most + [False] * 2
    assert peers.admit("198.51.100.2")
    for _ in range(2):
        peers.release("198.51.100.1")
    assert not peers.admit("198.51.100.1")
    for _ in range(2):
        peers.release("198.51.100.1")
    assert peers.admit("198.51.100.1")


@pytest.mark.parametrize("host", ["192.0.2.7", "::ffff:192.0.2.7", "::1", "fe80::1%eth0", ""])
def test_proxies_of_ours_are_not_limited(host: str) -> None:
    peers = Peers(1, PROXIES)
    assert all(peers.admit(host) for _ in range(5 * SPARE_CONNECTIONS))


def test_who_comes_without_an_address_is_one_client_unless_unix_is_trusted() -> None:
    peers = Peers(1, Trust(PROXIES.networks))
    most = 1 + SPARE_CONNECTIONS
    assert [peers.admit("") for _ in range(most + 1)] == [True] * most + [False]


def test_no_limit_for_websockets_is_none_for_http() -> None:
    peers = Peers(0, Trust())
    assert all(peers.admit("198.51.100.1") for _ in range(5 * SPARE_CONNECTIONS))


def test_an_address_that_is_gone_is_forgotten() -> None:
    peers = Peers(1, Trust())
    for host in ("198.51.100.1", "2001:db8::1", "2001:db8::2", ""):
        peers.admit(host)
    for host in ("198.51.100.1", "2001:db8::1", "2001:db8::2", ""):
        peers.release(host)
    assert dict(peers.count) == {}
