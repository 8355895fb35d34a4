"""Rows of messages: how a message stands in the database, and back."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, NamedTuple

import msgspec

from chat.wire.emoji import joined
from chat.wire.events import Changed, Message, Person

COLUMNS = (
    *("room_id", "number", '"offset"', '"key"', "change", "author", "name", "kind", "address", '"text"', '"data"'),
    *('"at"', "edited_at", "deleted", "reply_to", "reactions"),
)
SELECT = ", ".join(COLUMNS)
INSERT = f"INSERT INTO chat_message ({SELECT}) VALUES ({', '.join(['%s'] * len(COLUMNS))})"
UPDATE = (
    'UPDATE chat_message SET "offset" = %s, change = %s, "text" = %s, "data" = %s, edited_at = %s, deleted = %s, '
    "reactions = %s WHERE room_id = %s AND number = %s"
)

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(dict[str, list[str]]).decode


def marks(values: Collection[object]) -> str:
    """Return the places of so many values in a statement."""
    return ", ".join(["%s"] * len(values))


class Row(NamedTuple):
    """One row, in the order of COLUMNS. Times are milliseconds since the epoch."""

    room: int
    number: int
    offset: int
    key: str
    change: str
    author: str
    name: str
    kind: str
    address: str
    text: str | None
    data: bytes | None
    at: int
    edited_at: int | None
    deleted: bool
    reply_to: int | None
    reactions: str

    def reacted(self) -> dict[str, list[str]]:
        """Return the ids of those who reacted, by fully qualified emoji, also where an earlier version wrote another spelling."""
        return joined(_decode(self.reactions)) if self.reactions else {}

    def updates(self) -> tuple[Any, ...]:
        """Return the parameters of UPDATE."""
        state = (self.offset, self.change, self.text, self.data, self.edited_at, self.deleted, self.reactions)
        return (*state, self.room, self.number)

    def event(self, epoch: str) -> Message:
        """Return the message's state as it travels."""
        return Message(
            self.number,
            Person(self.author, self.name, self.kind),
            self.at / 1000,
            self.address,
            text=self.text,
            data=None if self.data is None else bytes(self.data),
            key=self.key,
            offset=self.offset,
            epoch=epoch,
            edited_at=None if self.edited_at is None else self.edited_at / 1000,
            deleted=bool(self.deleted),
            reply_to=self.reply_to,
            reactions=self.reacted() or None,
        )

    def changed(self, epoch: str) -> Changed:
        """Return what a change that left the text alone has made of the message, as it travels."""
        return Changed(self.number, self.offset, epoch, reactions=self.reacted())


def reactions_text(reactions: dict[str, list[str]]) -> str:
    """Return reactions as they are stored."""
    return _encode(reactions).decode() if reactions else ""
