"""The runner: what it starts, what it does when a server dies, and how it stops. Real servers: test_serve.py."""

from __future__ import annotations

import asyncio
import signal
import socket
from pathlib import Path

import pytest

from chat import runner
from chat.runner import Crew


class FakeChild:
    """A server that ends when it is told to, unless it is stubborn; nothing runs."""

    pids = iter(range(1000, 1_000_000))

    def __init__(self, *, stubborn: bool = False) -> None:
        self.pid = next(self.pids)
        self.stubborn = stubborn
        self.returncode: int | None = None
        self.ended = asyncio.Event()
        self.signals: list[int] = []

    async def wait(self) -> int:
        await self.ended.wait()
        assert self.returncode is not None
        return self.returncode

    def end(self, code: int) -> None:
        self.returncode = code
        self.ended.set()

    def send_signal(self, number: int) -> None:
        self.signals.append(number)
        if number == signal.SIGKILL or not self.stubborn:
            self.end(-number)


class Stage:
    """A crew with a clock and a sleep of the test's."""

    def __init__(self, *, stubborn: bool = False) -> None:
        self.time = 0.0
        self.pauses: list[float] = []
        self.born: list[FakeChild] = []
        self.stubborn = stubborn
        self.asleep = asyncio.Event()
        self.go_on = asyncio.Event()
        self.go_on.set()
        self.crew = Crew(self.spawn, self.sleep, lambda: self.time)

    async def spawn(self) -> FakeChild:
        child = FakeChild(stubborn=self.stubborn)
        self.born.append(child)
        return child

    async def sleep(self, seconds: float) -> None:
        self.pauses.append(seconds)
        self.asleep.set()
        await self.go_on.wait()

    async def number_born(self, count: int) -> None:
        async with asyncio.timeout(10):
            while len(self.born) < count or len(self.crew.children) < 1:
                await asyncio.sleep(0)


async def test_every_place_is_filled_and_all_are_told_to_drain_at_the_end() -> None:
    stage = Stage()
    stage.crew.start(3)
    await stage.number_born(3)
    assert await stage.crew.stop(5)
    assert [child.signals for child in stage.born] == [[signal.SIGTERM]] * 3


async def test_a_server_that_keeps_dying_is_started_again_after_growing_pauses() -> None:
    stage = Stage()
    stage.crew.start(1)
    for count in range(1, 8):
        await stage.number_born(count)
        stage.born[-1].end(1)
    await stage.number_born(8)
    await stage.crew.stop(5)
    assert stage.pauses == [1, 2, 4, 8, 16, 30, 30]


async def test_a_server_that_ran_for_long_is_started_again_soon(caplog: pytest.LogCaptureFixture) -> None:
    stage = Stage()
    stage.crew.start(1)
    for count, ran in enumerate((0, 0, 0, 31), 1):
        await stage.number_born(count)
        stage.time += ran
        stage.born[-1].end(-9)
    await stage.number_born(5)
    await stage.crew.stop(5)
    assert stage.pauses == [1, 2, 4, 1]
    assert f"server 1 (pid {stage.born[0].pid}) ended with -9; started again in 1 s" in caplog.messages


async def test_nothing_is_started_again_once_it_stops() -> None:
    stage = Stage()
    stage.go_on.clear()
    stage.crew.start(1)
    await stage.number_born(1)
    stage.born[0].end(1)
    async with asyncio.timeout(10):
        await stage.asleep.wait()
    assert await stage.crew.stop(5)
    assert len(stage.born) == 1


async def test_a_server_that_does_not_end_in_time_is_killed_and_said(caplog: pytest.LogCaptureFixture) -> None:
    stage = Stage(stubborn=True)
    stage.crew.start(2)
    await stage.number_born(2)
    assert not await stage.crew.stop(0.01)
    assert [child.signals for child in stage.born] == [[signal.SIGTERM, signal.SIGKILL]] * 2
    assert "2 servers were still there" in caplog.text


async def test_a_server_that_is_just_being_started_is_not_forgotten() -> None:
    stage = Stage()
    started, finish = asyncio.Event(), asyncio.Event()

    async def slow() -> FakeChild:
        started.set()
        await finish.wait()
        return await stage.spawn()

    stage.crew.spawn = slow
    stage.crew.start(1)
    async with asyncio.timeout(10):
        await started.wait()
        stopping = asyncio.create_task(stage.crew.stop(5))
        await asyncio.sleep(0)
        finish.set()
        assert await stopping
    assert [child.signals for child in stage.born] == [[signal.SIGTERM]]


def test_children_find_the_code_and_nothing_that_a_platform_set_for_uvicorn() -> None:
    given = {"A": "1", "PYTHONPATH": "/lib", "WEB_CONCURRENCY": "4", "UVICORN_PORT": "1", "FORWARDED_ALLOW_IPS": "*"}
    assert runner.child_environment(given, Path("/app")) == {"A": "1", "PYTHONPATH": "/app:/lib"}
    for zone in ("Asia/Tokyo", "EST5EDT", ""):
        assert runner.child_environment({"TZ": zone}, Path("/app"))["TZ"] == zone


@pytest.mark.parametrize("server", runner.SERVERS)
def test_no_server_is_started_with_an_access_log(server: str) -> None:
    line = " ".join(runner.command(server, runner.at_address(server, "::1", 80)))
    assert line.endswith("::1 --port 80 chatsite.asgi:application")
    assert {"daphne": "--verbosity 0", "uvicorn": "--no-access-log --log-level warning"}[server] in line


def test_a_shared_socket_may_be_bound_again_at_once_and_sends_without_delay() -> None:
    with runner.listen("127.0.0.1", 0) as listener:
        assert listener.getsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR)
        assert listener.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
        assert not listener.get_inheritable()
        assert runner.at_socket(listener) == ["--fd", str(listener.fileno())]


def test_a_taken_port_is_an_error_and_leaves_no_socket_open() -> None:
    with runner.listen("127.0.0.1", 0) as listener, pytest.raises(OSError, match="in use"):
        runner.listen(*listener.getsockname())
