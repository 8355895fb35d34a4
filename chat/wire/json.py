"""The json codec: typed envelopes, many rooms over one connection."""

from __future__ import annotations

import re
import time
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any

import msgspec
from msgspec import UNSET, Raw, Struct, UnsetType

from chat.wire.codes import Close, Error, WireError, cut
from chat.wire.commands import (
    Auth,
    Command,
    Delete,
    Edit,
    History,
    Id,
    Join,
    Leave,
    Name,
    Ping,
    Pong,
    React,
    Read,
    Send,
)
from chat.wire.emoji import is_emoji
from chat.wire.events import MAX_IDS_SHOWN, Broadcast, Changed, Heard, Message, Person, Place
from chat.wire.frames import Batch, Frame, Opcode
from chat.wire.texts import check_shown
from chat.wire.together import together

SUBPROTOCOL = "chat.v1.json"
MAX_DEPTH = 32
MAX_BATCH_BYTES = 64 * 1024
# What this server has; a client looks here before it uses more than the first version's minimum.
FEATURES = (
    "broadcast",
    "binary",
    "join.rooms",
    "name",
    "recovery",
    "history",
    "edit",
    "delete",
    "react",
    "reply",
    "you",
    "read",
    "notice",
    "auth",
    "changed",
)
# Known to the protocol, not yet to this server.
UNSUPPORTED = frozenset({"typing", "who"})


class Envelope(Struct, frozen=True):
    type: str
    id: Id = None
    payload: Raw = Raw(b"{}")


_envelope = msgspec.json.Decoder(Envelope)
_payloads: dict[str, msgspec.json.Decoder[Any]] = {
    "auth": msgspec.json.Decoder(Auth),
    "join": msgspec.json.Decoder(Join),
    "leave": msgspec.json.Decoder(Leave),
    "send": msgspec.json.Decoder(Send),
    "edit": msgspec.json.Decoder(Edit),
    "delete": msgspec.json.Decoder(Delete),
    "react": msgspec.json.Decoder(React),
    "history": msgspec.json.Decoder(History),
    "read": msgspec.json.Decoder(Read),
    "name": msgspec.json.Decoder(Name),
    "ping": msgspec.json.Decoder(Ping),
    "pong": msgspec.json.Decoder(Pong),
}
_encoder = msgspec.json.Encoder()
# A string may lack its end: one that has to be there would be looked for again from each quote in it (quadratic).
_brackets = re.compile(r'"(?:[^"\\]|\\.)*+"?|[\[{]|[\]}]', re.DOTALL)


def decode(frame: str, max_message_bytes: int) -> tuple[Id, Command]:
    """Return a client's envelope as its id and its command.

    Raises: WireError; it carries the id where one could be read.
    """
    check_depth(frame)
    envelope: Envelope = _read(_envelope, frame, "the frame")
    decoder = _payloads.get(envelope.type)
    try:
        if decoder is None:
            raise unknown(envelope.type)
        command = _read(decoder, envelope.payload, "payload")
        check(command, max_message_bytes)
    except WireError as error:
        error.id = envelope.id
        raise
    return envelope.id, command


def _read(decoder: msgspec.json.Decoder[Any], source: str | Raw, where: str) -> Any:
    try:
        return decoder.decode(source)
    except (msgspec.DecodeError, RecursionError, UnicodeError) as error:
        # ValidationError says "Expected `str`, got `int` - at `$.text`"; its `$` is the frame or the payload.
        said = str(error).replace("`$", f"`{where}") if "`$" in str(error) else f"{error} - in {where}"
        raise WireError(Error.BAD_FRAME, said) from None


def unknown(kind: str) -> WireError:
    if kind in UNSUPPORTED:
        return WireError(Error.UNSUPPORTED, f"This server does not know `{kind}` yet.")
    return WireError(Error.BAD_FRAME, f"Unknown type {kind[:64]!r}: expected one of {', '.join(sorted(_payloads))}")


