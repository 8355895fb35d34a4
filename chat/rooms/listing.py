"""Listing: the rooms that somebody is in, as their pages and their own stream show them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from django.db.models import F
from django.db.models.functions import Coalesce

from chat.models import Membership, Room

# A conversation is called after those in it: so many by name, and how many others.
NAMED = 4
NAME = Coalesce(F("user__profile__name"), F("user__username"))


class Listed(NamedTuple):
    """One room of somebody's, with the fields of the wire's `room`. What is unread is `last` - `read`."""

    room: str
    title: str
    kind: str
    role: str
    last: int
    read: int
    mentions: int = 0

    @property
    def unread(self) -> int:
        return max(0, self.last - self.read)


def rooms_of(user: int) -> list[Listed]:
    """Return the rooms that a user is in, by title; a direct one is called after the others in it.

    Raises: django.db.Error.
    """
    rows = list(Membership.objects.filter(user=user).select_related("room"))
    titles = direct_titles((row.room for row in rows if row.room.kind == Room.Kind.DIRECT), user)
    listed = [
        Listed(row.room.slug, titles.get(row.room_id, row.room.title), row.room.kind, row.role, row.room.last, row.read)
        for row in rows
    ]
    return sorted(listed, key=lambda entry: (entry.title.casefold(), entry.room))


def direct_titles(rooms: Iterable[Room], user: int) -> dict[int, str]:
    """Return what direct rooms are called by one of those in them, by the rooms' ids; `user` 0 is none of them.

    Raises: django.db.Error.
    """
    found = {room.pk: room for room in rooms}
    if not found:
        return {}
    others: dict[int, list[str]] = {}
    rows = Membership.objects.filter(room__in=found).exclude(user=user)
    for room, name in rows.annotate(name=NAME).order_by("name").values_list("room", "name"):
        others.setdefault(room, []).append(name)
    # Who is left alone finds it by the name that it was given.
    return {pk: counted_names(others[pk]) if pk in others else room.title for pk, room in found.items()}


def counted_names(names: list[str]) -> str:
    """Return names in one line: the first few, and how many others."""
    shown = names if len(names) <= NAMED else [*names[: NAMED - 1], f"{len(names) - NAMED + 1} others"]
    return shown[0] if len(shown) == 1 else f"{', '.join(shown[:-1])} and {shown[-1]}"
