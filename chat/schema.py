"""The schema: whether the database has the tables that this version of the code expects."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from django.db import connection
from django.db.migrations.loader import MigrationLoader

NAMED = 5


@dataclass(frozen=True, slots=True)
class Schema:
    """The migrations that the database lacks, and those that it has from a later version of the code."""

    missing: tuple[str, ...] = ()
    later: tuple[str, ...] = ()

    @property
    def state(self) -> str:
        """Return one word for a report."""
        return "missing" if self.missing else "newer" if self.later else "applied"

    @property
    def lack(self) -> str:
        """Return what is missing, and what to do, in one sentence; empty where nothing is."""
        return f"migrations are not applied ({named(self.missing)}): run manage.py migrate" if self.missing else ""


def named(migrations: Collection[str]) -> str:
    """Return the first few of many names."""
    more = len(migrations) - NAMED
    return ", ".join([*list(migrations)[:NAMED], *([f"and {more} more"] if more > 0 else [])])


def read() -> Schema:
    """Compare the database with the code.

    Raises: django.db.Error.
    """
    loader = MigrationLoader(connection)
    applied = loader.applied_migrations
    newest: dict[str, str] = {}
    for label, name in loader.disk_migrations:
        newest[label] = max(name, newest.get(label, ""))
    return Schema(
        tuple(sorted(f"{label}.{name}" for label, name in loader.graph.nodes if (label, name) not in applied)),
        # Of applications that are gone, and of files that were squashed away, rows may stay for ever.
        tuple(sorted(f"{label}.{name}" for label, name in applied if label in newest and name > newest[label])),
    )
