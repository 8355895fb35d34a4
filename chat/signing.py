"""Signing in on an open connection: by a token, in time, and for as long as it holds."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

from chat import people
from chat.database import Unavailable, ask
from chat.live.connection import Connection
from chat.live.identity import Identity, name_without
from chat.live.places import Admission
from chat.node import Node
from chat.tokens import Refused
from chat.wire import names
from chat.wire.codes import (
    AUTH_TIMEOUT,
    SESSION_ENDED,
    TOO_MANY_CONNECTIONS,
    UNAVAILABLE,
    Error,
    WireError,
)
from chat.wire.commands import Auth, Id, Name

# From the handshake to a token, where guests are not let in.
AUTH_SECONDS = 10.0
# And no longer than this beyond, while the server itself is slow to look the token up.
LOOK_UP_SECONDS = 10.0
# A timer is not set for longer: a token may last for years.
LONGEST_TIMER_SECONDS = 24 * 3600.0

Answer = Callable[[str, Id, Any], None]
Moved = Callable[[Identity], Awaitable[None]]


class Signing:
    """Who one connection's client is, and until when."""

    def __init__(self, node: Node, connection: Connection, answer: Answer, moved: Moved) -> None:
        self.node = node
        self.connection = connection
        self.answer = answer
        # Told of who the client was before: what they may read is another matter now.
        self.moved = moved
        self.timer: asyncio.TimerHandle | None = None
        # Whether the server still owes an answer to a token, or could not give one.
        self.looking_up = False
        self.unanswered = False

    def begin(self) -> None:
        """Give a client that is nobody yet its time, and one by a token the token's."""
        if self.admitted:
            self._watch()
        else:
            self._later(AUTH_SECONDS, self._overdue)

    def end(self) -> None:
        if self.timer is not None:
            self.timer.cancel()
            self.timer = None

    @property
    def admitted(self) -> bool:
        """Whether the client may take part: where guests may not, nobody is let in as one."""
        return self.node.conf.guests or not self.connection.identity.is_guest

    def check(self) -> None:
        """Refuse who has to sign in first. Raises: WireError."""
        if not self.admitted:
            raise WireError(Error.UNAUTHENTICATED, "Guests may not take part here: send `auth` with a token first.")

    # Tokens

    async def auth(self, id: Id, wanted: Auth) -> None:
        """Let the client be who its token says. Raises: WireError, Unavailable."""
        asked_at = self.node.clock()
        identity = await self._look_up(wanted.token)
        if identity.is_guest and not self.node.conf.guests:
            raise WireError(Error.UNAUTHENTICATED, "Guests may not take part here.")
        if self.connection.closing is not None:
            return
        was = self.connection.identity
        if is_same(was, identity):
            # Only how long it lasts may be another: what they may read and what their rooms are is known here.
            self.node.registry.identify(self.connection, identity)
            self.end()
            self._watch()
            self.answer("ack", id, self.described())
            return
        self.node.personal.end(self.connection)
        self.node.registry.identify(self.connection, identity)
        place = self.connection.place
        if place is not None and place.admission is not Admission.WELCOME:
            self.connection.close(TOO_MANY_CONNECTIONS.because(place.reason), self.node.spread_widely())
            return
        self.node.watch.came(self.connection, asked_at)
        self.node.namesakes.came(self.connection, asked_at)
        self.end()
        self._watch()
        self.answer("ack", id, self.described())
        await self.moved(was)

    async def _look_up(self, token: str) -> Identity:
        """Return whose token it is. Raises: WireError, Unavailable."""
        self.looking_up = True
        try:
            return await self.node.authority.accept(token)
        except Refused:
            self.unanswered = False
            raise WireError(Error.UNAUTHENTICATED, "This token does not hold.") from None
        except Unavailable:
            self.unanswered = True
            raise
        finally:
            self.looking_up = False

    def described(self) -> dict[str, Any]:
        """Return who the client is; a guest gets a token by which it is the same one next time."""
        person = self.connection.person
        if not self.admitted:
            return {"user": None}
        if person.kind != "guest":
            return {"user": person}
        return {"user": person, "token": self.node.authority.tokens.for_guest(person)}

    async def rename(self, id: Id, name: Name) -> None:
        """Give a guest another name, which is no account's, nor a guest's beside them. Raises: WireError, Unavailable."""
        self.check()
        if not self.connection.identity.is_guest:
            raise WireError(Error.FORBIDDEN, "Who is signed in is called by the name of the account.")
        given = name_without(self.connection.person)
        shown = names.clean(name.name, given)
        if shown != given:
            await ask(self.node.database, people.check_free, shown)
            # After that: another may have taken it meanwhile.
            self.node.namesakes.check(self.connection, shown)
        self.node.registry.rename(self.connection, shown)
        self.answer("ack", id, self.described())

    # Time

    def _later(self, seconds: float, run: Callable[[], None]) -> None:
        self.timer = self.connection.lane.loop.call_later(seconds, run)

    def _overdue(self) -> None:
        """End a client that showed nothing in time; where the server was too slow to say, it may come back."""
        if self.looking_up and not self.unanswered:
            self.unanswered = True
            self._later(LOOK_UP_SECONDS, self._overdue)
        elif not self.admitted:
            self.connection.close(UNAVAILABLE if self.unanswered else AUTH_TIMEOUT, self.node.spread())

    def _watch(self) -> None:
        """End the connection when its token ends."""
        expires_at = self.connection.identity.expires_at
        if expires_at is None:
            return
        left = expires_at - self.node.authority.tokens.clock()
        if left > 0:
            self._later(min(left, LONGEST_TIMER_SECONDS), self._watch)
        else:
            self.connection.close(SESSION_ENDED.because("The token has expired: get another one."))


def is_same(was: Identity, now: Identity) -> bool:
    """Tell whether a token says of somebody what is known of them already."""
    return replace(was, expires_at=now.expires_at) == now
