"""Rights: what the database says somebody is in a room."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, NamedTuple

from django.db import connection

from chat.rooms.permissions import (
    CLOSED,
    COLUMNS,
    NOBODY,
    ROLES,
    SITE_MODERATORS,
    Policy,
    Role,
    Standing,
    check_read,
    may_read,
)
from chat.rooms.rows import marks
from chat.wire.events import Person

# One row for each room and user asked after, whether a member or not; of no account, or a closed one, none.
SELECT = """
SELECT r.id, u.id, COALESCE(m.role, ''), u.is_superuser OR EXISTS (
    SELECT 1 FROM auth_user_groups ug JOIN auth_group g ON g.id = ug.group_id WHERE ug.user_id = u.id AND g.name = %s)
FROM chat_room r CROSS JOIN auth_user u LEFT JOIN chat_membership m ON m.room_id = r.id AND m.user_id = u.id
WHERE u.is_active AND r.id = %s AND u.id IN ({users})
"""


def user_of(person: Person) -> int:
    """Return the number of somebody's account, or 0 where they have none."""
    kind, _, number = person.id.partition(":")
    return int(number) if kind == "user" and number.isascii() and number.isdigit() else 0


def standings(cursor: Any, wanted: dict[int, set[int]]) -> dict[tuple[int, int], Standing]:
    """Return what users are in rooms, by (room's id, user's id). `wanted` has the users of each room.

    Raises: django.db.Error.
    """
    found: dict[tuple[int, int], Standing] = {}
    for room, users in wanted.items():
        cursor.execute(SELECT.format(users=marks(users)), [SITE_MODERATORS, room, *users])
        for place, user, role, moderates in cursor.fetchall():
            found[place, user] = Standing(ROLES[role], bool(moderates))
    return found


class Reader(NamedTuple):
    """Somebody who wants to read; `granted` is the role that their token gives them in the room."""

    person: Person
    granted: Role = Role.NONE


def heeded(policy: Policy, reader: Reader) -> Reader:
    """Return a reader whose token says nothing of a direct conversation: that is for those who are in it."""
    return reader._replace(granted=Role.NONE) if policy.kind == "direct" else reader


def standing(room: int, reader: Reader) -> Standing:
    """Return what somebody is in a room.

    Raises: django.db.Error.
    """
    return all_standings(room, [reader])[reader.person.id]


def all_standings(room: int, readers: Collection[Reader]) -> dict[str, Standing]:
    """Return what people are in a room, by their ids.

    Raises: django.db.Error.
    """
    users = {user_of(reader.person) for reader in readers} - {0}
    found: dict[tuple[int, int], Standing] = {}
    if users:
        with connection.cursor() as cursor:
            found = standings(cursor, {room: users})
    known: dict[str, Standing] = {}
    for person, granted in readers:
        own = found.get((room, user_of(person)), NOBODY)
        own = own if own.role >= granted else own._replace(role=granted)
        # Somebody may be here twice, by two tokens.
        known[person.id] = max(known.get(person.id, own), own)
    return known


def check_reader(room: int, policy: Policy, reader: Reader) -> None:
    """Refuse who may not read in a room, as it is now.

    Asked after what they want to read has been read: whatever that held was written while they might read it.

    Raises: WireError, django.db.Error.
    """
    if not policy.open:
        check_read(policy, reader.person, standing(room, heeded(policy, reader)))


def outsiders(room: int, policy: Policy, readers: Collection[Reader]) -> frozenset[str]:
    """Return the ids of those who may not read in a room now.

    Raises: django.db.Error.
    """
    if policy.open:
        return frozenset()
    known = all_standings(room, [heeded(policy, reader) for reader in readers])
    return frozenset(
        reader.person.id for reader in readers if not may_read(policy, reader.person, known[reader.person.id])
    )


def read(slug: str, readers: Collection[Reader]) -> tuple[Policy, dict[str, Standing]]:
    """Return a room's policy and what people are in it, by their ids; of a room that is no more what nobody may.

    Raises: django.db.Error.
    """
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT id, {', '.join(COLUMNS)} FROM chat_room WHERE slug = %s", [slug])
        row = cursor.fetchone()
    if row is None:
        return CLOSED, {}
    policy = Policy(*row[1:])
    return policy, all_standings(row[0], [heeded(policy, reader) for reader in readers])
