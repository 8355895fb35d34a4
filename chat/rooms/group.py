"""The group: what one transaction reads of rooms, messages and people, and writes."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from django.db import connection

from chat.rooms import erased, membership, permissions, rights
from chat.rooms.changes import Change, Delete, Edit, React, SetRole, Write
from chat.rooms.permissions import OPEN, Policy, Role, Standing
from chat.rooms.rows import INSERT, SELECT, UPDATE, Row, marks


@dataclass(slots=True)
class Log:
    """One room's row while a group changes it."""

    id: int
    slug: str
    epoch: str
    head: int
    last: int
    durable: bool
    policy: Policy = OPEN
    changed: bool = False

    def next_offset(self) -> int:
        self.head += 1
        self.changed = True
        return self.head


@dataclass(slots=True)
class Group:
    """What one transaction reads and will write. Rows are found by (room's id, number) and by (room's id, key).

    `standings` are what users are, and `roles` what they become, by (room's id, user's id). Of the users `erased` nothing is
    taken; that none of `authors` is erased is not known yet.
    """

    logs: dict[str, Log]
    by_number: dict[tuple[int, int], Row] = field(default_factory=dict)
    by_key: dict[tuple[int, str], Row] = field(default_factory=dict)
    inserted: dict[tuple[int, int], Row] = field(default_factory=dict)
    updated: dict[tuple[int, int], Row] = field(default_factory=dict)
    standings: dict[tuple[int, int], Standing] = field(default_factory=dict)
    roles: dict[tuple[int, int], tuple[Role, int]] = field(default_factory=dict)
    authors: frozenset[int] = frozenset()
    erased: frozenset[int] = frozenset()

    def standing(self, log: Log, change: Change) -> Standing:
        """Return what the author of a change is in the room."""
        known = self.standings.get((log.id, rights.user_of(change.author)), permissions.NOBODY)
        granted = Role.NONE if log.policy.kind == "direct" else change.granted
        return known if known.role >= granted else known._replace(role=granted)

    def put(self, row: Row) -> None:
        """Keep a row's new state."""
        place = (row.room, row.number)
        self.by_number[place] = row
        (self.inserted if place in self.inserted else self.updated)[place] = row


# Reading


def read_logs(cursor: Any, changes: Iterable[Change]) -> dict[str, Log]:
    """Lock and return the rooms, in order of id: two groups that share rooms never wait for each other in a circle."""
    slugs = sorted({change.room for change in changes})
    lock = " FOR UPDATE" if connection.features.has_select_for_update else ""
    cursor.execute(
        f"SELECT id, slug, epoch, head, last, durable, {', '.join(permissions.COLUMNS)} FROM chat_room "
        f"WHERE slug IN ({marks(slugs)}) ORDER BY id{lock}",
        slugs,
    )
    logs = {}
    for id, slug, epoch, head, last, durable, *policy in cursor.fetchall():
        logs[slug] = Log(id, slug, epoch, head, last, durable, Policy(*policy))
    return logs


def read_rows(cursor: Any, group: Group, changes: Iterable[Change]) -> None:
    """Read the messages that are to be changed, and those that have a new message's key already."""
    numbers: dict[int, set[Any]] = {}
    wanted: dict[int, set[Any]] = {}
    for change in changes:
        log = group.logs.get(change.room)
        if log is None:
            continue
        if isinstance(change, Write):
            wanted.setdefault(log.id, set()).add(change.key)
        elif isinstance(change, Edit | Delete | React):
            numbers.setdefault(log.id, set()).add(change.message)
    for column, places in (('"key"', wanted), ("number", numbers)):
        for row in select(cursor, column, places):
            group.by_number[row.room, row.number] = row
            group.by_key[row.room, row.key] = row


def wanted_standings(group: Group, changes: Iterable[Change]) -> dict[int, set[int]]:
    """Return the users of whom it matters what they are in which room: of none, where everybody may read and write."""
    wanted: dict[int, set[int]] = {}
    for change in changes:
        log = group.logs.get(change.room)
        if log is None or (log.policy.simple and not isinstance(change, Delete | SetRole)):
            continue
        users = {rights.user_of(change.author), change.user if isinstance(change, SetRole) else 0} - {0}
        if users:
            wanted.setdefault(log.id, set()).update(users)
    return wanted


def select(cursor: Any, column: str, places: dict[int, set[Any]]) -> list[Row]:
    """Return the rows with one of these values, for each room: one statement, one index search a value."""
    if not places:
        return []
    parts, values = [], []
    for room, found in places.items():
        parts.append(f"(room_id = %s AND {column} IN ({marks(found)}))")
        values += [room, *found]
    cursor.execute(f"SELECT {SELECT} FROM chat_message WHERE {' OR '.join(parts)}", values)
    return [Row(*row) for row in cursor.fetchall()]


# Writing


def write(cursor: Any, group: Group) -> None:
    """Write what has changed, in as few statements as may be: each gives the interpreter's lock away.

    Raises: Found where one of the authors is erased, django.db.Error.
    """
    changed = [(log.head, log.last, log.id) for log in group.logs.values() if log.changed]
    if changed:
        erased.advance(cursor, changed, sorted(group.authors))
    if group.inserted:
        cursor.executemany(INSERT, list(group.inserted.values()))
    if group.updated:
        cursor.executemany(UPDATE, [row.updates() for row in group.updated.values()])
    for (room, user), (role, last) in group.roles.items():
        membership.write(room, user, role, last)
