"""The registry: every connection of this process, and how many there may be."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import replace
from enum import Enum
from typing import TypeVar

from chat.live.addresses import counted_as
from chat.live.connection import Connection
from chat.live.identity import Identity, name_without
from chat.wire.events import Person
from chat.wire.origins import Origin
from chat.wire.skeletons import skeleton

# Up to this share over a limit a connection is accepted and told why it is closed; beyond, even that costs too much.
COURTESY = 1.1

Key = TypeVar("Key")


class Admission(Enum):
    WELCOME = "welcome"
    TELL = "tell"  # accept, then close with 4505
    REFUSE = "refuse"  # in the handshake


class Registry:
    """Counts connections by address; a limit of 0 is no limit. Finds them by the origin and the account they came by, and
    those without an account by the skeleton of the name that they have taken.
    """

    def __init__(self, limit: int, limit_per_host: int) -> None:
        self.limit = limit
        self.limit_per_host = limit_per_host
        self.connections: dict[str, Connection] = {}
        self.hosts: Counter[str] = Counter()
        self.origins: dict[Origin, set[Connection]] = {}
        self.users: dict[int, set[Connection]] = {}
        self.names: dict[str, set[Connection]] = {}
        self.total = 0

    def admit(self, host: str) -> Admission:
        """Count a connection in, whatever becomes of it, and tell what should; `release` counts it out."""
        client = counted_as(host)
        self.hosts[client] += 1
        self.total += 1
        worst = max(self._load(self.total, self.limit), self._load(self.hosts[client], self.limit_per_host))
        if worst <= 1:
            return Admission.WELCOME
        return Admission.TELL if worst <= COURTESY else Admission.REFUSE

    @staticmethod
    def _load(count: int, limit: int) -> float:
        return count / limit if limit else 0.0

    def release(self, host: str) -> None:
        client = counted_as(host)
        self.total -= 1
        self.hosts[client] -= 1
        if not self.hosts[client]:
            del self.hosts[client]

    def add(self, connection: Connection) -> None:
        self.connections[connection.id] = connection
        index(self.origins, connection.origin, connection)
        self._index(connection)

    def remove(self, connection: Connection) -> None:
        self.connections.pop(connection.id, None)
        unindex(self.origins, connection.origin, connection)
        self._unindex(connection)

    def identify(self, connection: Connection, identity: Identity) -> None:
        """Let a connection be somebody else's from now on."""
        here = connection.id in self.connections
        self._unindex(connection)
        connection.identity = identity
        if here:
            self._index(connection)

    def rename(self, connection: Connection, name: str) -> None:
        """Let a connection's client be called by another name from now on."""
        person = Person(connection.person.id, name, connection.person.kind)
        self.identify(connection, replace(connection.identity, person=person))

    def _index(self, connection: Connection) -> None:
        index(self.users, connection.identity.user or None, connection)
        index(self.names, taken_by(connection.identity), connection)

    def _unindex(self, connection: Connection) -> None:
        unindex(self.users, connection.identity.user or None, connection)
        unindex(self.names, taken_by(connection.identity), connection)

    def of(self, users: Iterable[int]) -> list[Connection]:
        """Return the connections of these accounts."""
        return [connection for user in users for connection in self.users.get(user, ())]

    def __iter__(self) -> Iterator[Connection]:
        return iter(list(self.connections.values()))

    def __len__(self) -> int:
        return len(self.connections)


def taken_by(identity: Identity) -> str | None:
    """Return the skeleton of the name that somebody without an account has taken, or None where they have taken none."""
    person = identity.person
    return None if identity.user or person.name == name_without(person) else skeleton(person.name)


def index(table: dict[Key, set[Connection]], key: Key | None, connection: Connection) -> None:
    if key is not None:
        table.setdefault(key, set()).add(connection)


def unindex(table: dict[Key, set[Connection]], key: Key | None, connection: Connection) -> None:
    if key is None:
        return
    there = table.get(key, set())
    there.discard(connection)
    if not there:
        table.pop(key, None)
