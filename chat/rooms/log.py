"""The log: what a group of changes makes of rooms and messages, in one transaction."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.db import connection, transaction

from chat.rooms import erased, invitations, membership, permissions, rights
from chat.rooms.changes import Change, Delete, Done, Edit, Outcome, React, SetRole, Write
from chat.rooms.permissions import OPEN, Policy, Role, Standing
from chat.rooms.rows import INSERT, SELECT, UPDATE, Row, reactions_text
from chat.wire.codes import Error, WireError
from chat.wire.events import Member, Person

MAX_EMOJI = 20
# Of one person on one message: nobody takes all places.
MAX_OWN_EMOJI = 5
# People remembered on one message's reactions, all emoji together: the row must stay small.
MAX_REACTIONS = 1000
SOMEBODY = Person("user:0", "", "user")


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


def commit(changes: Sequence[Change], now: int) -> list[Outcome]:
    """Make changes in one transaction, in their order; return what became of each. `now` is milliseconds.

    That an author's account is erased is found where the rooms are written, at no statement's cost; the group is then
    made again without what is theirs.

    Raises: django.db.Error: then nothing is done, or all is and that is not known; the same changes may be made again.
    """
    try:
        return attempt(changes, now)
    except erased.Found:
        return attempt(changes, now, asking=True)


def attempt(changes: Sequence[Change], now: int, *, asking: bool = False) -> list[Outcome]:
    """Make changes; with `asking`, ask first who of their authors is erased.

    Raises: Found where one is who was not asked after, django.db.Error.
    """
    authors = frozenset(rights.user_of(change.author) for change in changes) - {0}
    with transaction.atomic(durable=True), connection.cursor() as cursor:
        group = Group(read_logs(cursor, changes))
        if asking:
            # The rooms are locked: whoever is erased from now on, what this group writes is found (erasing.settle).
            group.erased = erased.among(cursor, authors)
        else:
            group.authors = authors
        read_rows(cursor, group, changes)
        group.standings = rights.standings(cursor, wanted_standings(group, changes))
        outcomes = [apply(group, change, now) for change in changes]
        write(cursor, group)
    return outcomes


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


def marks(values: Iterable[object]) -> str:
    return ", ".join("%s" for _ in values)


# Changing


def apply(group: Group, change: Change, now: int) -> Outcome:
    """Return what becomes of one change, and put it into the group; a change that changes nothing takes no offset."""
    log = group.logs.get(change.room)
    try:
        if log is None:
            raise WireError(Error.NOT_FOUND, f"There is no room {change.room!r}.")
        if group.erased and rights.user_of(change.author) in group.erased:
            raise WireError(Error.FORBIDDEN, "This account is erased: nothing is written by it any more.")
        if isinstance(change, SetRole):
            return set_role(group, log, change, now)
        if not log.durable:
            raise WireError(Error.UNSUPPORTED, "This room keeps no messages.")
        match change:
            case Write():
                return write_message(group, log, change, now)
            case Edit() | Delete() | React():
                return change_message(group, log, change, now)
    except WireError as error:
        return error
    raise TypeError(f"expected a change, got {type(change).__name__}")


def write_message(group: Group, log: Log, change: Write, now: int) -> Done:
    """Append a message, or find the one that has the key already. Raises: WireError."""
    before = group.by_key.get((log.id, change.key))
    if before is not None:
        if another_account(before, change):
            raise WireError(Error.CONFLICT, "Somebody else has written a message with this key.")
        return Done(before.number, before.offset, before.at / 1000)
    if not log.policy.simple:
        permissions.check_post(log.policy, change.author, group.standing(log, change))
    if change.reply_to is not None and not 1 <= change.reply_to <= log.last:
        raise WireError(Error.NOT_FOUND, f"There is no message {change.reply_to} to reply to.")
    log.last += 1
    author = change.author
    row = Row(
        *(log.id, log.last, log.next_offset(), change.key, change.key, author.id, author.name, author.kind),
        *(change.address, change.text, change.data, now, None, False, change.reply_to, ""),
    )
    place = (row.room, row.number)
    group.inserted[place] = group.by_number[place] = group.by_key[row.room, row.key] = row
    return done(log, row)


def another_account(row: Row, change: Change) -> bool:
    """Tell whether a key was used by somebody else. A guest that reconnects is another guest, but no account."""
    return row.author != change.author.id and "user" in (row.kind, change.author.kind)


def change_message(group: Group, log: Log, change: Edit | Delete | React, now: int) -> Done:
    """Put a message into another state. Raises: WireError."""
    check_right(group, log, change)
    row = group.by_number.get((log.id, change.message))
    if row is None:
        raise WireError(Error.NOT_FOUND, f"There is no message {change.message}.")
    if row.change == change.key:
        return Done(row.number, row.offset, row.at / 1000)  # Done before, by a commit whose outcome was not known.
    if isinstance(change, React):
        after = reacted(row, change)
    else:
        check_whose(group, log, row, change)
        after = edited(row, change, now) if isinstance(change, Edit) else deleted(row, now)
    if after == row:
        return Done(row.number, row.offset, row.at / 1000)
    after = after._replace(offset=log.next_offset(), change=change.key)
    group.put(after)
    return done(log, after)


def check_right(group: Group, log: Log, change: Edit | Delete | React) -> None:
    """Refuse who may not change anything in the room. Raises: WireError."""
    if log.policy.simple:
        return
    standing = group.standing(log, change)
    match change:
        case Edit():
            permissions.check_post(log.policy, change.author, standing)
        case React():
            permissions.check_react(log.policy, change.author, standing)
        case Delete():
            # What one has said one may take back, also where one may say no more.
            permissions.check_read(log.policy, change.author, standing)
            permissions.check_unarchived(log.policy)


def check_whose(group: Group, log: Log, row: Row, change: Edit | Delete) -> None:
    """Refuse to change what another wrote, what is gone, and what has changed since. Raises: WireError."""
    if row.author != change.author.id:
        if isinstance(change, Edit):
            raise WireError(Error.FORBIDDEN, "Only its author may change a message.")
        if not permissions.moderates(log.policy, group.standing(log, change)):
            raise WireError(Error.FORBIDDEN, "Only its author, or a moderator, may delete a message.")
    if row.deleted and isinstance(change, Edit):
        raise WireError(Error.CONFLICT, "The message is deleted.")
    if change.offset is not None and change.offset != row.offset:
        raise WireError(
            Error.CONFLICT, f"The message has changed since: expected offset {change.offset}, it has {row.offset}."
        )


def edited(row: Row, change: Edit, now: int) -> Row:
    if row.data is not None:
        raise WireError(Error.CONFLICT, "A binary message cannot be edited.")
    return row if row.text == change.text else row._replace(text=change.text, edited_at=now)


def deleted(row: Row, now: int) -> Row:
    return row if row.deleted else row._replace(text=None, data=None, deleted=True, reactions="", edited_at=now)


def reacted(row: Row, change: React) -> Row:
    """Return the row with or without somebody's emoji. Raises: WireError."""
    if row.deleted:
        raise WireError(Error.CONFLICT, "The message is deleted.")
    reactions = row.reacted()
    there = reactions.get(change.emoji, [])
    if (change.author.id in there) is change.on:
        return row
    if not change.on:
        rest = [id for id in there if id != change.author.id]
        reactions = (
            {**reactions, change.emoji: rest} if rest else {k: v for k, v in reactions.items() if k != change.emoji}
        )
    elif change.emoji not in reactions and len(reactions) >= MAX_EMOJI:
        raise WireError(Error.CONFLICT, f"A message may have {MAX_EMOJI} different emoji.")
    elif sum(change.author.id in ids for ids in reactions.values()) >= MAX_OWN_EMOJI:
        raise WireError(
            Error.CONFLICT, f"You may put {MAX_OWN_EMOJI} different emoji on a message: take one off first."
        )
    elif sum(map(len, reactions.values())) >= MAX_REACTIONS:
        raise WireError(Error.CONFLICT, f"A message may have {MAX_REACTIONS} reactions.")
    else:
        reactions = {**reactions, change.emoji: [*there, change.author.id]}
    return row._replace(reactions=reactions_text(reactions))


