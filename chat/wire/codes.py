"""Error and close codes: one table each; every row says what the client should do."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any

CLOSE_REASON_BYTES = 123  # RFC 6455, section 5.5: a control frame holds 125 bytes, two are the code.


class Error(str, Enum):
    """Codes of `error` envelopes; the connection stays."""

    BAD_FRAME = "bad_frame"  # mend the frame; ten in a row end the connection
    UNAUTHENTICATED = "unauthenticated"  # sign in
    FORBIDDEN = "forbidden"  # do not try again
    NOT_FOUND = "not_found"  # the room does not exist
    NOT_JOINED = "not_joined"  # join first
    TOO_LARGE = "too_large"  # make it smaller
    RATE_LIMITED = "rate_limited"  # try again after retry_after_s
    TOO_MANY_ROOMS = "too_many_rooms"  # leave one first
    CONFLICT = "conflict"  # it has changed since, or the key is another's: look again
    UNSUPPORTED = "unsupported"  # this server or room cannot do that
    UNAVAILABLE = "unavailable"  # send it again, with the same key
    INTERNAL = "internal"  # our fault: report the id


@dataclass(frozen=True)
class Close:
    """Why a connection ends. Codes from 4500 on mean: do not reconnect."""

    code: int
    name: str
    reason: str

    @property
    def reconnect(self) -> bool:
        return self.code < 4500

    def because(self, reason: str) -> Close:
        """Return the same close with a reason of its own."""
        return Close(self.code, self.name, reason)


NORMAL = Close(1000, "normal", "")
PROTOCOL_ERROR = Close(1002, "protocol_error", "The frame breaks RFC 6455.")
INVALID_UTF8 = Close(1007, "invalid_utf8", "A text frame is not UTF-8.")
TOO_BIG = Close(1009, "too_big", "The frame is larger than the limit.")
INTERNAL = Close(1011, "internal", "The server failed; it is in its log.")

SERVER_RESTART = Close(4001, "server_restart", "The server restarts: connect again.")
SLOW_CONSUMER = Close(4002, "slow_consumer", "The connection did not keep up with what was sent to it.")
HEARTBEAT_TIMEOUT = Close(4003, "heartbeat_timeout", "No sign of life in time.")
UNAVAILABLE = Close(4004, "unavailable", "The database does not answer.")
RESYNC = Close(4005, "resync", "What was held for this connection is lost: connect and join again.")
# Once 4505, which said "do not come back" for a limit that passes; that code stays reserved.
TOO_MANY_CONNECTIONS = Close(4006, "too_many_connections", "Too many connections.")
BAD_FRAMES = Close(4500, "bad_frame", "Too many bad frames in a row.")
AUTH_TIMEOUT = Close(4501, "auth_timeout", "Nobody signed in in time.")
SESSION_ENDED = Close(4502, "session_ended", "The session has ended: sign in again.")
FLOODING = Close(4506, "flooding", "Messages kept coming over the limit.")
ROOM_NOT_FOUND = Close(4507, "not_found", "There is no such room.")
ROOM_FORBIDDEN = Close(4508, "forbidden", "This room is not open to you.")
ORIGIN_CLOSED = Close(4509, "origin_closed", "Pages of this site may no longer connect.")
UNAUTHENTICATED = Close(4510, "unauthenticated", "The token or ticket does not hold.")

CLOSES = (
    NORMAL,
    PROTOCOL_ERROR,
    INVALID_UTF8,
    TOO_BIG,
    INTERNAL,
    SERVER_RESTART,
    SLOW_CONSUMER,
    HEARTBEAT_TIMEOUT,
    UNAVAILABLE,
    RESYNC,
    TOO_MANY_CONNECTIONS,
    BAD_FRAMES,
    AUTH_TIMEOUT,
    SESSION_ENDED,
    FLOODING,
    ROOM_NOT_FOUND,
    ROOM_FORBIDDEN,
    ORIGIN_CLOSED,
    UNAUTHENTICATED,
)


class WireError(Exception):
    """What the peer did wrong: raised deep, translated once at the edge.

    `key` is the stable name of the sentence, `params` is what stands in it, `field` is the part of the payload that it is
    about. Pages translate by the key. An error with a key is one that people can make: it never counts as a bad frame.
    `counts` tells whether going on regardless is a flood, or bad frames, that end the connection.
    """

    def __init__(
        self,
        code: Error,
        message: str,
        *,
        id: str | int | None = None,
        retry_after_s: float | None = None,
        key: str = "",
        params: Mapping[str, str | int] | None = None,
        field: str = "",
        counts: bool = True,
    ) -> None:
        super().__init__(message)
        self.counts = counts
        self.code = code
        self.message = message
        self.id = id
        self.retry_after_s = retry_after_s
        self.key = key
        self.params = params or {}
        self.field = field

    def named(self) -> dict[str, Any]:
        """Return the fields that name the sentence, as far as there are any."""
        return {name: value for name in ("key", "params", "field") if (value := getattr(self, name))}


def cut(reason: str, limit: int = CLOSE_REASON_BYTES) -> bytes:
    """Return a close reason as UTF-8 of at most `limit` bytes, cut between two characters."""
    encoded = reason.encode()
    return encoded if len(encoded) <= limit else encoded[:limit].decode(errors="ignore").encode()
