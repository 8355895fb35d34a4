"""The verdict: what writers were told and readers hold, against what the database has."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from .database import Head, Row
from .replica import Payload, Replica
from .writer import Ledger, Said

# Of those who reacted, an envelope names the first ones.
MAX_IDS_SHOWN = 20


def check_log(rows: Iterable[Row], heads: Mapping[str, Head]) -> list[str]:
    """Return what is wrong with the log itself: numbers are dense, offsets and keys single, nothing is beyond the head."""
    wrong = []
    by_room: dict[str, list[Row]] = {}
    for row in rows:
        by_room.setdefault(row.room, []).append(row)
    for room, found in by_room.items():
        head = heads[room]
        if [row.number for row in found] != list(range(1, head.number + 1)):
            wrong.append(f"{room}: {len(found)} rows, and the last number is {head.number}")
        for what, values in (("offset", [row.offset for row in found]), ("key", [row.key for row in found])):
            wrong += [f"{room}: {what} {value} {count} times" for value, count in Counter(values).items() if count > 1]
        if max(row.offset for row in found) != head.offset:
            wrong.append(f"{room}: the head is {head.offset}, the last change {max(row.offset for row in found)}")
    return wrong


def check_ledger(ledger: Ledger, rows: Iterable[Row]) -> list[str]:
    """Return what a writer was told that is not so."""
    by_key: dict[tuple[str, str], list[Row]] = {}
    by_number = {}
    for row in rows:
        by_key.setdefault((row.room, row.key), []).append(row)
        by_number[row.room, row.number] = row
    wrong = list(ledger.refused)
    for said in ledger.said:
        wrong += check_said(said, by_key.get((said.room, said.key), []))
    for (room, number, person, emoji), on in ledger.reactions.items():
        row = by_number.get((room, number))
        if row is None:
            wrong.append(f"{room}: message {number} has a reaction and no row")
        elif on is not None and not row.deleted and (person in row.reactions.get(emoji, [])) is not on:
            wrong.append(f"{room}: {person} was told that {emoji} on {number} is {on}; the log has {row.reactions}")
    return wrong


def check_said(said: Said, rows: list[Row]) -> list[str]:
    """Return what is wrong with one message: acknowledged, it is there once, in a state that its author knows of."""
    name = f"{said.room}/{said.number} {said.text[:40]!r}"
    if said.number is None:
        return [f"{name} was never acknowledged, in {said.tries} tries"]
    if len(rows) != 1:
        return [f"{name} was acknowledged and is in the log {len(rows)} times"]
    row = rows[0]
    wrong = []
    if row.number != said.number:
        wrong.append(f"{name} was acknowledged as {said.number} and is {row.number}")
    if row.deleted is not said.deleted and not said.maybe_deleted:
        wrong.append(f"{name}: deleted is {row.deleted}, its author was told {said.deleted}")
    if not row.deleted and row.text not in {said.text, *said.maybe}:
        wrong.append(f"{name} is {str(row.text)[:40]!r} in the log")
    return wrong


def check_replica(who: str, replica: Replica, rows: Iterable[Row], head: Head) -> list[str]:
    """Return what a client holds that the log has not, or the other way round."""
    expected = {row.number: state_of_row(row) for row in rows if row.room == replica.room}
    held = {number: state_of(message) for number, message in replica.messages.items()}
    name = f"{who} in {replica.room}"
    wrong = []
    if replica.epoch != head.epoch:
        wrong.append(f"{name}: epoch {replica.epoch}, the log is {head.epoch}")
    missing, extra = expected.keys() - held.keys(), held.keys() - expected.keys()
    if missing:
        wrong.append(f"{name}: {len(missing)} of {len(expected)} messages are missing, the first is {min(missing)}")
    if extra:
        wrong.append(f"{name}: {len(extra)} messages that the log has not: {sorted(extra)[:5]}")
    other = [number for number in expected.keys() & held.keys() if expected[number] != held[number]]
    if other:
        first = min(other)
        wrong.append(
            f"{name}: {len(other)} in another state; {first} is {brief(held[first])}, the log has {brief(expected[first])}"
        )
    for count in ("double", "gap", "started over"):
        if replica.counts[count]:
            wrong.append(f"{name}: {replica.counts[count]} × {count}")
    return wrong


def brief(state: tuple[Any, ...]) -> str:
    """Return a state, of long texts the beginning."""
    return str(tuple(it[:40] if isinstance(it, str) else it for it in state))


def state_of_row(row: Row) -> tuple[Any, ...]:
    """Return what everybody should know of a message."""
    reactions = {emoji: (len(ids), tuple(ids[:MAX_IDS_SHOWN])) for emoji, ids in row.reactions.items()}
    text = None if row.deleted else row.text
    return row.offset, row.key, row.author, text, row.deleted, row.reply_to, reactions


def state_of(message: Payload) -> tuple[Any, ...]:
    """Return the same of an envelope."""
    reactions = {emoji: (it["count"], tuple(it["ids"])) for emoji, it in message.get("reactions", {}).items()}
    fixed = (message["offset"], message["key"], message["author"]["id"], message.get("text"))
    return *fixed, message.get("deleted", False), message.get("reply_to"), reactions
