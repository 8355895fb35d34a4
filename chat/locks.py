"""Locks: what one transaction at a time looks at and then writes, whichever rows those are."""

from __future__ import annotations

import hashlib

from django.db import connection

# Held to give a unique username or name, to delete an account, and to save all fields of an account.
NAMES = "names"
# Held to remove a superuser. A transaction that needs both locks takes this one first.
ADMINISTRATORS = "administrators"


def hold(what: str) -> None:
    """Let other transactions that hold the same wait until this one ends.

    On SQLite a transaction that writes is the only one (`transaction_mode` in the settings), so there is nothing to do.

    Raises: django.db.Error.
    """
    if connection.vendor != "postgresql":
        return
    number = int.from_bytes(hashlib.sha256(f"chat {what}".encode()).digest()[:8], signed=True)
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [number])
