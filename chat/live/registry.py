"""The registry: every connection of this process, and how many there may be."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from enum import Enum

from chat.live.connection import Connection
from chat.wire.origins import Origin

# Up to this share over a limit a connection is accepted and told why it is closed; beyond, even that costs too much.
COURTESY = 1.1


class Admission(Enum):
    WELCOME = "welcome"
    TELL = "tell"  # accept, then close with 4505
    REFUSE = "refuse"  # in the handshake


class Registry:
    """Counts connections by address; a limit of 0 is no limit."""

    def __init__(self, limit: int, limit_per_host: int) -> None:
        self.limit = limit
        self.limit_per_host = limit_per_host
        self.connections: dict[str, Connection] = {}
        self.hosts: Counter[str] = Counter()
        self.origins: dict[Origin, set[Connection]] = {}
        self.total = 0

    def admit(self, host: str) -> Admission:
        """Count a connection in, whatever becomes of it, and tell what should; `release` counts it out."""
        self.hosts[host] += 1
        self.total += 1
        worst = max(self._load(self.total, self.limit), self._load(self.hosts[host], self.limit_per_host))
        if worst <= 1:
            return Admission.WELCOME
        return Admission.TELL if worst <= COURTESY else Admission.REFUSE

    @staticmethod
    def _load(count: int, limit: int) -> float:
        return count / limit if limit else 0.0

    def release(self, host: str) -> None:
        self.total -= 1
        self.hosts[host] -= 1
        if not self.hosts[host]:
            del self.hosts[host]

    def add(self, connection: Connection) -> None:
        self.connections[connection.id] = connection
        if connection.origin is not None:
            self.origins.setdefault(connection.origin, set()).add(connection)

    def remove(self, connection: Connection) -> None:
        self.connections.pop(connection.id, None)
        if connection.origin is not None:
            there = self.origins.get(connection.origin, set())
            there.discard(connection)
            if not there:
                self.origins.pop(connection.origin, None)

    def __iter__(self) -> Iterator[Connection]:
        return iter(list(self.connections.values()))

    def __len__(self) -> int:
        return len(self.connections)
