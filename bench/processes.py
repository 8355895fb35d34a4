"""Servers as real processes: started on a core, awaited, measured, ended."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from bench.cores import pin

START_SECONDS = 30.0
STOP_SECONDS = 15.0  # a drain may take 8
POLL_SECONDS = 0.02


class NotStarted(Exception):
    """A server did not come up; the message holds the end of its log."""


@dataclass(frozen=True)
class Running:
    """A server that accepts connections on 127.0.0.1."""

    process: subprocess.Popen[bytes]
    port: int
    log: Path

    def rss(self) -> int:
        """Return the resident bytes of the process and its children."""
        return sum(_rss(pid) for pid in _family(self.process.pid))


def free_port() -> int:
    """Return a port of 127.0.0.1 that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def running(
    command: Sequence[str], port: int, log: Path, core: int | None, cwd: Path, env: Mapping[str, str]
) -> Iterator[Running]:
    """Run a server until the block ends. Raises NotStarted."""
    with log.open("wb") as out:
        process = subprocess.Popen(
            command, cwd=cwd, env=dict(env), stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT,
            start_new_session=True, preexec_fn=partial(pin, core),
        )  # fmt: skip
    try:
        _await_port(process, port, log)
        yield Running(process, port, log)
    finally:
        _end(process)


def _await_port(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while not _accepts(port):
        if process.poll() is not None or time.monotonic() > deadline:
            tail = log.read_text(errors="replace")[-2000:]
            raise NotStarted(f"expected a server on port {port}, its process says:\n{tail}")
        time.sleep(POLL_SECONDS)


def _accepts(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _end(process: subprocess.Popen[bytes]) -> None:
    """End the process by SIGTERM, and whatever is left of its own session by SIGKILL."""
    process.terminate()
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        return  # as it should be: nobody was left


def _family(pid: int) -> list[int]:
    """Return a process and its descendants (proc(5): /proc/PID/task/TID/children)."""
    family = [pid]
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        for child in task.read_text().split():
            family += _family(int(child))
    return family


def _rss(pid: int) -> int:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) * 1024
    raise ProcessLookupError(f"process {pid} has no VmRSS: it has ended")
