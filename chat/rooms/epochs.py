"""Epochs: a log gets a new name where it may have lost what clients hold, as after a restore."""

from __future__ import annotations

from collections.abc import Callable, Collection
from contextlib import AbstractContextManager
from typing import Any

from django.db import connection, transaction

from chat.models import Room
from chat.models.room import new_epoch

Turn = Callable[[], AbstractContextManager[Any]]


class NoSuchRooms(Exception):
    """There are no rooms with these slugs."""

    def __init__(self, slugs: Collection[str]) -> None:
        super().__init__(f"There is no room {', '.join(map(repr, sorted(slugs)))}: nothing was done.")


def renew(slugs: Collection[str] | None, turn: Turn) -> int:
    """Give the logs of these rooms, or of all, new epochs; return how many. Members start over within two seconds.

    Raises: NoSuchRooms, django.db.Error; then nothing is done.
    """
    rooms = Room.objects.all() if slugs is None else Room.objects.filter(slug__in=slugs)
    with turn(), transaction.atomic(durable=True):
        # In order of id, as the writer locks them: nobody waits for another in a circle.
        found = list(rooms.order_by("pk").select_for_update().values_list("pk", "slug"))
        missing = set(slugs or ()) - {slug for _, slug in found}
        if missing:
            raise NoSuchRooms(missing)
        with connection.cursor() as cursor:
            cursor.executemany("UPDATE chat_room SET epoch = %s WHERE id = %s", [(new_epoch(), pk) for pk, _ in found])
    return len(found)
