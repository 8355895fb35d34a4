"""What the files of deploy/ let through to the servers: headers, sizes, times, logs. The servers here are fakes that write it down."""

from __future__ import annotations

import http.client
import ssl
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from chat.bodies import MAX_BODY_BYTES

from . import without_ipv6
from .certificates import Certificate
from .proxies import HAS_IPV6, Proxy, each_kind, one_certificate, status  # noqa: F401  (fixtures)
from .services import require
from .upstreams import Request, Upstream
from .waiting import until

Open = Callable[..., Proxy]
# The time for headers, cut down so that nobody waits for ten seconds.
HASTY = {"nginx": {"client_header_timeout 10s;": "client_header_timeout 1s;"}}
HASTY["haproxy"] = {"timeout http-request 10s": "timeout http-request 1s"}
# Without its look at /readyz, which would spare it from asking a server that is gone.
UNCHECKED = {"nginx": {}, "haproxy": {"default-server check ": "default-server "}}
CUT_OFF_SECONDS = 10.0
SECRET = "a-secret-of-the-query"


@pytest.fixture(scope="module")
def open_proxy(
    proxy_kind: str, certificate: Certificate, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Open, list[Upstream]]]:
    """Start a proxy in front of two fakes."""
    made: list[Any] = []

    def start(changes: dict[str, str] | None = None) -> Proxy:
        proxy = Proxy(
            proxy_kind, tmp_path_factory.mktemp(proxy_kind), certificate, [one.address for one in fakes], changes
        )
        made.append(proxy)
        return proxy.start()

    fakes = [Upstream(), Upstream()]
    made += fakes
    yield start, fakes
    for one in reversed(made):
        one.end()


@pytest.fixture(scope="module")
def running(open_proxy: tuple[Open, list[Upstream]]) -> Proxy:
    return open_proxy[0]()


@pytest.fixture
def fakes(open_proxy: tuple[Open, list[Upstream]]) -> list[Upstream]:
    for one in open_proxy[1]:
        one.requests.clear()
    return open_proxy[1]


@pytest.fixture
def proxy(running: Proxy, fakes: list[Upstream]) -> Proxy:
    return running


def arrived(fakes: list[Upstream]) -> list[Request]:
    return [request for one in fakes for request in one.requests]


def test_the_file_is_lawful(proxy_kind: str, certificate: Certificate, tmp_path: Path) -> None:
    done = Proxy(proxy_kind, tmp_path, certificate, [("127.0.0.1", 9), ("127.0.0.1", 10)]).check()
    assert done.returncode == 0, done.stdout + done.stderr
    for line in (done.stdout + done.stderr).splitlines():
        # nginx 1.25.1 and later would rather have another word for HTTP/2; the file says so.
        assert "warn" not in line.lower() or '"http2" directive' in line, line


class WithoutIpv6(Proxy):
    """A proxy as on a machine whose kernel has no IPv6, with the file as it is."""

    def command(self, path: Path) -> list[str]:
        return [sys.executable, without_ipv6.__file__, *super().command(path)]


def test_the_file_starts_on_a_machine_without_ipv6(
    certificate: Certificate, proxy_kind: str, tmp_path: Path, fakes: list[Upstream]
) -> None:
    require(without_ipv6.can(), "a kernel without IPv6 is made up by seccomp, on x86_64 and aarch64")
    own = WithoutIpv6(proxy_kind, tmp_path, certificate, [one.address for one in fakes], ipv6=False)
    try:
        assert own.start().get("/").status == 200
        probe = [
            sys.executable,
            without_ipv6.__file__,
            sys.executable,
            "-c",
            "import socket; socket.socket(socket.AF_INET6)",
        ]
        assert (
            "Address family not supported" in subprocess.run(probe, capture_output=True, text=True, check=False).stderr
        )
    finally:
        own.end()


