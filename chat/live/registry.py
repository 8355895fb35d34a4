"""The registry: every connection of this process."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import TypeVar

from chat.live.connection import Connection
from chat.live.identity import Identity, name_without
from chat.wire.events import Person
from chat.wire.origins import Origin
from chat.wire.skeletons import skeleton

Key = TypeVar("Key")


class Registry:
    """Finds connections by the origin and the account they came by, and those without an account by the skeleton of the
    name that they have taken.
    """

    def __init__(self) -> None:
        self.connections: dict[str, Connection] = {}
        self.origins: dict[Origin, set[Connection]] = {}
        self.users: dict[int, set[Connection]] = {}
        self.names: dict[str, set[Connection]] = {}

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
        if connection.place is not None:
            connection.place.settle(identity)
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
