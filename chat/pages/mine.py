"""Mine: the rooms that somebody is in, as pages list them."""

from __future__ import annotations

from typing import Any

from chat.models import Room
from chat.rooms import own

# The fields of the wire's `room`, and `unread`.
Entry = dict[str, Any]


def entries_of(user: int) -> list[Entry]:
    """Return the rooms of a user, by title, those that are archived last; of 0, a guest, none.

    Raises: django.db.Error.
    """
    if not user:
        return []
    found = own.rooms_of([user])[user]
    entries = [{**it.told(slug), "unread": it.unread} for slug, it in found.items()]
    return sorted(entries, key=lambda entry: (entry["archived"], entry["title"].casefold(), entry["room"]))


def parted(entries: list[Entry]) -> dict[str, list[Entry]]:
    """Return rooms and direct conversations apart."""
    direct = [entry for entry in entries if entry["kind"] == Room.Kind.DIRECT]
    return {"rooms": [entry for entry in entries if entry not in direct], "direct": direct}
