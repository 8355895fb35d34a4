"""Versions: the mending was tried with these; another one gets a line in the log."""

from __future__ import annotations

import logging
from importlib.metadata import version

logger = logging.getLogger("chatsite.servers")


def check(package: str, tested: tuple[int, int]) -> None:
    """Say so where a package's major and minor version are not the ones that were tried."""
    found = tuple(int(part) for part in version(package).split(".")[:2] if part.isdigit())
    if found != tested:
        logger.warning(
            "%s %s is not the version that was tried (%d.%d): run `make test` before you rely on it",
            package,
            version(package),
            *tested,
        )
