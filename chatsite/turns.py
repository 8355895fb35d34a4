"""Turns: the processes that write one SQLite file queue at a lock file.

SQLite's own waiting is not fair: two busy writers shared 12 to 1, and one waited 4.5 s; at a lock file they share evenly.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path


def turns_of(database: Path) -> Callable[[], contextlib.AbstractContextManager[None]]:
    """Return what is to be held around a transaction on an SQLite file."""
    try:
        import fcntl
    except ImportError:  # Windows has no flock.
        return contextlib.nullcontext
    path = database.with_name(f"{database.name}.turn")

    @contextlib.contextmanager
    def turn() -> Iterator[None]:
        with path.open("ab") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield  # Closing the file gives the turn to the next.

    return turn
