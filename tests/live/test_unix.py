"""Peers without an address: servers on a Unix socket, with and without TRUSTED_PROXIES=unix, and behind nginx."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from .behind import echo, turned_away
from .certificates import Certificate
from .conftest import QUIET
from .farm import Farm
from .proxies import Proxy, binary, on_socket, one_certificate  # noqa: F401  (fixtures)
from .services import require
from .sockets import RawSocket, Refused
from .unix import UnixServer, unix_server

PER_ADDRESS = 3
SECURE = ("X-Forwarded-Proto", "https")


@pytest.fixture(scope="module")
def trusting(farm: Farm, kind: str) -> Iterator[UnixServer]:
    """A server that believes its proxy over a Unix socket, and is served over https only."""
    variables = {**QUIET, "CHAT_MAX_CONNECTIONS_PER_IP": str(PER_ADDRESS), "TRUSTED_PROXIES": "unix", "HTTPS_ONLY": "1"}
    with unix_server(farm, kind, **variables) as made:
        yield made


@pytest.fixture(scope="module")
def wary(farm: Farm, kind: str) -> Iterator[UnixServer]:
    """A server that believes nobody, on a socket that was handed over."""
    with unix_server(farm, kind, handed=True, **QUIET) as made:
        yield made


def dial(server: UnixServer, *headers: tuple[str, str]) -> RawSocket:
    one = RawSocket(server.path)
    try:
        return one.open("/ws/volatile", headers=headers)
    except BaseException:
        one.drop()
        raise


@contextmanager
def hanging_up(one: RawSocket) -> Iterator[RawSocket]:
    try:
        yield one
    finally:
        one.drop()


# The lines of X-Forwarded-For, and whom the server takes the speaker for
HOPS: dict[str, tuple[list[str], str]] = {
    "an address": (["203.0.113.1"], "203.0.113.1:0"),
    "an address with its port": (["203.0.113.1:5678"], "203.0.113.1:5678"),
    "IPv6 with its port": (["[2001:db8::1]:80"], "[2001:db8::1]:80"),
    "IPv4 in IPv6": (["::ffff:203.0.113.2"], "203.0.113.2:0"),
    "several": (["1.1.1.1, 203.0.113.3"], "203.0.113.3:0"),
    "several lines": (["1.1.1.1", "203.0.113.4"], "203.0.113.4:0"),
    "unknown": (["unknown"], "unknown:0"),
    "hidden": (["_hidden"], "unknown:0"),
    "a zone": (["fe80::1%eth0"], "unknown:0"),
    "none": ([], "unknown:0"),
}


@pytest.mark.parametrize("case", HOPS)
def test_over_a_unix_socket_a_proxy_tells_who_comes(trusting: UnixServer, case: str) -> None:
    hops, address = HOPS[case]
    with hanging_up(dial(trusting, SECURE, *(("X-Forwarded-For", hop) for hop in hops))) as one:
        assert echo(one) == address


def test_the_own_origin_is_let_in_and_no_other(trusting: UnixServer) -> None:
    with hanging_up(dial(trusting, SECURE, ("Origin", "https://localhost"))) as one:
        assert echo(one)
    for headers in ([SECURE, ("Origin", "http://localhost")], [("Origin", "http://localhost")]):
        with pytest.raises(Refused):
            dial(trusting, *headers)


def test_limits_count_by_the_client_s_address(trusting: UnixServer) -> None:
    def come(address: str) -> RawSocket:
        ones.append(dial(trusting, SECURE, ("X-Forwarded-For", address)))
        return ones[-1]

    ones: list[RawSocket] = []
    try:
        for number in range(2 * PER_ADDRESS):
            assert not turned_away(lambda number=number: come(f"203.0.113.{100 + number}"))
        for _ in range(PER_ADDRESS):
            assert not turned_away(lambda: come("203.0.113.99"))
        assert turned_away(lambda: come("203.0.113.99"))
    finally:
        for one in ones:
            one.drop()


def test_no_page_is_redirected_to_itself(trusting: UnixServer) -> None:
    assert trusting.ask("/accounts/sign-in/", [SECURE]).status == 200
    plain = trusting.ask("/accounts/sign-in/", host="LOCALHOST:80")
    assert (plain.status, plain.headers["location"]) == (301, "https://localhost/accounts/sign-in/")


def test_without_the_variable_it_opens_sockets_and_pages_and_names_the_variable(wary: UnixServer) -> None:
    headers = [SECURE, ("X-Forwarded-For", "203.0.113.1")]
    assert wary.ask("/accounts/sign-in/", headers).status == 200
    with hanging_up(dial(wary, *headers, ("Origin", "http://localhost"))) as one:
        assert echo(one) == "unknown:0"
    with pytest.raises(Refused):
        dial(wary, *headers, ("Origin", "https://localhost"))
    assert wary.log().count("set TRUSTED_PROXIES=unix") == 2, "once for pages, once for sockets"


def test_through_nginx_over_a_unix_socket(
    trusting: UnixServer, certificate: Certificate, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    require(binary("nginx"), "nginx is not on PATH")
    proxy = Proxy("nginx", tmp_path, certificate, [("unix", trusting.path)] * 2).start()  # type: ignore[list-item]
    request.addfinalizer(proxy.end)
    assert proxy.get("/accounts/sign-in/").status == 200, "not redirected to itself"
    sock = proxy.stream("127.0.0.9")
    with hanging_up(on_socket(sock, ("127.0.0.1", proxy.port))) as one:
        one.open("/ws/volatile", host=f"localhost:{proxy.port}", headers=[("Origin", proxy.origin)])
        assert echo(one) == one.address
