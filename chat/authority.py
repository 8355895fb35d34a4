"""The authority: who somebody is, by whatever they show. One policy for cookies, tokens and tickets."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs

from django.conf import settings

from chat import people, tickets
from chat.cookie_names import OLD_SESSION
from chat.cookies import value_of
from chat.database import Database, ask
from chat.live.identity import Identity, name_without
from chat.origins import SCOPE_KEY
from chat.sessions import Sessions
from chat.tokens import Claims, Refused, Tokens
from chat.wire import names
from chat.wire.codes import WireError
from chat.wire.events import Person
from chat.wire.skeletons import skeleton

BEARER = "bearer."
# As Django makes them (SessionBase._get_new_session_key): no other is asked for.
SESSION_KEY = "[a-z0-9]{8,40}"
MAX_QUERY_FIELDS = 20


@dataclass(frozen=True, slots=True)
class Shown:
    """What somebody shows at a handshake. `origin` is the page's, empty for a program."""

    ticket: str | None = field(default=None, repr=False)
    bearer: str | None = field(default=None, repr=False)
    # The session's cookie, then the one by its old name (chat.old_cookies).
    sessions: tuple[str, ...] = field(default=(), repr=False)
    origin: str = ""


def read(scope: dict[str, Any]) -> Shown:
    """Return what a handshake shows. Raises: Refused where it shows the same twice, or what is no ticket.

    A cookie without an Origin is no browser's, and ignored: a stolen one is not that easily used.
    """
    visit = scope.get(SCOPE_KEY)
    origin = None if visit is None else visit.origin
    bearers = [name.removeprefix(BEARER) for name in scope.get("subprotocols", ()) if name.startswith(BEARER)]
    if len(bearers) > 1:
        raise Refused("malformed")
    names = () if origin is None else (settings.SESSION_COOKIE_NAME, OLD_SESSION)
    sessions = tuple(found for name in names if (found := value_of(scope, name, SESSION_KEY)) is not None)
    bearer = bearers[0] if bearers else None
    return Shown(ticket_of(scope), bearer, sessions, "" if origin is None else str(origin))


def ticket_of(scope: dict[str, Any]) -> str | None:
    """Return the query's ticket. Raises: Refused."""
    query = scope.get("query_string", b"").decode("latin-1")
    if "ticket" not in query:
        return None
    try:
        found = parse_qs(query, keep_blank_values=True, max_num_fields=MAX_QUERY_FIELDS).get("ticket", [])
    except ValueError:
        raise Refused("ticket") from None
    if len(found) > 1 or not all(re.fullmatch(tickets.FORM, ticket) for ticket in found):
        raise Refused("ticket")
    return found[0] if found else None


def shows_something(scope: dict[str, Any]) -> bool:
    """Tell whether a handshake shows what may make it an account's; what it is worth takes a look-up."""
    try:
        shown = read(scope)
    except Refused:
        return False
    return any(it is not None for it in (shown.ticket, shown.bearer, *shown.sessions[:1]))


class Authority:
    """Says who somebody is.

    What is shown on purpose comes before what a browser adds by itself: a ticket, then a token, then the session's
    cookie. A guest's token only says which guest: it comes last. What is shown on purpose and does not hold is refused,
    and makes nobody a guest. `refused` counts why.
    """

    def __init__(self, tokens: Tokens, sessions: Sessions, database: Database) -> None:
        self.tokens = tokens
        self.sessions = sessions
        self.database = database
        self.refused: Counter[str] = Counter()

    async def identify(self, scope: dict[str, Any]) -> Identity | None:
        """Return who dials, or None for a guest that nobody knows. Raises: Refused, chat.database.Unavailable."""
        try:
            return await self._identify(read(scope))
        except Refused as refused:
            self.refused[refused.reason] += 1
            raise

    async def accept(self, token: str) -> Identity:
        """Return whose token it is. Raises: Refused, chat.database.Unavailable."""
        try:
            return await self._holder(await self.tokens.verify(token))
        except Refused as refused:
            self.refused[refused.reason] += 1
            raise

    async def _identify(self, shown: Shown) -> Identity | None:
        if shown.ticket is not None:
            return await self._by_ticket(shown.ticket, shown.origin)
        claims = None if shown.bearer is None else await self.tokens.verify(shown.bearer)
        if claims is not None and not claims.is_guest:
            return await self._holder(claims)
        for session in dict.fromkeys(shown.sessions):
            account = await self.sessions.find(session)
            if account is not None:
                return Identity(account.person, session, account.user)
        return None if claims is None else await self._guest(claims.person)

    async def _by_ticket(self, ticket: str, origin: str) -> Identity:
        redeemed = await ask(self.database, tickets.redeem, ticket, origin)
        if redeemed is None:
            raise Refused("ticket")
        account = await self.sessions.find(redeemed.session)
        if account is None or account.user != redeemed.user:
            raise Refused("session")
        return Identity(account.person, redeemed.session, account.user)

    async def _holder(self, claims: Claims) -> Identity:
        """Return who a token's claims are about; of an account's only where its session still is."""
        if claims.is_guest:
            return await self._guest(claims.person)
        if not claims.session:
            return Identity(await self._stranger(claims.person), granted=claims.granted, expires_at=claims.expires_at)
        account = await self.sessions.find(claims.session)
        if account is None or account.person.id != claims.person.id:
            raise Refused("session")
        return Identity(account.person, claims.session, account.user, expires_at=claims.expires_at)

    async def _stranger(self, person: Person) -> Person:
        """Return somebody without an account; one who is called like an account here is shown by another name."""
        own = name_without(person)
        if person.name == own or not await ask(self.database, people.is_shown, skeleton(person.name)):
            return person
        return Person(person.id, own, person.kind)

    async def _guest(self, person: Person) -> Identity:
        """Return a guest that was here before; a name that is an account's by now, or may not be any more, is not theirs."""
        own = name_without(person)
        try:
            names.clean(person.name, own)
        except WireError:
            return Identity(Person(person.id, own, person.kind))
        return Identity(await self._stranger(person))
