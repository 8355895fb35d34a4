"""Proxies: whose word is believed."""

from __future__ import annotations

import asyncio
import ipaddress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chat.conf import Network
from chat.proxies import Proxies, Trust, split_hop

PEER = ("10.0.0.5", 4444)
NETWORKS = tuple(map(ipaddress.ip_network, ("10.0.0.0/8", "fd00::/8", "203.0.113.9", "fe80::/10")))
TRUSTED = Trust(NETWORKS)


async def seen(
    peer: Any,
    *forwarded: str,
    proto: str | None = None,
    kind: str = "websocket",
    scheme: str = "ws",
    trust: Trust = TRUSTED,
) -> dict[str, Any]:
    """Return the scope that the application sees."""
    headers = [(b"host", b"chat.example"), *((b"x-forwarded-for", hop.encode("latin-1")) for hop in forwarded)]
    if proto is not None:
        headers.append((b"x-forwarded-proto", proto.encode()))
    found: list[dict[str, Any]] = []

    async def application(scope: dict[str, Any], receive: Any, send: Any) -> None:
        found.append(scope)

    scope = {"type": kind, "scheme": scheme, "client": peer, "headers": headers}
    await Proxies(application, trust)(scope, None, None)
    return found[0]


# what X-Forwarded-For held, header by header, and the client that comes of it behind a trusted peer
TABLE: list[tuple[list[str], tuple[str, int]]] = [
    (["198.51.100.1"], ("198.51.100.1", 0)),
    (["198.51.100.1:5000"], ("198.51.100.1", 5000)),
    (["  198.51.100.1  "], ("198.51.100.1", 0)),
    (["2001:db8::1"], ("2001:db8::1", 0)),
    (["[2001:db8::1]"], ("2001:db8::1", 0)),
    (["[2001:db8::1]:5000"], ("2001:db8::1", 5000)),
    (["2001:DB8:0::1"], ("2001:db8::1", 0)),
    (["::ffff:198.51.100.1"], ("198.51.100.1", 0)),
    # The right-most that is no proxy of ours: what stands left of it is the client's own word
    (["1.1.1.1, 198.51.100.1"], ("198.51.100.1", 0)),
    (["1.1.1.1, 198.51.100.1, 10.0.0.7"], ("198.51.100.1", 0)),
    (["1.1.1.1, 198.51.100.1, 10.0.0.7, 203.0.113.9"], ("198.51.100.1", 0)),
    (["1.1.1.1, 198.51.100.1, fd00::7"], ("198.51.100.1", 0)),
    (["198.51.100.1, ::ffff:10.0.0.7"], ("198.51.100.1", 0)),
    (["10.0.0.8, 198.51.100.1"], ("198.51.100.1", 0)),
    (["127.0.0.1, 198.51.100.1"], ("198.51.100.1", 0)),
    (["garbage, 198.51.100.1"], ("198.51.100.1", 0)),
    # Several headers are one list, in order
    (["1.1.1.1", "198.51.100.1"], ("198.51.100.1", 0)),
    (["198.51.100.1", "10.0.0.7"], ("198.51.100.1", 0)),
    # Only proxies: the one farthest away
    (["10.0.0.8, 10.0.0.7"], ("10.0.0.8", 0)),
    # A hop that makes no sense ends the chain at the last one that did
    (["198.51.100.1, garbage"], PEER),
    (["198.51.100.1, unknown"], PEER),
    (["198.51.100.1, _hidden"], PEER),
    (["198.51.100.1, unix:"], PEER),
    (["198.51.100.1, garbage, 10.0.0.7"], ("10.0.0.7", 0)),
    (["198.51.100.1, 999.1.1.1"], PEER),
    (["198.51.100.1, 1.2.3"], PEER),
    (["198.51.100.1, 010.0.0.7"], PEER),
    (["198.51.100.1, [::1"], ("::1", 0)),
    (["198.51.100.1, \xff"], PEER),
    (["' OR 1=1"], PEER),
    ([""], PEER),
    ([" , , "], PEER),
    ([], PEER),
    # Ports that make no sense
    (["198.51.100.1:99999"], ("198.51.100.1", 0)),
    (["198.51.100.1:-1"], ("198.51.100.1", 0)),
    (["198.51.100.1:x"], ("198.51.100.1", 0)),
    (["198.51.100.1:"], ("198.51.100.1", 0)),
    (["198.51.100.1:\xb2"], ("198.51.100.1", 0)),
    (["[2001:db8::1]x"], ("2001:db8::1", 0)),
]


@pytest.mark.parametrize(("forwarded", "client"), TABLE, ids=[str(hops) for hops, _ in TABLE])
async def test_behind_a_trusted_proxy_the_client_is_the_right_most_hop_that_is_none(
    forwarded: list[str], client: tuple[str, int]
) -> None:
    assert (await seen(PEER, *forwarded))["client"] == client