def done(log: Log, row: Row) -> Done:
    return Done(row.number, row.offset, row.at / 1000, row.event(log.epoch))


def set_role(group: Group, log: Log, change: SetRole, now: int) -> Done:
    """Make somebody a member, something else, or none. Raises: WireError."""
    place = (log.id, change.user)
    before = group.standings.get(place) or closed(group, place, change.role)
    if before is None:
        raise WireError(Error.NOT_FOUND, "There is no such person.")
    if before.role is change.role and not change.invitation:
        return Done(0, log.head, now / 1000)
    if change.invitation:
        if before.role >= change.role:
            return Done(0, log.head, now / 1000)
        if change.role is not Role.MEMBER:
            raise WireError(Error.FORBIDDEN, "An invitation makes members, and no more.")
        permissions.check_unarchived(log.policy)
        invitations.use(log.id, change.invitation, change.user)
    else:
        own = rights.user_of(change.author) == change.user
        standing = group.standing(log, change)
        permissions.check_role(log.policy, change.author, standing, before.role, change.role, own)
    if before.role is Role.OWNER and log.policy.kind != "direct":
        membership.check_another_owner(log.id, change.user)
    group.roles[place] = (change.role, log.last)
    after = before._replace(role=change.role)
    if place in group.standings:  # A closed account has none, and may not be let in again by what follows.
        group.standings[place] = after
    if not change.invitation and rights.user_of(change.author) != change.user:
        invitations.heed(log.id, change.user, change.role)
    if permissions.moderates(log.policy, before) and not permissions.moderates(log.policy, after):
        invitations.withdraw(log.id, change.user)
    event = Member(
        f"user:{change.user}",
        change.role.word,
        permissions.may_read(log.policy, SOMEBODY, after),
        *((log.next_offset(), log.epoch) if log.durable else ()),
    )
    return Done(0, log.head, now / 1000, event)


def closed(group: Group, place: tuple[int, int], wanted: Role) -> Standing | None:
    """Return what a closed account is in a room, where it is to be less than that: it has no rights, and may be put out."""
    role = group.roles[place][0] if place in group.roles else membership.role_of(*place)
    return Standing(role) if wanted < role else None


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
