"""The doors of rooms: who is let in, who may speak where nothing is kept, and who is put out."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Collection, Mapping

from chat.database import Database, Unavailable, ask
from chat.live.connection import Connection
from chat.live.hub import Hub
from chat.live.membership import Membership
from chat.rooms import permissions, rights
from chat.rooms.directory import RoomCard
from chat.rooms.permissions import NOBODY, ROLES, Policy, Role
from chat.rooms.rights import Reader

logger = logging.getLogger("chat.doors")

# Of a room whose policy changed while somebody came in: no look finds it as it is.
UNSURE = Policy("unsure", "moderators", guests=False, archived=True)

PutOut = Callable[[str], Awaitable[None]]


def granted_in(slug: str, connection: Connection) -> Role:
    """Return what a connection's token makes of its client in a room."""
    return ROLES[connection.identity.granted.get(slug, "")]


def reader_of(slug: str, connection: Connection) -> Reader:
    """Return a connection as somebody who wants to read in a room."""
    return Reader(connection.person, granted_in(slug, connection))


def reads_of(policy: Policy) -> tuple[str, bool]:
    """Return what of a policy says who may read."""
    return policy.kind, bool(policy.guests)


class Doors:
    """Knows the policies of the rooms that are open here, as they were last read.

    Durable rooms' logs refuse by themselves who may not write; what is said in a volatile room is checked here, by
    what the speaker was when they came in, or when somebody last told that they had changed.
    """

    def __init__(self, hub: Hub, membership: Membership, database: Database) -> None:
        self.hub = hub
        self.membership = membership
        self.database = database
        self.policies: dict[str, Policy] = {}

    def entered(self, slug: str, policy: Policy) -> None:
        """Remember by which policy somebody was let in; where another one was known, the next look has all come anew."""
        if reads_of(self.policies.setdefault(slug, policy)) != reads_of(policy):
            self.policies[slug] = UNSURE

    async def enter_volatile(self, card: RoomCard, connection: Connection) -> None:
        """Let somebody into a room that keeps nothing. Raises: WireError where they may not, Unavailable."""
        await self.membership.joined(card.slug)
        if not card.policy.simple:
            reader = rights.heeded(card.policy, reader_of(card.slug, connection))
            standing = await ask(self.database, rights.standing, card.id, reader)
            permissions.check_read(card.policy, reader.person, standing)
            connection.standings[card.slug] = standing
        if connection.closing is None:
            self.entered(card.slug, card.policy)
            self.hub.add(card.slug, connection)

    def check_post(self, slug: str, connection: Connection) -> None:
        """Refuse who may not speak in a volatile room. Raises: WireError."""
        policy = self.policies.get(slug)
        if policy is not None and not policy.simple:
            permissions.check_post(policy, connection.person, connection.standings.get(slug, NOBODY))

    async def looked(self, policies: Mapping[str, Policy], put_out: PutOut) -> None:
        """Put in force what a look found: where others may read than before, everybody comes anew.

        Where it did not matter before what somebody is, it is asked after now.
        """
        for slug in self.policies.keys() - self.hub.rooms.keys():
            del self.policies[slug]
        for slug, policy in policies.items():
            before = self.policies.get(slug)
            if slug in self.hub.rooms:
                self.policies[slug] = policy
            if before is None or before == policy:
                continue
            if reads_of(before) != reads_of(policy):
                await put_out(slug)
            elif before.simple and not policy.simple:
                try:
                    await self._recheck_room(slug, self.hub.members(slug))
                except Unavailable:
                    self.policies[slug] = before  # The next look tries again; the outage is in the log.

    async def recheck(self, connections: Collection[Connection]) -> None:
        """Ask anew what people may do in the rooms that they are in, where not everybody may; put them out, or not.

        Raises: Unavailable.
        """
        rooms: dict[str, list[Connection]] = {}
        for connection in connections:
            for slug in connection.rooms:
                policy = self.policies.get(slug)
                if policy is not None and not policy.simple:
                    rooms.setdefault(slug, []).append(connection)
        for slug, there in rooms.items():
            await self._recheck_room(slug, there)

    async def _recheck_room(self, slug: str, connections: Collection[Connection]) -> None:
        readers = [reader_of(slug, connection) for connection in connections]
        policy, standings = await ask(self.database, rights.read, slug, readers)
        for connection in connections:
            standing = standings.get(connection.person.id, NOBODY)
            connection.standings[slug] = standing
            if not permissions.may_read(policy, connection.person, standing):
                self.hub.shut_out(slug, {connection.person.id})
