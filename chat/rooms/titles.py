"""Titles: what direct conversations are called."""

from __future__ import annotations

from collections.abc import Sequence

from django.db.models import F
from django.db.models.functions import Coalesce

from chat.models import Membership, Room

# What a member is called: by the name that they chose, or that of their account.
NAME = Coalesce(F("user__profile__name"), F("user__username"))
# What a direct conversation is called where there is nobody to call it after. Names do not stand in its row: they would
# outlast a rename, and an erasure.
DIRECT = "Direct conversation"
# Of many people so many are named.
NAMED = 4


def title_for(room: Room, user: int) -> str:
    """Return what a room is called by a user who reads it: a direct one after the others in it, as in the list (own.py).

    Raises: django.db.Error.
    """
    if room.kind != Room.Kind.DIRECT:
        return room.title
    others = Membership.objects.filter(room=room).exclude(user=user).order_by("user")
    # Who is left alone finds DIRECT there, or that the other was erased (erasing.py).
    return ", ".join(others.annotate(name=NAME).values_list("name", flat=True)) or room.title


def counted_names(names: Sequence[str]) -> str:
    """Return names in one line: the first few, and how many others."""
    shown = names if len(names) <= NAMED else [*names[: NAMED - 1], f"{len(names) - NAMED + 1} others"]
    return shown[0] if len(shown) == 1 else f"{', '.join(shown[:-1])} and {shown[-1]}"
