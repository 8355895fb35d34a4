"""Changes: what may be done to a room's log, and what becomes of it."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass

from chat.rooms.permissions import Role
from chat.wire.codes import WireError
from chat.wire.events import Logged, Person


@dataclass(frozen=True, slots=True)
class Done:
    """A change that is in the log. `event` is the state that this change made, None where it changed nothing.

    `message` is 0 where it was none.
    """

    message: int
    offset: int
    at: float
    event: Logged | None = None


Outcome = Done | WireError


@dataclass(slots=True, kw_only=True)
class Change:
    """One change of a room's log. `key` is never empty: it tells whether a change was done before.

    `granted` is the role that the author's token gives them, beside what the database says.
    """

    room: str
    author: Person
    key: str
    done: Callable[[Outcome], None]
    granted: Role = Role.NONE

    @property
    def size(self) -> int:
        """Return about how many bytes it takes while it waits."""
        return 512


@dataclass(slots=True, kw_only=True)
class Write(Change):
    """A new message: `text` or `data`. `address` is the author's host:port, which raw members hear."""

    text: str | None = None
    data: bytes | None = None
    address: str = ""
    reply_to: int | None = None

    @property
    def size(self) -> int:
        return 512 + sys.getsizeof(self.text or self.data or b"")


@dataclass(slots=True, kw_only=True)
class Edit(Change):
    """Another text for one's own message; with `offset` only where that is still its last change."""

    message: int
    text: str
    offset: int | None = None

    @property
    def size(self) -> int:
        return 512 + sys.getsizeof(self.text)


@dataclass(slots=True, kw_only=True)
class Delete(Change):
    """One's own message, gone; its number stays."""

    message: int
    offset: int | None = None


@dataclass(slots=True, kw_only=True)
class React(Change):
    """An emoji of the author's on a message, or off it."""

    message: int
    emoji: str
    on: bool


@dataclass(slots=True, kw_only=True)
class SetRole(Change):
    """What a user is in the room from now on; Role.NONE: no member. `invitation` is a digest of the token that lets them in."""

    user: int
    role: Role
    invitation: str = ""
