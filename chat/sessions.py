"""Sessions: whose they are, asked for many at once; and connections that end with them."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import replace

from chat import auth
from chat.auth import Account
from chat.database import Database, Unavailable, ask
from chat.live.connection import Connection
from chat.live.registry import Registry

logger = logging.getLogger("chat.sessions")

# Everybody is asked after again so often, whatever ended their session: raw SQL, `clearsessions`, its time.
RECHECK_SECONDS = 30.0
# Sessions that one pair of queries asks after.
BATCH = 200
# Questions begin at least so far apart. One session alone costs 1.1 ms, among 200 one costs 0.1: in a storm of 500 connects
# a second that is a tenth of a core in place of half of one.
GATHER_SECONDS = 0.02
# A look-up that began before a note was heard may have read what was before it.
RECENT_SECONDS = 30.0

End = Callable[[Collection[Connection]], Awaitable[None]]
Rights = Callable[[Collection[Connection]], Awaitable[None]]


class Sessions:
    """Asks whose sessions are; those who ask while an answer is under way share the next one.

    A storm of connects so costs a few queries, not two for each of them.
    """

    def __init__(self, database: Database) -> None:
        self.database = database
        self.waiting: dict[str, asyncio.Future[Account | None]] = {}
        self.asking: asyncio.Task[None] | None = None
        self.next_at = 0.0

    async def find(self, key: str) -> Account | None:
        """Return whose session it is, or None where it holds no more. Raises: chat.database.Unavailable."""
        answer = self.waiting.get(key)
        if answer is None:
            answer = self.waiting[key] = asyncio.get_running_loop().create_future()
            # Whoever asked may have gone: nobody has to look at it.
            answer.add_done_callback(lambda done: done.cancelled() or done.exception())
        if self.asking is None:
            self.asking = asyncio.get_running_loop().create_task(self._ask_all())
        return await asyncio.shield(answer)

    async def _ask_all(self) -> None:
        try:
            while self.waiting:
                clock = asyncio.get_running_loop().time
                if clock() < self.next_at:
                    await asyncio.sleep(self.next_at - clock())
                self.next_at = clock() + GATHER_SECONDS
                keys = list(self.waiting)[:BATCH]
                await self._ask({key: self.waiting.pop(key) for key in keys})
        finally:
            self.asking = None

    async def _ask(self, asked: Mapping[str, asyncio.Future[Account | None]]) -> None:
        try:
            found = await self.read(list(asked))
        except Exception as error:  # Each who asked gets it.
            for answer in asked.values():
                answer.set_exception(error)
        else:
            for key, answer in asked.items():
                answer.set_result(found.get(key))

    async def read(self, keys: Collection[str]) -> dict[str, Account]:
        """Return whose sessions they are, now. Raises: chat.database.Unavailable."""
        return await ask(self.database, auth.read, keys)


class Watch:
    """Ends the connections of those whose session is no more, or is somebody else's now.

    `end` closes connections, `rights` asks anew what those that go on may do. Notes say whom to ask after at once;
    besides, everybody's session is asked after in turn.
    """

    def __init__(
        self, registry: Registry, sessions: Sessions, end: End, rights: Rights, clock: Callable[[], float]
    ) -> None:
        self.registry = registry
        self.sessions = sessions
        self.end = end
        self.rights = rights
        self.clock = clock
        self.due: set[int] = set()
        self.noted: dict[int, float] = {}
        self.answers = True

    async def run(self) -> None:
        """Ask after everybody, spread over the time, for ever."""
        while True:
            began = self.clock()
            users = list(self.registry.users)
            for start in range(0, len(users), BATCH):
                await self._ask_after(users[start : start + BATCH])
                await asyncio.sleep(RECHECK_SECONDS * BATCH / max(len(users), BATCH) / 2)
            await asyncio.sleep(max(1.0, began + RECHECK_SECONDS - self.clock()))

    async def hear(self, users: Collection[int]) -> None:
        """Ask after these users at once, and after whom could not be asked after before."""
        now = self.clock()
        self.noted = {user: at for user, at in self.noted.items() if now - at < RECENT_SECONDS}
        self.noted.update(dict.fromkeys(users, now))
        self.due.update(users)
        # Taken out before: who comes while the answer is on its way may be due again.
        due, self.due = self.due & self.registry.users.keys(), set()
        if due and not await self._ask_after(due):
            self.due |= due

    async def _ask_after(self, users: Collection[int]) -> bool:
        """Ask who users are and what they may do; False where the database does not say."""
        try:
            await self.recheck(self.registry.of(users))
            await self.rights([connection for connection in self.registry.of(users) if connection.closing is None])
        except Unavailable as error:
            if self.answers:
                logger.warning("sessions cannot be asked after, and go on until they can: %s", error)
            self.answers = False
        else:
            self.answers = True
        return self.answers

    def came(self, connection: Connection, asked_at: float) -> None:
        """Take somebody in who was asked after at a time; a note that was heard since makes them due again."""
        if self.noted.get(connection.identity.user, float("-inf")) >= asked_at:
            self.due.add(connection.identity.user)

    async def recheck(self, connections: Collection[Connection]) -> None:
        """End those who are no more who they were. Raises: Unavailable."""
        asked = [(connection, connection.identity) for connection in connections if connection.closing is None]
        keys = list({identity.session for _, identity in asked})
        found: dict[str, Account] = {}
        for start in range(0, len(keys), BATCH):
            found.update(await self.sessions.read(keys[start : start + BATCH]))
        leaving = []
        for connection, identity in asked:
            account = found.get(identity.session)
            if connection.closing is not None or connection.identity is not identity:
                continue  # It has ended, or is somebody else by now.
            if account is None or account.user != identity.user:
                leaving.append(connection)
            elif account.person != identity.person:
                self.registry.identify(connection, replace(identity, person=account.person))
        if leaving:
            logger.info("closing %d connections: their sessions have ended", len(leaving))
            await self.end(leaving)
