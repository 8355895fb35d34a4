"""Who is at the other end of a connection, and by what."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from chat.wire.events import Person
from chat.wire.names import GUEST, USER

NOTHING: Mapping[str, str] = MappingProxyType({})


def given_name(id: str) -> str:
    """Return what a guest is called who has chosen no name."""
    return f"{GUEST}{id[:4]}"


def name_without(person: Person) -> str:
    """Return what a guest, or somebody of another backend, is called who may not have the name that they want."""
    kind, _, id = person.id.partition(":")
    return given_name(id) if kind == "guest" else f"{USER}{hashlib.sha256(person.id.encode()).hexdigest()[:8]}"


@dataclass(frozen=True, slots=True)
class Identity:
    """A person, and what makes them that.

    `session` is the key of the session that they came by, or empty; `user` the number of their account, 0 for guests and
    other backends' people. `granted` holds the roles that a token gives, by room: member, moderator or owner.
    `expires_at` is when a token ends, in seconds since the epoch.
    """

    person: Person
    session: str = field(default="", repr=False)
    user: int = 0
    granted: Mapping[str, str] = field(default_factory=lambda: NOTHING)
    expires_at: float | None = None

    @property
    def is_guest(self) -> bool:
        return self.person.kind == "guest"
