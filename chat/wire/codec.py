"""What a codec is: the one difference between raw and json connections."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from chat.wire.codes import Close, WireError
from chat.wire.commands import Command, Id
from chat.wire.events import Heard, Place
from chat.wire.frames import Batch


class Codec(Protocol):
    """Decodes what a client sends and encodes what it hears."""

    @property
    def name(self) -> str:
        """Return the name that logs and metrics use."""

    @property
    def max_frame_bytes(self) -> int:
        """Return the size from which a frame ends the connection with 1009."""

    def decode(self, text: str | None, data: bytes | None, room: str) -> tuple[Id, Command]:
        """Return what a frame asks for; `room` is the one in the URL.

        Raises: WireError.
        """

    def encode(self, room: str, events: Sequence[Heard], place: Place) -> Batch:
        """Return what every member of a room hears who has heard as far as `place`, encoded once."""

    def encode_error(self, error: WireError) -> Batch: ...

    def encode_closing(self, close: Close, retry_after_s: float) -> Batch | None:
        """Return what is said before a close frame, or None."""

    def encode_resync(self, room: str) -> Batch | None:
        """Return the word to join a room again, or None where a connection lives and ends with its room."""

    def encode_ping(self) -> Batch | None:
        """Return a ping that the client's program sees, or None where RFC 6455 pings do."""