@pytest.mark.parametrize(
    "peer",
    [
        ("198.51.100.1", 1),
        ("127.0.0.1", 1),
        ("11.0.0.1", 1),
        ("::1", 1),
        ("2001:db8::1", 1),
        ("::ffff:11.0.0.1", 1),
        ("", 0),
        ("unix", 0),
        None,
    ],
    ids=str,
)
async def test_nobody_elses_word_is_believed(peer: Any) -> None:
    scope = await seen(peer, "1.1.1.1", proto="https")
    assert (scope["client"], scope["scheme"]) == (peer, "ws")


@pytest.mark.parametrize("peer", [None, ("", 0), ["", 0]], ids=str)
@pytest.mark.parametrize(
    ("hops", "client"),
    [
        (["198.51.100.1:5678"], ("198.51.100.1", 5678)),
        (["[2001:db8::1]:80"], ("2001:db8::1", 80)),
        (["::ffff:198.51.100.1"], ("198.51.100.1", 0)),
        (["1.1.1.1, 198.51.100.1, 10.0.0.7"], ("198.51.100.1", 0)),
        (["unknown"], None),
        (["_hidden"], None),
        (["fe80::1%eth0"], None),
        ([], None),
    ],
    ids=str,
)
async def test_with_unix_whoever_comes_without_an_address_is_believed(
    peer: Any, hops: list[str], client: tuple[str, int] | None
) -> None:
    scope = await seen(peer, *hops, proto="https", trust=Trust(NETWORKS, unix=True))
    assert (scope["client"], scope["scheme"]) == (client or peer, "wss")


async def test_a_peer_of_a_trusted_link_local_network_comes_with_its_zone() -> None:
    assert (await seen(("fe80::1%eth0", 1), "198.51.100.1"))["client"] == ("198.51.100.1", 0)


async def test_a_server_on_a_unix_socket_names_the_variable_once(caplog: pytest.LogCaptureFixture) -> None:
    async def application(scope: Any, receive: Any, send: Any) -> None:
        """Take everything."""

    proxies = Proxies(application, TRUSTED)
    for _ in range(2):
        await proxies({"type": "http", "scheme": "http", "client": None, "headers": []}, None, None)
    (line,) = caplog.messages
    assert "set TRUSTED_PROXIES=unix" in line


@pytest.mark.parametrize(
    ("hops", "proto", "client", "scheme"),
    [
        ("198.51.100.1, unix:", "https, http", ("198.51.100.1", 0), "wss"),
        ("198.51.100.1, unix:, unix:", "https", ("198.51.100.1", 0), "wss"),
        ("198.51.100.1, unix:, 10.0.0.7", "http", ("198.51.100.1", 0), "ws"),
        ("198.51.100.1, 10.0.0.7, unix:", "http", ("198.51.100.1", 0), "ws"),
        ("1.1.1.1, unix:, 198.51.100.1", "https", ("198.51.100.1", 0), "wss"),
        ("garbage, 10.0.0.7, unix:", "https", ("10.0.0.7", 0), "wss"),
        ("garbage, unix:", "https", None, "wss"),
        ("unix:", "https", None, "wss"),
        ("198.51.100.1, unix:/run/x", "https", None, "wss"),
    ],
)
async def test_behind_trusted_unix_sockets_a_proxy_on_one_is_a_hop_of_ours(
    hops: str, proto: str, client: Any, scheme: str
) -> None:
    found = await seen(None, hops, proto=proto, trust=Trust(NETWORKS, unix=True))
    assert (found["client"], found["scheme"]) == (client, scheme)


async def test_a_trusted_proxy_may_speak_ipv6_or_ipv4_mapped_into_it() -> None:
    for peer in ("fd00::1", "::ffff:10.0.0.5"):
        assert (await seen((peer, 1), "198.51.100.1"))["client"] == ("198.51.100.1", 0)


@pytest.mark.parametrize(
    ("kind", "proto", "scheme"),
    [
        ("websocket", "https", "wss"),
        ("websocket", "wss", "wss"),
        ("websocket", "http", "ws"),
        ("websocket", "HTTPS", "wss"),
        ("websocket", "http, https", "ws"),
        ("websocket", "https, http", "wss"),
        ("websocket", "https,http,http", "wss"),
        ("websocket", "gopher", "ws"),
        ("websocket", "gopher, https", "wss"),
        ("websocket", "", "ws"),
        ("websocket", None, "ws"),
        ("http", "https", "https"),
        ("http", "wss", "https"),
        ("http", "http", "http"),
        ("http", None, "http"),
    ],
)
async def test_the_scheme_is_the_one_that_the_client_s_own_proxy_tells(
    kind: str, proto: str | None, scheme: str
) -> None:
    own = "ws" if kind == "websocket" else "http"
    assert (await seen(PEER, proto=proto, kind=kind, scheme=own))["scheme"] == scheme


