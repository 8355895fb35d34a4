"""A person's own stream: the rooms that are theirs, what is unread in them, and what they read elsewhere."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable
from itertools import islice
from typing import Any

from chat.database import Database, Unavailable, ask
from chat.live.connection import Connection
from chat.rooms import own
from chat.rooms.notices import notices
from chat.rooms.own import Mark, Own, Rooms
from chat.rooms.rights import user_of
from chat.wire import json
from chat.wire.codes import Error, WireError
from chat.wire.frames import Batch

logger = logging.getLogger("chat.personal")

SECONDS = 1.0
# Whose rooms are read again each second, in turn: what changed in them, on whichever process, is told after that.
MAX_USERS = 100
# Rooms whose last message is asked after each second, in turn.
MAX_ROOMS = 1000
# Of many who are told something so many at once, then the loop may do its other work.
MAX_TOLD = 200


class Personal:
    """Tells the signed-in of their own rooms. Present state, not a log: who comes back gets all of it again.

    Once a second it reads where the followed rooms stand and writes what was read here; the layer is not needed.
    """

    def __init__(self, database: Database, turn: Callable[[], Any], last: Callable[[str], int | None]) -> None:
        self.database = database
        # The number of the last message that has passed here: what is known from the database may be a second old. None
        # of a room that keeps none.
        self.last = last
        self.turn = turn
        self.people: dict[int, set[Connection]] = {}
        self.rooms: dict[int, Rooms] = {}
        self.followers: dict[str, set[int]] = {}
        self.reads: dict[tuple[int, str], int] = {}
        self.urgent: set[int] = set()
        # When whose rooms were read last, and what they were; and whose are being read.
        self.recent: dict[int, tuple[float, Rooms]] = {}
        self.asking: dict[int, asyncio.Future[dict[int, Rooms]]] = {}
        # Who came while the database was silent: they are told all of their rooms when it answers.
        self.unknown: set[int] = set()
        self.users_asked = self.rooms_asked = 0
        self.answers = True

    # One connection

    async def begin(self, connection: Connection, *, again: bool = False) -> None:
        """Tell somebody who has signed in what their rooms are, and what comes of them.

        `again`: the connection was told somebody's rooms before. What was read within the last second will do for it.
        """
        user = user_of(connection.person)
        if not user:
            return
        known = self._known(user) if again else None
        try:
            found = known or await self._rooms_of(user)
        except Unavailable:
            if connection.closing is None:
                self.people.setdefault(user, set()).add(connection)
                self.rooms.setdefault(user, {})
                self.unknown.add(user)
                self.urgent.add(user)  # Told when the database answers.
            return
        if connection.closing is not None:
            return
        # What has changed since the last look is told to those who are there already: the next look finds no difference.
        if not known:
            self._learn(user, found)
        elif user not in self.people:
            self._know(user, found)
        self.people.setdefault(user, set()).add(connection)
        connection.put(self._you(user))

    async def _rooms_of(self, user: int) -> Rooms:
        """Return somebody's rooms from the database; connections that ask at once share one answer. Raises: Unavailable."""
        asked = self.asking.get(user)
        if asked is None:
            asked = self.asking[user] = asyncio.ensure_future(ask(self.database, own.rooms_of, [user]))
            asked.add_done_callback(lambda done: self._answered(user, done))
        return dict((await asyncio.shield(asked))[user])

    def _answered(self, user: int, asked: asyncio.Future[dict[int, Rooms]]) -> None:
        if self.asking.get(user) is asked:
            del self.asking[user]
        if not asked.cancelled():
            asked.exception()  # Whoever asked gets it, unless they have gone.

    def _known(self, user: int) -> Rooms | None:
        """Return somebody's rooms, where they were read within the last second and nothing has changed since.

        500 rooms cost 8 ms: who signs in again and again on one connection does not make the database pay each time.
        """
        read_at, rooms = self.recent.get(user, (float("-inf"), {}))
        if asyncio.get_running_loop().time() - read_at >= SECONDS or user in self.unknown:
            return None
        return self.rooms.get(user, rooms)

    def end(self, connection: Connection) -> None:
        """Forget a connection."""
        user = user_of(connection.person)
        there = self.people.get(user)
        if there is None:
            return
        there.discard(connection)
        if not there:
            del self.people[user]
            self.unknown.discard(user)
            self._unfollow(user, self.rooms.pop(user, {}))

    def read(self, connection: Connection, slug: str, number: int) -> None:
        """Remember how far somebody has read, and tell their other connections. Raises: WireError."""
        user = user_of(connection.person)
        if not user:
            raise WireError(Error.UNAUTHENTICATED, "Only what the signed-in have read is remembered.")
        known = self.rooms.get(user, {}).get(slug)
        if known is None:
            raise WireError(Error.FORBIDDEN, "Only what members have read is remembered: join the room first.")
        last = self.last(slug)
        if last is None:
            raise WireError(Error.UNSUPPORTED, "This room keeps no messages.")
        self._has_read(user, slug, min(number, max(known.last, last)), connection)

    def wrote(self, connection: Connection, slug: str, number: int) -> None:
        """Hear that somebody has written a message: they have read what was said before it."""
        user = connection.identity.user
        if user and slug in self.rooms.get(user, {}):
            self._has_read(user, slug, number, connection)

    def _has_read(self, user: int, slug: str, number: int, connection: Connection) -> None:
        known = self.rooms[user][slug]
        if number <= known.read:
            return
        self.rooms[user][slug] = known._replace(read=number, last=max(known.last, number))
        self.reads[user, slug] = number
        self._tell(user, envelope("read", {"room": slug, "user": connection.person.id, "message": number}), connection)

    # Everybody

    def refresh(self, users: Iterable[int]) -> None:
        """Read some people's rooms again soon: something of theirs has changed."""
        for user in users:
            self.recent.pop(user, None)
            self.asking.pop(user, None)
            if user in self.people:
                self.urgent.add(user)

    async def run(self) -> None:
        """Keep everybody told, for ever."""
        while True:
            await asyncio.sleep(SECONDS)
            await self.once()

    async def once(self) -> None:
        """Write what was read, and tell what has changed; while the database is down, what was read waits."""
        now = asyncio.get_running_loop().time()
        self.recent = {user: it for user, it in self.recent.items() if now - it[0] < SECONDS}
        reads = [(user, slug, number) for (user, slug), number in self.reads.items()]
        try:
            if reads:
                await ask(self.database, own.mark_read, reads, self.turn)
                self._written(reads)
            await self._look_at_people()
            await self._look_at_rooms()
        except Unavailable as error:
            if self.answers:
                logger.warning("The database does not answer (%s): nobody hears of what is unread", error)
            self.answers = False
        else:
            self.answers = True

    def _written(self, reads: Iterable[tuple[int, str, int]]) -> None:
        for user, slug, number in reads:
            if self.reads.get((user, slug)) == number:
                del self.reads[user, slug]

    async def _look_at_people(self) -> None:
        users, self.users_asked = turn_of(self.people, self.users_asked, MAX_USERS)
        self.urgent &= self.people.keys()
        wanted = {*users, *self.urgent} & self.people.keys()
        if not wanted:
            return
        known = await ask(self.database, own.rooms_of, wanted)
        self.urgent -= wanted
        for user, found in known.items():
            if user in self.people:
                self._learn(user, found)

    async def _look_at_rooms(self) -> None:
        slugs, self.rooms_asked = turn_of(self.followers, self.rooms_asked, MAX_ROOMS)
        if not slugs:
            return
        for slug, mark in (await ask(self.database, own.marks, slugs)).items():
            await self._mark(slug, mark)

    async def _mark(self, slug: str, mark: Mark) -> None:
        """Tell everybody whose room it is how it stands."""
        unread = envelope("unread", {"room": slug, "last": mark.last})
        for number, user in enumerate(tuple(self.followers.get(slug, ())), 1):
            if number % MAX_TOLD == 0:
                await asyncio.sleep(0)
            known = self.rooms.get(user, {}).get(slug)
            if known is None or (now := known.at(mark)) == known:
                continue
            self.rooms[user][slug] = now
            if is_another(known, now):
                self._tell_changes(user, {slug: known}, {slug: now})
            else:
                self._tell(user, unread)  # The same bytes for all: a busy room has many followers.

    def _learn(self, user: int, found: Rooms) -> None:
        """Remember somebody's rooms, and tell what is another since."""
        before = self.rooms.get(user, {})
        self._know(user, found)
        self.recent[user] = (asyncio.get_running_loop().time(), found)
        if user in self.unknown:
            self.unknown.discard(user)
            self._tell(user, self._you(user))
        elif user in self.people:
            self._tell_changes(user, before, self.rooms[user])

    def _you(self, user: int) -> Batch:
        return envelope("you", {"rooms": [it.told(slug) for slug, it in self.rooms[user].items()]})

    def _know(self, user: int, found: Rooms) -> None:
        """Remember somebody's rooms; what was read here and is not written yet is not forgotten."""
        for slug, it in found.items():
            read = self.reads.get((user, slug), 0)
            if read > it.read:
                found[slug] = it._replace(read=read)
        self._unfollow(user, self.rooms.get(user, {}))
        self.rooms[user] = found
        for slug in found:
            self.followers.setdefault(slug, set()).add(user)

    def _unfollow(self, user: int, rooms: Iterable[str]) -> None:
        for slug in rooms:
            there = self.followers.get(slug, set())
            there.discard(user)
            if not there:
                self.followers.pop(slug, None)

    def _tell_changes(self, user: int, before: Rooms, after: Rooms) -> None:
        if len(after) >= own.MAX_ROOMS:
            # There may be more than are told: what is not among these may be theirs still.
            before = {slug: it for slug, it in before.items() if slug in after}
        for slug in before.keys() - after.keys():
            self._tell(user, envelope("room", {**before[slug].told(slug), "role": ""}))
        for slug, it in after.items():
            was = before.get(slug)
            if was is None or is_another(was, it):
                self._tell(user, envelope("room", it.told(slug)))
                continue
            if it.last > was.last:
                self._tell(user, envelope("unread", {"room": slug, "last": it.last}))
            if it.read > was.read:
                self._tell(user, envelope("read", {"room": slug, "user": f"user:{user}", "message": it.read}))
        for notice in notices(before, after):
            self._tell(user, envelope("notice", notice))

    def _tell(self, user: int, batch: Batch, teller: Connection | None = None) -> None:
        """Tell all connections of somebody, but for the one that it came from."""
        for connection in tuple(self.people.get(user, ())):
            if connection is not teller and connection.closing is None:
                connection.put(batch)


def is_another(was: Own, now: Own) -> bool:
    """Tell whether a room is another one to look at, beside what was said in it."""
    return was._replace(last=0, read=0) != now._replace(last=0, read=0)


def envelope(kind: str, payload: dict[str, Any]) -> Batch:
    return json.pack([json.envelope(kind, payload)])


def turn_of(known: Iterable[Any], asked: int, most: int) -> tuple[list[Any], int]:
    """Return the next of what is asked after in turn, and where the turn after that begins."""
    found = list(islice(known, asked, asked + most))
    return found, asked + most if len(found) == most else 0
