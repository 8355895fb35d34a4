"""What happens in a room, as it travels between processes: encoded by the node where it happened."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec


class Person(msgspec.Struct, frozen=True):
    """Somebody as others see them."""

    id: str
    name: str
    kind: str


class Message(msgspec.Struct, frozen=True, array_like=True, tag="m"):
    """A message: `text` or `data`, never both. `at` is seconds since the epoch, `address` the author's host:port."""

    message: int
    author: Person
    at: float
    address: str
    text: str | None = None
    data: bytes | None = None
    key: str | None = None

    ephemeral = False


class Broadcast(msgspec.Struct, frozen=True, array_like=True, tag="b"):
    """The server's own word to a room. Times are seconds since the epoch."""

    name: str
    text: str
    at: float
    due_at: float

    ephemeral = True


Event = Message | Broadcast

_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(list[Event])


def pack(events: Sequence[Event]) -> bytes:
    """Return events as bytes that any channel layer carries unchanged."""
    return _encoder.encode(events)


def unpack(packed: bytes) -> list[Event]:
    """Return the events of `pack`.

    Raises: msgspec.DecodeError where another version's events, or no events, came.
    """
    return _decoder.decode(packed)