def check(command: Command, max_message_bytes: int) -> None:
    """Refuse what the types alone let through.

    Raises: WireError.
    """
    if isinstance(command, Send):
        check_send(command, max_message_bytes)
    elif isinstance(command, Join) and (command.room is None) == (command.rooms is None):
        raise WireError(
            Error.BAD_FRAME, "payload: expected `room` or `rooms`, got " + ("both" if command.room else "neither")
        )
    elif isinstance(command, Edit):
        check_text(command.text, max_message_bytes)
        check_shown(command.text)
    elif isinstance(command, React):
        check_emoji(command.emoji)
    elif isinstance(command, History) and command.before is not None and command.after is not None:
        raise WireError(Error.BAD_FRAME, "payload: expected `before` or `after`, got both")
    elif isinstance(command, Name) and "\0" in command.name:
        raise WireError(Error.BAD_FRAME, "payload.name: expected visible characters, got U+0000")


def check_send(send: Send, max_message_bytes: int) -> None:
    if (send.text is None) == (send.data is None):
        raise WireError(
            Error.BAD_FRAME, "payload: expected `text` or `data`, got " + ("neither" if send.text is None else "both")
        )
    if send.key is not None and not send.key.isprintable():
        raise WireError(Error.BAD_FRAME, "payload.key: expected 8 to 64 printable characters, got others")
    if send.text is not None:
        check_text(send.text, max_message_bytes)
        check_shown(send.text)
    else:
        check_size(len(send.data or b""), max_message_bytes)


def check_text(text: str, max_message_bytes: int) -> None:
    if "\0" in text:
        raise WireError(Error.BAD_FRAME, "payload.text: expected text without U+0000, got it inside")
    check_size(len(text.encode()), max_message_bytes)


def check_size(size: int, most: int) -> None:
    if size > most:
        raise WireError(Error.TOO_LARGE, f"A message may have {most} bytes, got {size}.")


def check_emoji(emoji: str) -> None:
    """Refuse what is no short sign: words, spaces, what is not seen."""
    if not is_emoji(emoji):
        raise WireError(
            Error.BAD_FRAME,
            f"payload.emoji: expected one emoji, got {emoji!r}",
            key="emoji.other",
            params={"text": repr(emoji)},
            field="emoji",
        )


def check_depth(frame: str) -> None:
    """Refuse JSON nested deeper than MAX_DEPTH, also where it stands in a field that nobody reads.

    Raises: WireError.
    """
    if frame.count("[") + frame.count("{") <= MAX_DEPTH:
        return
    depth = 0
    for token in _brackets.findall(frame):
        if token in "[{":
            depth += 1
            if depth > MAX_DEPTH:
                raise WireError(Error.BAD_FRAME, f"Expected JSON nested at most {MAX_DEPTH} deep, got deeper")
        elif token in "]}":
            depth -= 1


def timestamp(seconds: float) -> str:
    """Return seconds since the epoch as RFC 3339, UTC, milliseconds."""
    milliseconds = int(seconds * 1000)
    return f"{_second(milliseconds // 1000)}.{milliseconds % 1000:03d}Z"


@lru_cache(maxsize=16)
def _second(seconds: int) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds))


class Reactions(Struct):
    count: int
    ids: list[str]


class MessagePayload(Struct):
    """A message. In a volatile room offset and prev are null, and what only a log knows is left out (docs/protocol.md)."""

    room: str
    message: int
    author: Person
    at: str
    offset: int | None = None
    prev: int | None = None
    text: str | UnsetType = UNSET
    data: bytes | UnsetType = UNSET
    key: str | None = None
    edited_at: str | UnsetType = UNSET
    deleted: bool | UnsetType = UNSET
    reply_to: int | UnsetType = UNSET
    reactions: dict[str, Reactions] | UnsetType = UNSET


class ChangedPayload(Struct):
    """A change that leaves the text alone: the whole present state of the parts that it names."""

    room: str
    message: int
    offset: int
    prev: int | None
    reactions: dict[str, Reactions] | UnsetType = UNSET


class BroadcastPayload(Struct):
    room: str
    name: str
    text: str
    at: str
    due_at: str


def envelope(kind: str, payload: Any = UNSET, id: Id = None) -> bytes:
    """Return one envelope as UTF-8 JSON; a payload is a dict or a Struct."""
    fields: dict[str, Any] = {"type": kind}
    if id is not None:
        fields["id"] = id
    if payload is not UNSET:
        fields["payload"] = payload
    return _encoder.encode(fields)


