"""A person's own rooms: what they are in each, and how far they have read."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from contextlib import AbstractContextManager
from typing import Any, NamedTuple

from django.db import connection, transaction

# Of one person's rooms so many are told: the latest they came to, and conversations last. Those anybody may begin with
# anybody, and many of them must not take the other rooms out of sight.
MAX_ROOMS = 500

# A direct room is called after the others in it. One statement for all: it is made each second.
ROOMS = """
SELECT o.user_id, o.slug, CASE WHEN o.kind = 'direct' THEN COALESCE((
    SELECT {joined} FROM chat_membership m JOIN auth_user u ON u.id = m.user_id
    LEFT JOIN chat_profile p ON p.user_id = u.id WHERE m.room_id = o.room_id AND m.user_id <> o.user_id), o.title)
ELSE o.title END, o.kind, o.role, o.last, o.read, o.archived
FROM (
    SELECT m.user_id, m.room_id, m.role, m.read, r.slug, r.title, r.kind, r.last, r.archived, ROW_NUMBER() OVER (
        PARTITION BY m.user_id ORDER BY CASE WHEN r.kind = 'direct' THEN 1 ELSE 0 END, m.id DESC) AS place
    FROM chat_membership m JOIN chat_room r ON r.id = m.room_id WHERE m.user_id IN ({users})
) AS o WHERE o.place <= {most} ORDER BY o.place
"""
# SQLite goes through the others by their number anyway, by the index.
JOINED = {
    "postgresql": "STRING_AGG(COALESCE(p.name, u.username), ', ' ORDER BY m.user_id)",
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

    def at(self, mark: Mark) -> Own:
        """Return it as its room stands now. A direct room has a name of its own for each who is in it."""
        title = self.title if self.kind == "direct" else mark.title
        return self._replace(last=max(self.last, mark.last), title=title, archived=mark.archived)

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
        places = ", ".join(["%s"] * len(found))
        cursor.execute(ROOMS.format(users=places, joined=joined, most=MAX_ROOMS), list(found))
        for user, slug, *own in cursor.fetchall():
            found[user][slug] = Own(*own)
    return found


class Mark(NamedTuple):
    """What is told of a room to all whose it is: `last` is the number of its last message."""

    last: int
    title: str
    archived: bool


def marks(slugs: Collection[str]) -> dict[str, Mark]:
    """Return how these rooms stand.

    Raises: django.db.Error.
    """
    if not slugs:
        return {}
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT slug, last, title, archived FROM chat_room WHERE slug IN ({', '.join(['%s'] * len(slugs))})",
            list(slugs),
        )
        return {slug: Mark(last, title, bool(archived)) for slug, last, title, archived in cursor.fetchall()}


def mark_read(reads: Iterable[tuple[int, str, int]], turn: Any) -> None:
    """Remember how far users have read in rooms, as (user, slug, number); nobody unreads, or reads what is not there.

    `turn()` is held around the transaction, as around every writer's.

    Raises: django.db.Error.
    """
    held: AbstractContextManager[Any] = turn()
    rows = [(number, user, number, slug, number) for user, slug, number in sorted(reads)]
    with held, transaction.atomic(), connection.cursor() as cursor:
        cursor.executemany(READ, rows)
