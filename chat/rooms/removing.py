"""Removing: a room goes with all that was said in it, a few messages at a time."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import Any

from django.db import transaction

from chat.models import Broadcast, Invitation, Membership, Room
from chat.rooms import retention

Turn = Callable[[], AbstractContextManager[Any]]


def remove(room: Room, turn: Turn) -> Iterator[int]:
    """Remove a room; yield how many messages each transaction deleted.

    It is withdrawn first: whoever writes there is told that there is no such room, so that this comes to an end.

    Raises: django.db.Error; then what is left of the room may be removed again.
    """
    withdraw(room, turn)
    yield from retention.empty(room, turn)
    with turn(), transaction.atomic(durable=True):
        Room.objects.filter(pk=room.pk).delete()


def withdraw(room: Room, turn: Turn) -> None:
    """Take a room away from everybody: nobody finds or is in it, and its address and its people may have another one.

    Raises: django.db.Error.
    """
    with turn(), transaction.atomic(durable=True):
        # First the room, as the writer does it: nobody waits for another in a circle.
        if not Room.objects.select_for_update().filter(pk=room.pk).exists():
            return
        slug = f"removed-{secrets.token_hex(8)}"
        # What is left where this is cut short stands in the admin, and is nobody's to read or write.
        closed = {"kind": Room.Kind.MEMBERS, "guests": False, "archived": True}
        Room.objects.filter(pk=room.pk).update(slug=slug, party=None, **closed)
        for model in (Broadcast, Invitation, Membership):
            model.objects.filter(room=room).delete()