def encode_event(room: str, event: Heard, prev: int | None = None) -> bytes:
    if isinstance(event, Broadcast):
        spoken = BroadcastPayload(room, event.name, event.text, timestamp(event.at), timestamp(event.due_at))
        return envelope("broadcast", spoken)
    if isinstance(event, Changed):
        return envelope("changed", changed_of(room, event, prev))
    return envelope("message", payload_of(room, event, prev))


def changed_of(room: str, event: Changed, prev: int | None) -> ChangedPayload:
    payload = ChangedPayload(room, event.message, event.offset, prev)
    if event.reactions is not None:
        payload.reactions = shown(event.reactions)
    return payload


def shown(reactions: Mapping[str, list[str]]) -> dict[str, Reactions]:
    """Return reactions as they stand in an envelope."""
    return {emoji: Reactions(len(ids), ids[:MAX_IDS_SHOWN]) for emoji, ids in reactions.items()}


def payload_of(room: str, message: Message, prev: int | None = None) -> MessagePayload:
    """Return a message as it stands in an envelope; `prev` is the offset that it follows."""
    payload = MessagePayload(room, message.message, message.author, timestamp(message.at), key=message.key)
    if message.data is not None:
        payload.data = message.data
    elif not message.deleted:
        payload.text = message.text or ""
    if message.offset is not None:
        add_state(payload, message, prev)
    return payload


def add_state(payload: MessagePayload, message: Message, prev: int | None) -> None:
    """Add what only a log knows of a message."""
    payload.offset = message.offset
    payload.prev = prev
    payload.reactions = shown(message.reactions or {})
    if message.edited_at is not None:
        payload.edited_at = timestamp(message.edited_at)
    if message.deleted:
        payload.deleted = True
    if message.reply_to is not None:
        payload.reply_to = message.reply_to


def pack(envelopes: Iterable[bytes]) -> Batch:
    """Return envelopes as frames: one or more in each, separated by a newline."""
    frames: list[Frame] = []
    waiting: list[bytes] = []
    size = 0
    for encoded in envelopes:
        if waiting and size + len(encoded) > MAX_BATCH_BYTES:
            frames.append(Frame(Opcode.TEXT, b"\n".join(waiting)))
            waiting, size = [], 0
        waiting.append(encoded)
        size += len(encoded) + 1
    if waiting:
        frames.append(Frame(Opcode.TEXT, b"\n".join(waiting)))
    return Batch(frames)


def encode(value: Any) -> bytes:
    """Return any value as JSON."""
    return _encoder.encode(value)


class JsonCodec:
    """Typed envelopes in text frames."""

    name = "json"

    def __init__(self, max_message_bytes: int, max_frame_bytes: int) -> None:
        self.max_message_bytes = max_message_bytes
        self.max_frame_bytes = max_frame_bytes

    def decode(self, text: str | None, data: bytes | None, room: str) -> tuple[Id, Command]:
        if text is None:
            raise WireError(Error.BAD_FRAME, f"Expected a text frame, got a binary one of {len(data or b'')} bytes")
        return decode(text, self.max_message_bytes)

    def encode(self, room: str, events: Sequence[Heard], place: Place) -> Batch:
        encoded = []
        prev = place.offset
        for event in together(events, place):
            encoded.append(encode_event(room, event, prev))
            if not isinstance(event, Broadcast) and event.offset is not None:
                prev = event.offset
        return pack(encoded)

    def encode_error(self, error: WireError) -> Batch:
        payload: dict[str, Any] = {"code": error.code.value, "message": error.message, **error.named()}
        if error.retry_after_s is not None:
            payload["retry_after_s"] = round(error.retry_after_s, 3)
        return pack([envelope("error", payload, error.id)])

    def encode_closing(self, close: Close, retry_after_s: float) -> Batch:
        payload = {
            "code": close.code,
            "reason": cut(close.reason).decode(),
            "reconnect": close.reconnect,
            "retry_after_s": round(retry_after_s, 3),
        }
        return pack([envelope("closing", payload)])

    def encode_resync(self, room: str) -> Batch:
        return pack([envelope("resync", {"room": room})])

    def encode_ping(self) -> Batch:
        return PING


PING = pack([envelope("ping")])
