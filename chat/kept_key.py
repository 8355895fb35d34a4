"""A key that is made once and kept in a file, however many processes start at once, on whatever file system."""

from __future__ import annotations

import contextlib
import errno
import os
import time
from collections.abc import Callable
from pathlib import Path

# Who has made the file has written it by then.
WRITE_SECONDS = 5.0
POLL_SECONDS = 0.02


def kept_key(path: Path, make: Callable[[], str]) -> str:
    """Return the key in a file, made when it is first wanted. Raises: OSError."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.exists():
        create(path, make())
    deadline = time.monotonic() + WRITE_SECONDS
    while not (key := path.read_text("utf-8").strip()):
        if time.monotonic() > deadline:
            raise OSError(errno.ENODATA, "it is empty; remove it, and a new one is made", str(path))
        time.sleep(POLL_SECONDS)
    return key


def create(path: Path, key: str) -> None:
    """Write a key where none is; one that another process has put there meanwhile stays."""
    fresh = path.with_name(f"{path.name}.{os.getpid()}")
    write(fresh, key, os.O_TRUNC)
    try:
        # Linked into place whole, so that nobody reads half a key.
        with contextlib.suppress(FileExistsError):
            os.link(fresh, path)
    except OSError:  # A file system without hard links: vfat, some network and bind mounts.
        with contextlib.suppress(FileExistsError):
            write(path, key, os.O_EXCL)
    finally:
        fresh.unlink()


def write(path: Path, key: str, flag: int) -> None:
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | flag, 0o600), "w", encoding="utf-8") as file:
        file.write(key)
