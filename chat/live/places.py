"""Places: how many connections this process has, of each address and of each account, and how many it may have."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from enum import Enum

from chat.live.addresses import counted_as
from chat.live.identity import Identity

# Up to this share over a limit a connection is accepted and told when to come back; beyond, even that costs too much.
COURTESY = 1.1


class Admission(Enum):
    """What becomes of a connection, by how full its place is."""

    WELCOME = "welcome"
    TELL = "tell"  # accept, then close with 4006
    REFUSE = "refuse"  # in the handshake


class Kind(Enum):
    """What a connection counts for."""

    ADDRESS = "from one address"
    UNKNOWN = "from one address, not signed in yet,"
    ACCOUNT = "of one account"


@dataclass(frozen=True, slots=True)
class Limits:
    """How many connections there may be in all, of one address and of one account; 0 is no limit.

    `unknown`: of one address at once, while the server looks up what they show.
    """

    total: int = 0
    address: int = 0
    unknown: int = 0
    account: int = 0

    def of(self, kind: Kind) -> int:
        return {Kind.ADDRESS: self.address, Kind.UNKNOWN: self.unknown, Kind.ACCOUNT: self.account}[kind]


Key = tuple[Kind, str]


class Places:
    """Counts connections: all, and by what each counts for."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self.total = 0
        self.counts: Counter[Key] = Counter()

    def enter(self, host: str, *, shows: bool = False) -> Place:
        """Count a connection in, whatever becomes of it; its place's `leave` counts it out.

        `shows`: it shows a cookie, a token or a ticket. Until the server knows whose that is, it counts for nobody: anyone
        can show anything. Where too many of its address are being looked up already, it counts as a guest meanwhile.
        """
        client = counted_as(host)
        unknown = (Kind.UNKNOWN, client)
        self.total += 1
        return Place(self, client, unknown if shows and not self.full(unknown) else (Kind.ADDRESS, client))

    def full(self, key: Key) -> bool:
        limit = self.limits.of(key[0])
        return bool(limit) and self.counts[key] >= limit


class Place:
    """What one connection counts for. `admission` is what became of it when it was counted: later ones change nothing."""

    __slots__ = ("admission", "client", "key", "places")

    def __init__(self, places: Places, client: str, key: Key) -> None:
        self.places = places
        self.client = client
        self.key: Key | None = key
        places.counts[key] += 1
        self.admission = self._judge(load(places.total, places.limits.total), key)

    def _judge(self, worst: float, key: Key) -> Admission:
        worst = max(worst, load(self.places.counts[key], self.places.limits.of(key[0])))
        if worst <= 1:
            return Admission.WELCOME
        return Admission.TELL if worst <= COURTESY else Admission.REFUSE

    @property
    def reason(self) -> str:
        """Why there is no place: which limit the connection is over."""
        limits, key = self.places.limits, self.key
        if key is not None and load(self.places.counts[key], limits.of(key[0])) > 1:
            return f"Too many connections {key[0].value}: {limits.of(key[0])} are allowed."
        return f"Too many connections: {limits.total} in all are allowed."

    def settle(self, identity: Identity | None) -> Admission:
        """Count for whom the connection is of, now that it is known: an account, or for a guest the address."""
        known = identity is not None and not identity.is_guest
        self._move((Kind.ACCOUNT, identity.person.id) if identity and known else (Kind.ADDRESS, self.client))
        return self.admission

    def leave(self) -> None:
        """Count the connection out; a second call does nothing."""
        if self.key is not None:
            self.places.total -= 1
            self._move(None)

    def _move(self, key: Key | None) -> None:
        before, counts = self.key, self.places.counts
        if before is None or before == key:
            return
        self.key = key
        counts[before] -= 1
        if not counts[before]:
            del counts[before]
        if key is not None:
            counts[key] += 1
            self.admission = self._judge(0, key)


def load(count: int, limit: int) -> float:
    """Return how full something is; without a limit it is empty."""
    return count / limit if limit else 0.0