@pytest.mark.parametrize(
    "source", ["127.0.0.1", "127.0.0.9", pytest.param("::1", marks=pytest.mark.skipif(not HAS_IPV6, reason="no IPv6"))]
)
def test_the_address_the_scheme_and_the_host_are_what_the_proxy_saw_whatever_the_client_writes(
    proxy: Proxy, fakes: list[Upstream], source: str
) -> None:
    spoofed = [
        ("X-Forwarded-For", "198.51.100.7"),
        ("x-forwarded-for", "198.51.100.8, 127.0.0.1"),
        ("X-Forwarded-Proto", "http"),
        ("x-forwarded-proto", "ws"),
        ("Daphne-Root-Path", "/elsewhere"),
        ("daphne-root-path", "/elsewhere"),
    ]
    with closing(proxy.https(source)) as connection:
        port = connection.sock.getsockname()[1]
        connection.putrequest("GET", "/rooms/lobby?x=%20y")
        for name, value in spoofed:
            connection.putheader(name, value)
        connection.endheaders()
        assert connection.getresponse().read() == b"ok"
    (request,) = arrived(fakes)
    seen = f"[{source}]" if ":" in source else source
    assert request.values("X-Forwarded-For") == [f"{seen}:{port}"]
    assert request.values("X-Forwarded-Proto") == ["https"]
    assert request.values("Daphne-Root-Path") == []
    assert request.values("Host") == [f"localhost:{proxy.port}"]
    assert request.path == "/rooms/lobby?x=%20y"


def test_plain_http_is_sent_to_https_and_no_farther(proxy: Proxy, fakes: list[Upstream]) -> None:
    with closing(http.client.HTTPConnection("127.0.0.1", proxy.plain_port, timeout=15)) as connection:
        connection.request("GET", "/rooms/lobby?x=1", headers={"Host": "localhost"})
        response = connection.getresponse()
        assert response.status == 301
        assert response.headers["Location"] == "https://localhost/rooms/lobby?x=1"
    assert arrived(fakes) == []


HEALTH = [
    "/healthz",
    "/readyz",
    "/readyz/",
    "/readyz//",
    "/readyz?x=1",
    "/%72eadyz",
    "/readyz%2f",
    "/./readyz",
    "//readyz",
]


@pytest.mark.parametrize("path", HEALTH)
def test_how_the_servers_are_is_not_told_outside(proxy: Proxy, fakes: list[Upstream], path: str) -> None:
    proxy.get(path)
    for request in arrived(fakes):
        assert request.decoded.rstrip("/") not in ("/healthz", "/readyz"), "the server would answer this one"


def test_a_body_over_the_servers_limit_is_refused_before_it_is_sent(proxy: Proxy, fakes: list[Upstream]) -> None:
    head = f"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: {MAX_BODY_BYTES + 1}\r\n\r\n"
    assert status(proxy.stream(), head) == 413
    assert arrived(fakes) == []


def test_a_body_of_the_servers_limit_passes(proxy: Proxy, fakes: list[Upstream]) -> None:
    with closing(proxy.https()) as connection:
        connection.request("POST", "/", body=b"x" * MAX_BODY_BYTES)
        assert connection.getresponse().status == 200
    assert [request.body for request in arrived(fakes)] == [MAX_BODY_BYTES]


def test_headers_that_are_too_large_are_refused(proxy: Proxy, fakes: list[Upstream]) -> None:
    # Just over what each takes in one header and in all: 40 kB and 80 kB (nginx), 39 kB (HAProxy).
    count = {"nginx": 83, "haproxy": 42}[proxy.kind]
    many = "".join(f"X-{number}: {'x' * 1000}\r\n" for number in range(count))
    for headers in (f"X-Large: {'x' * 42_000}\r\n", many):
        assert status(proxy.stream(), f"GET / HTTP/1.1\r\nHost: localhost\r\n{headers}\r\n") in (400, 431)
    assert arrived(fakes) == []


