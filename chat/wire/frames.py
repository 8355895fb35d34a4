"""Frames of RFC 6455, section 5.2, as a server sends them: unmasked and whole."""

from __future__ import annotations

from collections.abc import Iterable
from enum import IntEnum
from typing import NamedTuple


class Opcode(IntEnum):
    TEXT = 1
    BINARY = 2
    CLOSE = 8
    PING = 9
    PONG = 10


class Frame(NamedTuple):
    """One message for a client: its kind and its payload."""

    opcode: Opcode
    payload: bytes

    def __str__(self) -> str:
        return f"{self.opcode.name.lower()} frame of {len(self.payload)} bytes"


def serialize(opcode: int, payload: bytes) -> bytes:
    """Return one unmasked final frame."""
    length = len(payload)
    if length < 126:
        return bytes((0x80 | opcode, length)) + payload
    if length < 65536:
        return bytes((0x80 | opcode, 126)) + length.to_bytes(2, "big") + payload
    return bytes((0x80 | opcode, 127)) + length.to_bytes(8, "big") + payload


class Batch:
    """Frames that leave together: encoded once, shared by every outbox they go to."""

    __slots__ = ("frames", "wire")

    def __init__(self, frames: Iterable[Frame]) -> None:
        self.frames = tuple(frames)
        self.wire = b"".join([serialize(opcode, payload) for opcode, payload in self.frames])

    def __len__(self) -> int:
        """Return the bytes that the frames take on the wire."""
        return len(self.wire)
