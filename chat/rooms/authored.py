"""What one person has written and reacted with, in all rooms, read a page at a time."""

from __future__ import annotations

from collections.abc import Iterator

from chat.models import Room
from chat.rooms.recovery import select
from chat.rooms.rows import Row

# Rows in memory at once.
PAGE = 200


def messages_of(author: str) -> Iterator[tuple[str, Row]]:
    """Yield somebody's messages, each with its room's slug; room by room, in order of their numbers.

    Raises: django.db.Error.
    """
    for pk, slug in Room.objects.order_by("pk").values_list("pk", "slug"):
        number = 0
        while rows := select("number > %s AND author = %s ORDER BY number LIMIT %s", [pk, number, author, PAGE]):
            yield from ((slug, row) for row in rows)
            number = rows[-1].number


def reactions_of(author: str) -> Iterator[tuple[str, int, str]]:
    """Yield somebody's reactions, each as (room's slug, message, emoji); room by room, in order of the messages' numbers.

    Raises: django.db.Error.
    """
    like = f'%"{author}"%'
    for pk, slug in Room.objects.order_by("pk").values_list("pk", "slug"):
        number = 0
        while rows := select("number > %s AND reactions LIKE %s ORDER BY number LIMIT %s", [pk, number, like, PAGE]):
            yield from (
                (slug, row.number, emoji) for row in rows for emoji, ids in row.reacted().items() if author in ids
            )
            number = rows[-1].number
