"""Messages: what becomes of one where somebody writes, edits, deletes or reacts."""

from __future__ import annotations

from chat.rooms import permissions
from chat.rooms.changes import Change, Delete, Done, Edit, React, Write
from chat.rooms.group import Group, Log
from chat.rooms.reactions import with_one, without_one
from chat.rooms.rows import Row, reactions_text
from chat.wire.codes import Error, WireError
from chat.wire.emoji import qualified


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
    if isinstance(change, React):
        return Done(after.number, after.offset, after.at / 1000, after.changed(log.epoch))
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
    reactions, emoji, id = row.reacted(), qualified(change.emoji), change.author.id
    if (id in reactions.get(emoji, [])) is change.on:
        return row
    after = with_one(reactions, emoji, id) if change.on else without_one(reactions, emoji, id)
    return row._replace(reactions=reactions_text(after))


def done(log: Log, row: Row) -> Done:
    return Done(row.number, row.offset, row.at / 1000, row.event(log.epoch))
