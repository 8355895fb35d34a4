"""Open files: how many connections this process can have."""

from __future__ import annotations

# What a server has open beside its clients: the database, Redis, logs, libraries.
OTHER_FILES = 100


def raise_open_files_limit(wanted: int) -> int:
    """Raise the soft limit of open files to the hard one; return how many of `wanted` connections fit (0 = no limit)."""
    try:
        import resource
    except ImportError:  # Windows has no such limit.
        return wanted
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    except (ValueError, OSError):  # macOS calls its hard limit infinite, and refuses that as a soft one.
        hard = soft
    if hard == resource.RLIM_INFINITY:
        return wanted
    possible = max(1, hard - OTHER_FILES)
    return min(wanted, possible) or possible
