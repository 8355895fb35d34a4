"""A person's own rooms: what they are in each, and how far they have read."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from contextlib import AbstractContextManager
from typing import Any, NamedTuple

from django.db import connection, transaction

# Of one person's rooms so many are told, the latest they came to first.
MAX_ROOMS = 500

# A direct room is called after the others in it. One statement for all: it is made each second.
ROOMS = """
SELECT m.user_id, r.slug, CASE WHEN r.kind = 'direct' THEN COALESCE((
    SELECT {joined} FROM chat_membership o JOIN auth_user u ON u.id = o.user_id
    LEFT JOIN chat_profile p ON p.user_id = u.id WHERE o.room_id = r.id AND o.user_id <> m.user_id), r.title)
ELSE r.title END, r.kind, m.role, r.last, m.read, r.archived
FROM chat_membership m JOIN chat_room r ON r.id = m.room_id WHERE m.user_id IN ({users}) ORDER BY m.id DESC
"""
# SQLite goes through the others by their number anyway, by the index.
JOINED = {
    "postgresql": "STRING_AGG(COALESCE(p.name, u.username), ', ' ORDER BY o.user_id)",
    "sqlite": "GROUP_CONCAT(COALESCE(p.name, u.username), ', ')",
}
READ = """
UPDATE chat_membership SET read = %s WHERE user_id = %s AND read < %s
AND room_id = (SELECT id FROM chat_room WHERE slug = %s AND last >= %s)
"""


class Own(NamedTuple):
    """One room of somebody's: `last` is the number of its last message, `read` of the last one that they have read."""

    title: str
    kind: str
    role: str
    last: int
    read: int
    archived: bool

    @property
    def unread(self) -> int:
        return max(0, self.last - self.read)

    def told(self, slug: str) -> dict[str, Any]:
        """Return it as it stands in an envelope."""
        return {"room": slug, **self._asdict(), "archived": bool(self.archived)}


Rooms = dict[str, Own]


def rooms_of(users: Collection[int]) -> dict[int, Rooms]:
    """Return the rooms of each of these users, by slug.

    Raises: django.db.Error.
    """
    found: dict[int, Rooms] = {user: {} for user in users}
    if not found:
        return found
    joined = JOINED.get(connection.vendor, JOINED["sqlite"])
    with connection.cursor() as cursor:
        cursor.execute(ROOMS.format(users=", ".join(["%s"] * len(found)), joined=joined), list(found))
        for user, slug, *own in cursor.fetchall():
            if len(found[user]) < MAX_ROOMS:
                found[user][slug] = Own(*own)
    return found


def lasts(slugs: Collection[str]) -> dict[str, int]:
    """Return the number of the last message of each of these rooms.

    Raises: django.db.Error.
    """
    if not slugs:
        return {}
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT slug, last FROM chat_room WHERE slug IN ({', '.join(['%s'] * len(slugs))})", list(slugs)
        )
        return dict(cursor.fetchall())


def mark_read(reads: Iterable[tuple[int, str, int]], turn: Any) -> None:
    """Remember how far users have read in rooms, as (user, slug, number); nobody unreads, or reads what is not there.

    `turn()` is held around the transaction, as around every writer's.

    Raises: django.db.Error.
    """
    held: AbstractContextManager[Any] = turn()
    rows = [(number, user, number, slug, number) for user, slug, number in sorted(reads)]
    with held, transaction.atomic(), connection.cursor() as cursor:
        cursor.executemany(READ, rows)
