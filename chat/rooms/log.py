"""The log: what a group of changes makes of rooms and messages, in one transaction."""

from __future__ import annotations

from collections.abc import Sequence

from django.db import connection, transaction

from chat.rooms import erased, rights
from chat.rooms.changes import Change, Delete, Edit, Outcome, React, SetRole, Write
from chat.rooms.group import Group, read_logs, read_rows, wanted_standings, write
from chat.rooms.messages import change_message, write_message
from chat.rooms.roles import set_role
from chat.wire.codes import Error, WireError


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
