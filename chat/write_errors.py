"""Write errors: what keeps a database from being written until an operator acts, unlike a lock that is let go."""

from __future__ import annotations

import errno
import sqlite3
from collections.abc import Iterator

FULL = "the disk is full"
READ_ONLY = "it is read-only"
DENIED = "permission denied"
DISK = "the disk fails"
OPEN = "its file cannot be opened"
DAMAGED = "its file is damaged"

SQLITE = {
    sqlite3.SQLITE_PERM: DENIED,
    sqlite3.SQLITE_READONLY: READ_ONLY,
    sqlite3.SQLITE_IOERR: DISK,
    sqlite3.SQLITE_CORRUPT: DAMAGED,
    sqlite3.SQLITE_FULL: FULL,
    sqlite3.SQLITE_CANTOPEN: OPEN,
    sqlite3.SQLITE_NOTADB: DAMAGED,
}
# PostgreSQL's manual, appendix A. A server that became a replica answers 25006.
POSTGRES = {
    "25006": READ_ONLY,
    "42501": DENIED,
    "53100": FULL,
    "58030": DISK,
    "XX001": DAMAGED,
    "XX002": DAMAGED,
}
# The lock file beside an SQLite database is opened for each transaction.
SYSTEM = {
    errno.ENOSPC: FULL,
    errno.EDQUOT: FULL,
    errno.EFBIG: FULL,
    errno.EROFS: READ_ONLY,
    errno.EACCES: DENIED,
    errno.EPERM: DENIED,
    errno.EIO: DISK,
    errno.ENOENT: OPEN,
    errno.ENOTDIR: OPEN,
    errno.EISDIR: OPEN,
}


def write_error(error: BaseException) -> str:
    """Return in words why nothing can be written; empty for a lock, a conflict, a time-out or a broken connection."""
    for cause in causes(error):
        found = (
            SQLITE.get(getattr(cause, "sqlite_errorcode", 0) & 0xFF)  # The other bits are SQLite's extended code.
            or POSTGRES.get(getattr(cause, "sqlstate", None) or "")
            or (SYSTEM.get(cause.errno or 0) if isinstance(cause, OSError) else None)
        )
        if found:
            return found
    return ""


def causes(error: BaseException | None) -> Iterator[BaseException]:
    """Yield an error and what caused it: Django wraps the driver's."""
    while error is not None:
        yield error
        error = error.__cause__
