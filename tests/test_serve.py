"""`manage.py serve` with real servers."""

from __future__ import annotations

import dataclasses
import http.client
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from websockets.sync.client import connect

from chat.links import bracketed
from tests.live.servers import ROOT, Process, environment, free_port
from tests.live.waiting import until

START_SECONDS = 60
SERVERS = ["daphne", "uvicorn"]
MANAGE = [sys.executable, str(ROOT / "manage.py")]


@pytest.fixture(scope="module")
def migrated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database with its tables, to be copied."""
    var_dir = tmp_path_factory.mktemp("migrated")
    subprocess.run([*MANAGE, "migrate", "-v0"], env=environment(var_dir, {}), check=True, timeout=120)
    return var_dir / "chatsite.sqlite3"


@pytest.fixture
def tables(migrated: Path, tmp_path: Path) -> None:
    """Let what the test starts find its tables."""
    shutil.copy(migrated, tmp_path)


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Callable[..., Process]]:
    """Start `manage.py serve`; its children lead sessions of their own, and are ended by their pids."""
    made: list[Process] = []

    def start(*arguments: str, **variables: str) -> Process:
        runner = Process(
            [*MANAGE, "serve", *arguments],
            environment(tmp_path, {"SECRET_KEY": "for-this-test", "CHAT_DRAIN_SECONDS": "3", **variables}),
            tmp_path / "serve.log",
        )
        made.append(runner)
        runner.spawn()
        return runner

    yield start
    for runner in made:
        left = children(runner.pid) if runner.alive else []
        runner.end()
        for pid in left:
            if alive(pid):
                os.kill(pid, signal.SIGKILL)


def children(pid: int) -> list[int]:
    """Return the pids of a process's children."""
    found = subprocess.run(["ps", "-A", "-o", "pid=,ppid="], capture_output=True, text=True, check=True).stdout
    return [int(line.split()[0]) for line in found.splitlines() if int(line.split()[1]) == pid]


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def get(host: str, port: int, path: str = "/healthz") -> int | None:
    """Return an answer's status, or None where nobody answers."""
    connection = http.client.HTTPConnection(host, port, timeout=5)
    try:
        connection.request("GET", path)
        return connection.getresponse().status
    except (OSError, http.client.HTTPException):
        return None
    finally:
        connection.close()


def answers(runner: Process, host: str, port: int) -> None:
    until(
        lambda: not runner.alive or get(host, port) == 200,
        f"a server at {port}:\n{runner.log()[-2000:]}",
        START_SECONDS,
    )
    assert runner.alive, runner.log()


def unreachable_redis() -> str:
    """Return the address of a Redis that is not there: servers start without it, and say that it is down."""
    return f"redis://127.0.0.1:{free_port()}"


@pytest.mark.parametrize("server", SERVERS)
def test_one_worker_becomes_the_server_itself_prints_its_link_and_ends_by_sigterm(
    serve: Callable[..., Process], server: str
) -> None:
    port = free_port()
    runner = serve("--port", str(port), "--server", server)
    answers(runner, "127.0.0.1", port)
    assert f"Serving at http://127.0.0.1:{port}/" in runner.log()
    assert children(runner.pid) == []
    get("127.0.0.1", port, "/healthz?token=secret")
    assert runner.terminate() == (0 if server == "daphne" else -signal.SIGTERM)
    assert "secret" not in runner.log()
    assert "Traceback" not in runner.log()


@pytest.mark.parametrize(("server", "host"), [("daphne", "127.0.0.1"), ("uvicorn", "127.0.0.1"), ("uvicorn", "::1")])
def test_several_workers_share_a_socket_see_members_own_addresses_a_dead_one_is_replaced_and_all_drain(
    serve: Callable[..., Process], tables: None, server: str, host: str
) -> None:
    port = free_port_of(host)
    arguments = ["--host", host, "--port", str(port), "--workers", "2", "--server", server]
    runner = serve(*arguments, TZ="Asia/Tokyo", REDIS_URL=unreachable_redis())
    answers(runner, host, port)
    first = until(lambda: len(found := children(runner.pid)) == 2 and found, "two servers")
    assert all(b"TZ=Asia/Tokyo" in environ(pid) for pid in first)
    with connect(f"ws://{bracketed(host)}:{port}/ws", open_timeout=30) as member:
        member.send("hello")
        own = f"{bracketed(host)}:{member.local_address[1]}"
        assert member.recv(timeout=30) == f"{own} echo: hello"
    if host == "127.0.0.1":
        os.kill(first[0], signal.SIGKILL)
        runner.logged("ended with -9; started again in 1 s", seconds=30)
        until(lambda: len(set(children(runner.pid)) - {first[0]}) == 2, "another in its place", 30)
        answers(runner, host, port)
    last = children(runner.pid)
    assert runner.terminate() == 0
    assert not any(map(alive, last))
    assert get(host, port) is None


def environ(pid: int) -> list[bytes]:
    """Return a process's variables, where the system shows them."""
    path = Path(f"/proc/{pid}/environ")
    if not path.exists():
        pytest.skip("a process's environment is read from /proc, which this system does not have")
    return path.read_bytes().split(b"\0")


def test_several_daphnes_at_an_ipv6_address_are_refused_with_a_sentence(settings: Any) -> None:
    settings.CHAT = dataclasses.replace(settings.CHAT, redis_urls=("redis://127.0.0.1:1",))
    arguments = ["--host", "::1", "--port", str(free_port_of("::1")), "--workers", "2"]
    with pytest.raises(CommandError, match="Use --server uvicorn"):
        call_command("serve", *arguments)


def free_port_of(host: str) -> int:
    try:
        return free_port(host)
    except OSError:
        pytest.skip(f"this machine has no address {host}")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_during_the_start_ends_the_runner_and_what_it_started(
    serve: Callable[..., Process], number: int
) -> None:
    port = free_port()
    runner = serve("--port", str(port), "--workers", "2", REDIS_URL=unreachable_redis())
    found = until(lambda: len(found := children(runner.pid)) == 2 and found, "two servers", START_SECONDS)
    runner.signal(number)
    assert runner.wait() == 0
    assert not any(map(alive, found))


def test_several_workers_with_the_in_memory_layer_are_refused_with_a_sentence(settings: Any) -> None:
    settings.CHAT = dataclasses.replace(settings.CHAT, redis_urls=())
    with pytest.raises(CommandError, match="--workers 2 needs REDIS_URL"):
        call_command("serve", "--workers", "2")


def test_a_port_that_is_taken_is_said_in_a_sentence(settings: Any) -> None:
    settings.CHAT = dataclasses.replace(settings.CHAT, redis_urls=("redis://127.0.0.1:1",))
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(CommandError, match=f"Cannot listen at 127.0.0.1:{port}: Address already in use"):
            call_command("serve", "--workers", "2", "--port", str(port))


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--port", "0"], "expected a whole number from 1 to 65535, but '0' came"),
        (["--port", "65536"], "but '65536' came"),
        (["--workers", "two"], "expected a whole number from 1 to 256, but 'two' came"),
        (["--workers", "٣"], "but '٣' came"),
        (["--server", "gunicorn"], "invalid choice: 'gunicorn'"),
    ],
)
def test_an_option_that_makes_no_sense_is_refused(arguments: list[str], says: str) -> None:
    with pytest.raises(CommandError, match=re.escape(says)):
        call_command("serve", *arguments)
