"""Turns: the processes that write one SQLite file queue at a lock file.

SQLite's own waiting is not fair: two busy writers shared 12 to 1, and one waited 4.5 s; at a lock file they share evenly.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from django.db import OperationalError

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
        """Raises: OperationalError where nobody here could take a turn: without it nothing of the file is written."""
        if fcntl is None:
            yield
            return
        with self.open() as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX)
            except OSError as error:  # A file system without locks, or out of them.
                raise self.failed(error) from error
            yield  # Closing the file gives the turn to the next.

    def check(self) -> None:
        """Open the file without waiting for a turn. Raises: OperationalError where nobody here could take one."""
        if fcntl is not None:
            self.open().close()

    def open(self) -> IO[bytes]:
        try:
            return self.path.open("ab")
        except OSError as error:
            raise self.failed(error) from error

    def failed(self, error: OSError) -> OperationalError:
        """Return an error that is taken for the database's own, which nobody can write now."""
        return OperationalError(f"{self.path.name}: {error.strerror or error}")
