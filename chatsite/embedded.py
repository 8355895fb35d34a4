"""Embedded: with the in-memory layer there is one server process."""

from __future__ import annotations

import os
import time
from pathlib import Path

WAIT_SECONDS = 10.0
POLL_SECONDS = 0.1


def be_the_only_one(var_dir: Path) -> int:
    """Lock `embedded.lock` until this process ends, however it ends; return the lock's file descriptor.

    A server that is being replaced gets WAIT_SECONDS to end.

    Raises: SystemExit where another process keeps it.
    """
    try:
        import fcntl
    except ImportError:  # Windows has no flock.
        return -1
    path = var_dir / "embedded.lock"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise SystemExit(
            f"chatsite: {path} cannot be opened ({error.strerror}): set CHAT_VAR_DIR to a directory that can be written."
        ) from None
    deadline = time.monotonic() + WAIT_SECONDS
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > deadline:
                raise SystemExit(
                    f"chatsite: another server process holds {path}. With the in-memory layer there can be only one: "
                    "stop it, or set REDIS_URL to run several."
                ) from None
            time.sleep(POLL_SECONDS)
        except OSError as error:
            raise SystemExit(
                f"chatsite: {path} cannot be locked ({error.strerror}): set CHAT_VAR_DIR to a directory on a file system "
                "that has locks."
            ) from None
        else:
            return descriptor
