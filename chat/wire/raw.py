"""The raw codec: what the reference clients speak. Frames in, the same kind of frames out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from chat.wire.codes import Close, WireError
from chat.wire.commands import Command, Id, Send
from chat.wire.events import Broadcast, Changed, Heard, Message, Place
from chat.wire.frames import Batch, Frame, Opcode


class RawCodec:
    """Frames as they come, each with its sender before it; the room is the URL's."""

    name = "raw"

    def __init__(self, sender: str, max_message_bytes: int) -> None:
        self.sender = sender
        self.max_frame_bytes = max_message_bytes

    def decode(self, text: str | None, data: bytes | None, room: str) -> tuple[Id, Command]:
        return None, Send(room=room, text=text, data=data)

    def encode(self, room: str, events: Sequence[Heard], place: Place) -> Batch:
        return Batch([encode_event(event, self.sender) for event in news(events, place)])

    def encode_error(self, error: WireError) -> Batch:
        return Batch([Frame(Opcode.TEXT, f"Server error: {error.message}".encode())])

    def encode_closing(self, close: Close, retry_after_s: float) -> None:
        return None

    def encode_resync(self, room: str) -> None:
        return None

    def encode_ping(self) -> None:
        return None


def news(events: Sequence[Heard], place: Place) -> Iterator[Message | Broadcast]:
    """Yield what a raw member hears: of a log each message once, and never as edited, deleted or reacted to."""
    number = place.number
    for event in events:
        if isinstance(event, Changed):
            continue
        if isinstance(event, Message) and event.offset is not None:
            if event.message <= number:
                continue
            number = event.message
            if event.deleted:
                continue
        yield event


def encode_event(event: Message | Broadcast, sender: str) -> Frame:
    if isinstance(event, Broadcast):
        return Frame(Opcode.TEXT, event.text.encode())
    prefix = encode_prefix(event, sender)
    if event.data is not None:
        return Frame(Opcode.BINARY, prefix + event.data)
    return Frame(Opcode.TEXT, prefix + (event.text or "").encode())


def encode_prefix(message: Message, sender: str) -> bytes:
    """Return `WHO echo: `; a json client has no address in its messages and is told by its name."""
    if sender == "none":
        return b""
    who = message.address if sender == "address" and message.address else message.author.name
    return f"{who} echo: ".encode()


def format_address(host: str, port: int) -> str:
    """Return `host:port`, and `[host]:port` for IPv6."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
