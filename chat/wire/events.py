"""What happens in a room, as it travels between processes: encoded by the node where it happened."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

# Of those who reacted with one emoji, an envelope names so many; `count` tells how many they are.
MAX_IDS_SHOWN = 20


class Person(msgspec.Struct, frozen=True):
    """Somebody as others see them."""

    id: str
    name: str
    kind: str


class Message(msgspec.Struct, frozen=True, array_like=True, tag="m"):
    """A message's present state: `text` or `data`, never both, neither once it is deleted.

    `at` and `edited_at` are seconds since the epoch, `address` the author's host:port. `epoch` and `offset` are None in a
    volatile room. `reactions` are the ids of those who reacted, by emoji.
    """

    message: int
    author: Person
    at: float
    address: str
    text: str | None = None
    data: bytes | None = None
    key: str | None = None
    offset: int | None = None
    epoch: str | None = None
    edited_at: float | None = None
    deleted: bool = False
    reply_to: int | None = None
    reactions: dict[str, list[str]] | None = None

    ephemeral = False


class Changed(msgspec.Struct, frozen=True, array_like=True, tag="c"):
    """A change that leaves a message's text alone: the whole present state of the parts that it names (None: not named).

    Only a durable room has it. `reactions` are the ids of those who reacted, by emoji.
    """

    message: int
    offset: int
    epoch: str
    reactions: dict[str, list[str]] | None = None

    ephemeral = False


class Member(msgspec.Struct, frozen=True, array_like=True, tag="p"):
    """A change of what somebody is in a room; `reads` tells whether they may still read there.

    It has its place in a durable room's log and is told to nobody as it is. In a volatile room offset and epoch are None.
    """

    person: str
    role: str
    reads: bool
    offset: int | None = None
    epoch: str | None = None

    ephemeral = False


class Broadcast(msgspec.Struct, frozen=True, array_like=True, tag="b"):
    """The server's own word to a room. Times are seconds since the epoch."""

    name: str
    text: str
    at: float
    due_at: float

    ephemeral = True


Event = Message | Changed | Member | Broadcast
# What members hear.
Heard = Message | Changed | Broadcast
# What members hear of a log, each with its place there.
Told = Message | Changed
# What a log is made of.
Logged = Message | Changed | Member


class Place(msgspec.Struct, frozen=True):
    """How far members of a room have heard: the offset of the last change, and the highest number of a message."""

    offset: int = 0
    number: int = 0


START = Place()

_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(list[Event])
_event: msgspec.msgpack.Decoder[Event] = msgspec.msgpack.Decoder(Event)
_apart = msgspec.msgpack.Decoder(list[msgspec.Raw])


def pack(events: Sequence[Event]) -> bytes:
    """Return events as bytes that any channel layer carries unchanged."""
    return _encoder.encode(events)


def unpack(packed: bytes) -> list[Event]:
    """Return the events of `pack`.

    Raises: msgspec.DecodeError where another version's events, or no events, came.
    """
    return _decoder.decode(packed)


def unpack_known(packed: bytes) -> tuple[list[Event], int]:
    """Return the events of another version's `pack` that this one knows, and how many it does not know.

    Raises: msgspec.DecodeError where no list came.
    """
    found = [_known(raw) for raw in _apart.decode(packed)]
    known = [event for event in found if event is not None]
    return known, len(found) - len(known)


def _known(raw: msgspec.Raw) -> Event | None:
    try:
        return _event.decode(raw)
    except msgspec.ValidationError:
        return None


def after(place: Place, events: Sequence[Event]) -> Place:
    """Return the place that hearing these events leads to; broadcasts have none."""
    offset, number = place.offset, place.number
    for event in events:
        if isinstance(event, Message) and event.offset is not None:
            offset, number = event.offset, max(number, event.message)
        elif isinstance(event, Changed):
            offset = event.offset
    return Place(offset, number)
