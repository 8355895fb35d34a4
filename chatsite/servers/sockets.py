"""Sockets: the kernel's part of a connection."""

from __future__ import annotations

import os
import socket
import struct
from typing import Any

from chat.live.lanes import NOTSENT_LOWAT_BYTES


def bound_kernel_backlog(descriptor: int) -> None:
    """Let the kernel hold little that a reader has not taken: 4 MB a stalled reader otherwise, in nobody's RSS."""
    option = getattr(socket, "TCP_NOTSENT_LOWAT", None)
    if option is None:
        return  # Neither Linux nor macOS.
    with socket.socket(fileno=os.dup(descriptor)) as handle:
        if handle.family in (socket.AF_INET, socket.AF_INET6):
            handle.setsockopt(socket.IPPROTO_TCP, option, NOTSENT_LOWAT_BYTES)


def reset_on_close(descriptor: int) -> None:
    """Let the socket's close send a reset and forget what was not sent (socket(7), SO_LINGER)."""
    with socket.socket(fileno=os.dup(descriptor)) as handle:
        if handle.family in (socket.AF_INET, socket.AF_INET6):
            handle.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def abort(transport: Any) -> None:
    """Reset asyncio's connection: a close alone leaves what the kernel holds, and the reader waiting for it (FIN-WAIT-1)."""
    handle = transport.get_extra_info("socket")
    if handle is not None and handle.fileno() >= 0:
        reset_on_close(handle.fileno())
    transport.abort()
