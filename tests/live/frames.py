"""RFC 6455 frames, made and read byte by byte, so that a test may send wrong ones."""

from __future__ import annotations

import struct
from dataclasses import dataclass

CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0x0, 0x1, 0x2, 0x8, 0x9, 0xA


@dataclass(frozen=True)
class Frame:
    """One frame as it came from a server (unmasked)."""

    fin: bool
    rsv: int
    opcode: int
    payload: bytes


@dataclass(frozen=True)
class Close:
    """How a connection ended; `code` is None where the peer sent no close frame, or one without a code."""

    code: int | None
    reason: str = ""


def encode(
    opcode: int,
    payload: bytes = b"",
    *,
    fin: bool = True,
    rsv: int = 0,
    mask: bytes | None = b"\0\0\0\0",
    length_bytes: int | None = None,
) -> bytes:
    """Return one client's frame; a mask of zeros is lawful and costs nothing, None sends it unmasked (which is not).

    `length_bytes` 2 or 8 writes the length in more bytes than it needs.
    """
    head = bytes([fin << 7 | rsv << 4 | opcode])
    masked = 0 if mask is None else 0x80
    size = len(payload)
    if length_bytes == 8 or size > 0xFFFF:
        head += bytes([masked | 127]) + struct.pack("!Q", size)
    elif length_bytes == 2 or size > 125:
        head += bytes([masked | 126]) + struct.pack("!H", size)
    else:
        head += bytes([masked | size])
    return head + (mask or b"") + apply(mask, payload)


def apply(mask: bytes | None, payload: bytes) -> bytes:
    """Return the payload XORed with the mask."""
    if not mask or mask == b"\0\0\0\0" or not payload:
        return payload
    stretched = (mask * (len(payload) // 4 + 1))[: len(payload)]
    number = int.from_bytes(payload, "big") ^ int.from_bytes(stretched, "big")
    return number.to_bytes(len(payload), "big")


def close_payload(code: int | None, reason: bytes = b"") -> bytes:
    """Return a close frame's payload."""
    return b"" if code is None else struct.pack("!H", code) + reason


def decode(buffer: bytearray) -> Frame | None:
    """Take one whole frame off the front of `buffer`; None when it is not all there yet.

    Raises: AssertionError for a masked frame, which no server may send.
    """
    if len(buffer) < 2:
        return None
    first, second = buffer[0], buffer[1]
    assert not second & 0x80, "the server masked a frame (RFC 6455 5.1)"
    size, start = second & 0x7F, 2
    if size >= 126:
        width = 2 if size == 126 else 8
        if len(buffer) < 2 + width:
            return None
        size, start = int.from_bytes(buffer[2 : 2 + width], "big"), 2 + width
    if len(buffer) < start + size:
        return None
    payload = bytes(memoryview(buffer)[start : start + size])
    del buffer[: start + size]
    return Frame(bool(first & 0x80), first >> 4 & 7, first & 0x0F, payload)


def read_close(payload: bytes) -> Close:
    """Return what a close frame's payload says."""
    if len(payload) < 2:
        return Close(None)
    return Close(struct.unpack("!H", payload[:2])[0], payload[2:].decode("utf-8"))