def test_headers_that_trickle_and_silence_are_cut_off(
    open_proxy: tuple[Open, list[Upstream]], fakes: list[Upstream], proxy_kind: str
) -> None:
    hasty = open_proxy[0](HASTY[proxy_kind])
    silent, trickling = hasty.stream(), hasty.stream()
    began = time.monotonic()
    trickling.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\nX-Slow: ")

    def cut_off() -> bool:
        """Send one byte more, and look whether the proxy has had enough."""
        trickling.settimeout(0.1)
        try:
            trickling.sendall(b"x")
            return not trickling.recv(1 << 16) or True
        except TimeoutError:
            return False
        except (ConnectionError, ssl.SSLError):
            return True

    until(cut_off, "the proxy cuts off headers that trickle", CUT_OFF_SECONDS)
    assert time.monotonic() - began > 0.5, "it was cut off for something else"
    assert status(silent, "") in (0, 408), "silence is cut off too"
    assert time.monotonic() - began < CUT_OFF_SECONDS
    trickling.close()
    assert arrived(fakes) == []


def test_a_post_is_never_sent_twice(open_proxy: tuple[Open, list[Upstream]], fakes: list[Upstream]) -> None:
    own = open_proxy[0]()
    for one in fakes:
        one.drops = True
    try:
        with closing(own.https()) as connection:
            connection.request("POST", "/", body=b"once")
            assert connection.getresponse().status == 502
    finally:
        for one in fakes:
            one.drops = False
    assert [(request.method, request.body) for request in arrived(fakes)] == [("POST", 4)]


def test_what_one_server_refuses_to_take_goes_to_the_other(
    certificate: Certificate, proxy_kind: str, tmp_path: Path, fakes: list[Upstream]
) -> None:
    gone = Upstream()
    gone.end()
    own = Proxy(proxy_kind, tmp_path, certificate, [gone.address, fakes[0].address], UNCHECKED[proxy_kind]).start()
    try:
        for method in ("POST", "GET") * 3:
            with closing(own.https()) as connection:
                connection.request(method, "/", body=b"once" if method == "POST" else None)
                assert connection.getresponse().status == 200
        assert [request.method for request in fakes[0].requests] == ["POST", "GET"] * 3
    finally:
        own.end()


@pytest.mark.parametrize("upgrade", ["h2c", "anything"])
def test_no_other_upgrade_than_to_websocket_is_passed_on(proxy: Proxy, fakes: list[Upstream], upgrade: str) -> None:
    for path in ("/", "/ws"):
        proxy.get(path, {"Upgrade": upgrade, "Connection": "Upgrade, HTTP2-Settings", "HTTP2-Settings": "AAMAAABk"})
    assert arrived(fakes)
    assert [request.values("Upgrade") for request in arrived(fakes)] == [[]] * len(arrived(fakes))


def test_no_log_holds_a_query_string(proxy: Proxy, certificate: Certificate, proxy_kind: str, tmp_path: Path) -> None:
    gone = [Upstream(), Upstream()]
    for one in gone:
        one.end()
    alone = Proxy(proxy_kind, tmp_path, certificate, [one.address for one in gone]).start()
    try:
        for one, expected in ((proxy, {200}), (alone, {502, 503})):
            start = len(one.access_log())
            assert one.get(f"/logged?token={SECRET}", {"Referer": one.url(f"/?token={SECRET}")}).status in expected
            for path in (
                f"/invitations/{SECRET}/",
                f"/accounts/password/reset/MQ/{SECRET}/?x",
                f"//invitations/{SECRET}",
            ):
                assert one.get(path).status in expected
            for request in (
                f"GET /readyz?token={SECRET} HTTP/1.1\r\nHost: localhost\r\n\r\n",
                f"GET /?token={SECRET} HTTP/1.1\r\nHost: localhost\r\nX: {'x' * 42_000}\r\n\r\n",
                f"GET /?token={SECRET}\x01 HTTP/1.1\r\nHost: localhost\r\n\r\n",
                f"POST /large?token={SECRET} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99999999\r\n\r\n",
            ):
                assert 400 <= status(one.stream(), request) < 500
            for path in ("GET /logged ", "GET /invitations/*** ", "reset/MQ/*** ", "GET /readyz ", "POST /large "):
                until(
                    lambda: path in one.access_log()[start:], f"a line for {path!r} in {one.access_log()[start:]!r}", 10
                )
            assert SECRET not in one.access_log() + one.log()
    finally:
        alone.end()