# X-Forwarded-For, X-Forwarded-Proto, and what comes of them behind a trusted peer
HOPS_AND_SCHEMES = [
    ("198.51.100.1, 10.0.0.7", "https, http", "wss"),
    ("198.51.100.1, 10.0.0.7", "http, https", "ws"),
    ("198.51.100.1, 10.0.0.7, 10.0.0.8", "https, http, http", "wss"),
    # What stands left of the client's hop is the client's own word
    ("1.1.1.1, 198.51.100.1", "https, http", "ws"),
    ("1.1.1.1, 198.51.100.1, 10.0.0.7", "https, http, http", "ws"),
    ("1.1.1.1, 198.51.100.1, 10.0.0.7", "http, https, http", "wss"),
    # Another number of hops: the left-most
    ("198.51.100.1", "https, http", "wss"),
    ("198.51.100.1, 10.0.0.7", "https", "wss"),
    ("198.51.100.1, garbage", "https, http", "wss"),
]


@pytest.mark.parametrize(("hops", "proto", "scheme"), HOPS_AND_SCHEMES)
async def test_behind_several_proxies_the_scheme_is_that_of_the_client_s_hop(
    hops: str, proto: str, scheme: str
) -> None:
    assert (await seen(PEER, hops, proto=proto))["scheme"] == scheme


async def test_the_scope_of_the_server_is_not_changed() -> None:
    scope = {
        "type": "websocket",
        "scheme": "ws",
        "client": PEER,
        "headers": [(b"x-forwarded-for", b"198.51.100.1"), (b"x-forwarded-proto", b"https")],
    }
    before = dict(scope)

    async def application(seen: dict[str, Any], receive: Any, send: Any) -> None:
        assert seen["client"] == ("198.51.100.1", 0)

    await Proxies(application, TRUSTED)(scope, None, None)
    assert scope == before


async def test_a_proxy_that_is_perhaps_ours_and_not_trusted_is_told_of_once(caplog: pytest.LogCaptureFixture) -> None:
    async def application(scope: Any, receive: Any, send: Any) -> None:
        """Take everything."""

    proxies = Proxies(application, Trust())
    forwarded = [(b"x-forwarded-for", b"198.51.100.1")]
    for peer, headers in (
        ("8.8.8.8", forwarded),
        ("172.17.0.1", []),
        ("172.17.0.1", forwarded),
        ("10.0.0.1", forwarded),
    ):
        await proxies({"type": "http", "scheme": "http", "client": (peer, 1), "headers": headers}, None, None)
    (line,) = caplog.messages
    assert "set TRUSTED_PROXIES=172.17.0.1" in line


ADDRESSES = st.ip_addresses().map(str)
HOPS = ADDRESSES | st.text(st.characters(max_codepoint=255), max_size=20) | st.sampled_from(["10.0.0.1", "fd00::1"])


@given(st.lists(HOPS, max_size=5), ADDRESSES.filter(lambda address: not trusted(address)))
def test_nothing_that_a_client_writes_changes_the_address_that_the_proxy_saw(spoofed: list[str], client: str) -> None:
    seen: list[Any] = []

    async def application(scope: Any, receive: Any, send: Any) -> None:
        seen.append(scope["client"])

    hops = [part.strip() for hop in spoofed for part in hop.split(",")]
    mapped = getattr(ipaddress.ip_address(client), "ipv4_mapped", None)
    headers = [(b"x-forwarded-for", ", ".join([*hops, client, "10.0.0.7"]).encode("latin-1"))]
    scope = {"type": "http", "scheme": "http", "client": PEER, "headers": headers}
    asyncio.run(Proxies(application, TRUSTED)(scope, None, None))
    assert seen == [(str(mapped or client), 0)]


def trusted(address: str) -> bool:
    found: Any = ipaddress.ip_address(address)
    found = getattr(found, "ipv4_mapped", None) or found
    networks: tuple[Network, ...] = NETWORKS
    return any(found in network for network in networks)


@given(st.text(max_size=40))
def test_no_hop_raises(hop: str) -> None:
    address, port = split_hop(hop)
    assert address is None or str(address)
    assert 0 <= port < 65536


@pytest.mark.parametrize("hop", ["1.2.3.4:" + "1" * 5000, "1.2.3.4:65536", "1.2.3.4:-1", "1.2.3.4:１２"])
def test_a_port_that_is_none_is_port_0(hop: str) -> None:
    assert split_hop(hop) == (ipaddress.ip_address("1.2.3.4"), 0)


def test_an_address_with_a_zone_is_none() -> None:
    assert split_hop("[fe80::1%anything at all]")[0] is None
