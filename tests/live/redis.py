"""A Redis server of the test's own, that can be killed, frozen and started again on its port."""

from __future__ import annotations

import os
import signal
import subprocess
from pathlib import Path

import redis

from .servers import free_port
from .waiting import until


class RedisServer:
    """One redis-server process that keeps nothing on disk."""

    def __init__(self, binary: str, directory: Path) -> None:
        self.binary, self.directory = binary, directory
        self.port = free_port()
        self.popen: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    def start(self) -> RedisServer:
        """Start it on its port and wait until it answers."""
        with (self.directory / "redis.log").open("ab") as log:
            self.popen = subprocess.Popen(
                [self.binary, "--port", str(self.port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"],
                cwd=self.directory,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        until(self.answers, f"redis-server on port {self.port}", 30)
        return self

    def answers(self) -> bool:
        try:
            with self.client() as client:
                return bool(client.ping())
        except redis.RedisError:
            return False

    def client(self) -> redis.Redis:
        return redis.Redis(port=self.port, socket_timeout=5, socket_connect_timeout=5, decode_responses=True)

    def left(self) -> tuple[list[str], list[str]]:
        """Return the channels that somebody is subscribed to, and the keys."""
        with self.client() as client:
            return sorted(client.pubsub_channels()), sorted(client.keys())

    def kill(self) -> None:
        """kill -9; it stays down until `start`."""
        if self.popen is not None:
            if self.popen.poll() is None:
                os.kill(self.popen.pid, signal.SIGKILL)
            self.popen.wait(10)

    def terminate(self) -> None:
        """Ask it to end; it stays down until `start`."""
        if self.popen is not None:
            if self.popen.poll() is None:
                os.kill(self.popen.pid, signal.SIGTERM)
            self.popen.wait(10)

    def cut_clients(self) -> int:
        """Let it kill the connections of everybody else; return how many they were."""
        with self.client() as client:
            return sum(int(client.client_kill_filter(_type=kind, skipme=True)) for kind in ("normal", "pubsub"))

    def freeze(self) -> None:
        """Stop it in mid-air: connections stay open, nothing answers."""
        assert self.popen is not None
        os.kill(self.popen.pid, signal.SIGSTOP)

    def thaw(self) -> None:
        if self.popen is not None and self.popen.poll() is None:
            os.kill(self.popen.pid, signal.SIGCONT)
