"""Namesakes: who has no account is not called like one, nor like a guest beside them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from itertools import islice

from chat import people
from chat.database import Database, Unavailable, ask
from chat.live.connection import Connection
from chat.live.identity import name_without
from chat.live.registry import Registry, taken_by
from chat.wire.codes import Error, WireError
from chat.wire.skeletons import skeleton

# Users whose names one query asks after.
BATCH = 200
# Who was asked after before an account's name was heard may have been let in by it.
RECENT_SECONDS = 30.0


class Namesakes:
    """Keeps the names of those apart who have no account: from accounts' on any process, from guests' on this one."""

    def __init__(self, registry: Registry, database: Database, clock: Callable[[], float]) -> None:
        self.registry = registry
        self.database = database
        self.clock = clock
        self.due: set[int] = set()
        self.heard: dict[str, float] = {}

    def check(self, connection: Connection, name: str) -> None:
        """Refuse a name that somebody else here has who has no account either. Raises: WireError."""
        if self._is_anothers(connection, skeleton(name)):
            raise WireError(Error.CONFLICT, f"payload.name: “{name}” is what somebody here is called, or looks like it")

    def came(self, connection: Connection, asked_at: float) -> None:
        """Take in whose name was asked after at a time: what is another's by now is not theirs."""
        wanted = taken_by(connection.identity)
        if wanted is None:
            return
        late = self.heard.get(wanted, float("-inf")) >= asked_at
        # What another backend says of its people is its own affair.
        if late or (connection.identity.is_guest and self._is_anothers(connection, wanted)):
            self.registry.rename(connection, name_without(connection.person))

    async def hear(self, users: Collection[int]) -> None:
        """Take the names of accounts that are new or have changed from those who have none; again where nobody says them."""
        self.due.update(users)
        while self.due:
            asked = set(islice(self.due, BATCH))
            try:
                names = await ask(self.database, people.skeletons_of, asked)
            except Unavailable:
                return
            self.due -= asked
            self._take(names)

    def _take(self, names: Iterable[str]) -> None:
        now = self.clock()
        self.heard = {name: at for name, at in self.heard.items() if now - at < RECENT_SECONDS}
        self.heard.update(dict.fromkeys(names, now))
        for name in names:
            for connection in tuple(self.registry.names.get(name, ())):
                was, own = connection.person.name, name_without(connection.person)
                self.registry.rename(connection, own)
                if connection.closing is None:
                    sentence = f"“{was}” is the name of an account now, or looks like it: you are called “{own}”."
                    connection.refuse(WireError(Error.CONFLICT, sentence))

    def _is_anothers(self, connection: Connection, wanted: str) -> bool:
        """Tell whether another person has a name; the same one may have several connections."""
        there = self.registry.names.get(wanted, ())
        return any(other.person.id != connection.person.id for other in there)
