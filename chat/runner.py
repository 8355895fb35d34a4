"""The production runner: one server in this process's place, or several that share a listening socket."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import socket
import sys
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Protocol

logger = logging.getLogger("chat.serve")

APPLICATION = "chatsite.asgi:application"
BACKLOG = 1024  # a reconnect storm waits in the kernel, not in steps of a second
LEAST_BACK_OFF_SECONDS = 1.0
MOST_BACK_OFF_SECONDS = 30.0
SERVERS = ("daphne", "uvicorn")
# What each server is told so that no address with its query string, where a token may stand, gets into the log.
# Uvicorn tells WebSocket handshakes with their query at level info, also without an access log; forwarded headers are
# TRUSTED_PROXIES' matter, while uvicorn would believe whatever comes from 127.0.0.1.
QUIET = {
    "daphne": ["--verbosity", "0"],
    "uvicorn": ["--no-access-log", "--log-level", "warning", "--no-proxy-headers"],
}
# Platforms set these, and uvicorn obeys them: more processes than `--workers` says, another port, another proxy.
STRAY = ("WEB_CONCURRENCY", "FORWARDED_ALLOW_IPS", "UVICORN_")


def command(server: str, where: list[str]) -> list[str]:
    """Return the command line of a server that listens at `where`."""
    return [sys.executable, "-m", server, *QUIET[server], *where, APPLICATION]


def at_address(server: str, host: str, port: int) -> list[str]:
    """Return the options of a server that opens its own socket."""
    return ["--bind" if server == "daphne" else "--host", host, "--port", str(port)]


def at_socket(listener: socket.socket) -> list[str]:
    """Return the options of a server that is handed an open socket; see `can_share`."""
    return ["--fd", str(listener.fileno())]


def can_share(server: str, listener: socket.socket) -> bool:
    """Return whether a server can be handed a socket of this family.

    Daphne's endpoint `fd` takes every socket for IPv4: members would get addresses that are garbage (daphne 4.2.3,
    twisted/plugins/fd_endpoint.py; its parameter `domain` is not made a number, so it does not help).
    """
    return server != "daphne" or listener.family == socket.AF_INET


def child_environment(environment: Mapping[str, str], root: Path) -> dict[str, str]:
    """Return the environment that servers start with."""
    paths = [str(root), environment.get("PYTHONPATH", "")]
    kept = {name: value for name, value in environment.items() if not name.startswith(STRAY)}
    return {**kept, "PYTHONPATH": os.pathsep.join(filter(None, paths))}


def listen(host: str, port: int) -> socket.socket:
    """Return a listening socket for the servers to share.

    Raises: OSError.
    """
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    family, kind, protocol, _, address = found[0]
    listener = socket.socket(family, kind, protocol)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        # Accepted sockets inherit it; uvicorn takes the handed socket for a Unix one and would not set it.
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        listener.bind(address)
        listener.listen(BACKLOG)
    except OSError:
        listener.close()
        raise
    return listener


class Child(Protocol):
    """A server process, as asyncio gives it."""

    @property
    def pid(self) -> int: ...
    @property
    def returncode(self) -> int | None: ...
    async def wait(self) -> int: ...
    def send_signal(self, number: int) -> None: ...


Spawn = Callable[[], Awaitable[Child]]
Sleep = Callable[[float], Awaitable[None]]


class Crew:
    """Several servers; one that dies is replaced, after a pause that grows while it keeps dying."""

    def __init__(self, spawn: Spawn, sleep: Sleep, monotonic: Callable[[], float]) -> None:
        self.spawn = spawn
        self.sleep = sleep
        self.monotonic = monotonic
        self.children: set[Child] = set()
        self.keepers: list[asyncio.Task[None]] = []
        self.births: set[asyncio.Task[Child]] = set()

    def start(self, size: int) -> None:
        self.keepers = [asyncio.create_task(self.keep(number)) for number in range(1, size + 1)]

    async def keep(self, number: int) -> None:
        """Keep one place filled, for ever."""
        pause = LEAST_BACK_OFF_SECONDS
        while True:
            began = self.monotonic()
            child = await asyncio.shield(self._begin_birth())
            code = await child.wait()
            self.children.discard(child)
            if self.monotonic() - began >= MOST_BACK_OFF_SECONDS:
                pause = LEAST_BACK_OFF_SECONDS
            logger.warning("server %d (pid %d) ended with %d; started again in %g s", number, child.pid, code, pause)
            await self.sleep(pause)
            pause = min(2 * pause, MOST_BACK_OFF_SECONDS)

    def _begin_birth(self) -> asyncio.Task[Child]:
        birth = asyncio.create_task(self._bear())
        self.births.add(birth)
        birth.add_done_callback(self.births.discard)
        return birth

    async def _bear(self) -> Child:
        child = await self.spawn()
        self.children.add(child)
        return child

    async def stop(self, seconds: float) -> bool:
        """Let the servers drain, and kill who is still there after so long; return whether all went by themselves."""
        for keeper in self.keepers:
            keeper.cancel()
        # A process that is just being started must be known before it can be told to end.
        await asyncio.gather(*self.keepers, *self.births, return_exceptions=True)
        tell(self.children, signal.SIGTERM)
        if not self.children:
            return True
        waits = [asyncio.create_task(child.wait()) for child in self.children]
        _, late = await asyncio.wait(waits, timeout=seconds)
        if late:
            logger.error("%d servers were still there after %g s and are killed", len(late), seconds)
            tell(self.children, signal.SIGKILL)
            await asyncio.wait(late)
        return not late


def tell(children: set[Child], number: int) -> None:
    """Send a signal to every child that still lives."""
    for child in children:
        if child.returncode is None:
            child.send_signal(number)


def replace(server: str, host: str, port: int, environment: Mapping[str, str]) -> None:
    """Become a server: this process ends being the runner."""
    line = command(server, at_address(server, host, port))
    sys.stdout.flush()
    os.execvpe(line[0], line, environment)


async def supervise(
    server: str, listener: socket.socket, size: int, environment: Mapping[str, str], drain_seconds: float
) -> bool:
    """Run several servers on one socket until SIGTERM or SIGINT; return whether all ended by themselves."""

    async def spawn() -> Child:
        # A session of its own: Ctrl-C in a terminal reaches the runner alone, which tells the servers once.
        return await asyncio.create_subprocess_exec(
            *command(server, at_socket(listener)),
            env=environment,
            pass_fds=[listener.fileno()],
            start_new_session=True,
        )

    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    crew = Crew(spawn, asyncio.sleep, loop.time)
    crew.start(size)
    await stop.wait()
    listener.close()
    return await crew.stop(drain_seconds)
