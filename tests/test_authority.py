"""The authority: one policy for cookies, tokens and tickets."""

from __future__ import annotations

from typing import Any

import jwt
import pytest
from django.db import OperationalError

from chat.authority import MAX_QUERY_FIELDS, Authority, read
from chat.database import Unavailable
from chat.live.identity import Identity
from chat.origins import SCOPE_KEY, Visit
from chat.sessions import Sessions
from chat.tickets import Redeemed
from chat.tokens import Refused, Tokens
from chat.wire.events import Person
from chat.wire.origins import parse
from chat.wire.skeletons import skeleton
from tests.fakes import FakeSessions, configuration

NOW = 1_795_348_800.0
OWN = Visit(parse("http://chat.example"), own=True)
LISTED = Visit(parse("https://a.example"), own=False)
PROGRAM = Visit(None, own=True)
ADA, GRACE = Person("user:1", "ada", "user"), Person("user:2", "grace", "user")
WANDERER = Person("guest:0123456789abcdef", "Wanderer", "guest")
NAMELESS = Person("guest:0123456789abcdef", "guest-0123", "guest")
SHARED = "a key that two backends share, of some length"
TICKET = "t" * 32


def tokens() -> Tokens:
    return Tokens(configuration(CHAT_JWT_KEY=SHARED), lambda: NOW)


def foreign(**claims: Any) -> str:
    return jwt.encode({"sub": "42", "name": "Ext", "exp": NOW + 60, **claims}, SHARED, "HS256")


BEARERS = {
    "ada's": tokens().for_user(ADA, "adassession")[0],
    "of a session that is no more": tokens().for_user(ADA, "anoldsession")[0],
    "ada's by grace's session": tokens().for_user(ADA, "gracesession")[0],
    "a guest's": tokens().for_guest(WANDERER),
    "a nameless guest's": tokens().for_guest(NAMELESS),
    "another backend's": foreign(rooms={"lobby": "owner"}),
    "expired": foreign(exp=NOW),
    "forged": foreign()[:-4] + "AAAA",
    "no token": "abc",
}
AS_ADA = Identity(ADA, "adassession", 1)
AS_GRACE = Identity(GRACE, "gracesession", 2)
AS_EXT = Identity(Person("ext:42", "Ext", "user"), granted={"lobby": "owner"}, expires_at=NOW + 60)
AS_ADA_BY_TOKEN = Identity(ADA, "adassession", 1, expires_at=NOW + 600)
AS_WANDERER = Identity(WANDERER)


def scope(
    *cookies: str, visit: Visit | None = OWN, bearer: str | None = None, query: str = "", offered: tuple[str, ...] = ()
) -> dict[str, Any]:
    names = ["chat.v1.json", *offered, *([] if bearer is None else [f"bearer.{BEARERS.get(bearer, bearer)}"])]
    made: dict[str, Any] = {
        "type": "websocket",
        "headers": [(b"cookie", cookie.encode()) for cookie in cookies],
        "subprotocols": names,
        "query_string": query.encode(),
    }
    return made if visit is None else {**made, SCOPE_KEY: visit}


@pytest.fixture
def sessions() -> FakeSessions:
    made = FakeSessions(adassession=ADA, gracesession=GRACE)
    made.tickets = {
        (TICKET, str(OWN.origin)): Redeemed(1, "adassession"),
        ("p" * 32, ""): Redeemed(1, "adassession"),
        ("o" * 32, str(OWN.origin)): Redeemed(1, "anoldsession"),
        ("g" * 32, str(OWN.origin)): Redeemed(1, "gracesession"),
    }
    return made


@pytest.fixture
def authority(sessions: FakeSessions) -> Authority:
    return Authority(tokens(), Sessions(sessions), sessions)  # type: ignore[arg-type]


COOKIE = "sessionid=adassession"
GRACES = "sessionid=gracesession"

HOLDS: dict[str, tuple[dict[str, Any], Identity | None]] = {
    "nothing": (scope(), None),
    "a cookie": (scope(COOKIE), AS_ADA),
    "a cookie of an allowed site's page": (scope(COOKIE, visit=LISTED), AS_ADA),
    "a cookie among others": (scope("theme=dark; sessionid=adassession; x=y"), AS_ADA),
    "two cookie headers": (scope("theme=dark", COOKIE), AS_ADA),
    "a forged cookie": (scope("sessionid=forgedsession"), None),
    "another cookie": (scope("csrftoken=adassession"), None),
    "a cookie without an origin": (scope(COOKIE, visit=PROGRAM), None),
    "a token": (scope(bearer="ada's"), AS_ADA_BY_TOKEN),
    "a program's token": (scope(bearer="ada's", visit=PROGRAM), AS_ADA_BY_TOKEN),
    "another backend's token": (scope(bearer="another backend's", visit=PROGRAM), AS_EXT),
    "a token before a cookie": (scope(GRACES, bearer="ada's"), AS_ADA_BY_TOKEN),
    "another's token before a cookie": (scope(COOKIE, bearer="another backend's"), AS_EXT),
    "a guest's token": (scope(bearer="a guest's"), AS_WANDERER),
    "a cookie before a guest's token": (scope(COOKIE, bearer="a guest's"), AS_ADA),
    "a guest's token, and a session that is no more": (scope("sessionid=anoldsession", bearer="a guest's"), AS_WANDERER),
    "a ticket": (scope(query=f"ticket={TICKET}"), AS_ADA),
    "a program's ticket": (scope(query=f"ticket={'p' * 32}", visit=PROGRAM), AS_ADA),
    "a ticket before a token and a cookie": (scope(GRACES, query=f"a=b&ticket={TICKET}", bearer="another backend's"), AS_ADA),
    "another query": (scope(query="a=b&tickets=1"), None),
}  # fmt: skip


@pytest.mark.parametrize("name", HOLDS)
async def test_what_holds_says_who_somebody_is(authority: Authority, name: str) -> None:
    came, identity = HOLDS[name]
    assert await authority.identify(came) == identity
    assert authority.refused == {}


REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "an expired token": (scope(bearer="expired"), "expired"),
    "a forged token": (scope(bearer="forged"), "signature"),
    "no token": (scope(bearer="no token"), "malformed"),
    "an empty token": (scope(bearer=""), "malformed"),
    "a forged token beside a cookie": (scope(COOKIE, bearer="forged"), "signature"),
    "two tokens": (scope(bearer="ada's", offered=("bearer.x",)), "malformed"),
    "a token of a session that is no more": (scope(bearer="of a session that is no more"), "session"),
    "a token by another's session": (scope(bearer="ada's by grace's session"), "session"),
    "an unknown ticket": (scope(query=f"ticket={'x' * 32}"), "ticket"),
    "an unknown ticket beside a cookie": (scope(COOKIE, query=f"ticket={'x' * 32}"), "ticket"),
    "an empty ticket": (scope(query="ticket="), "ticket"),
    "a short ticket": (scope(query="ticket=abc"), "ticket"),
    "an odd ticket": (scope(query=f"ticket={'%00' * 32}"), "ticket"),
    "two tickets": (scope(query=f"ticket={TICKET}&ticket={TICKET}"), "ticket"),
    "a query of many fields": (scope(query="&".join(["ticket=x"] * (MAX_QUERY_FIELDS + 1))), "ticket"),
    "another page's ticket": (scope(query=f"ticket={TICKET}", visit=LISTED), "ticket"),
    "a page's ticket by a program": (scope(query=f"ticket={TICKET}", visit=PROGRAM), "ticket"),
    "a program's ticket by a page": (scope(query=f"ticket={'p' * 32}"), "ticket"),
    "a ticket of a session that is no more": (scope(query=f"ticket={'o' * 32}"), "session"),
    "a ticket by another's session": (scope(query=f"ticket={'g' * 32}"), "session"),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
async def test_what_is_shown_on_purpose_and_does_not_hold_makes_nobody_a_guest_and_is_counted(
    authority: Authority, name: str
) -> None:
    came, reason = REFUSED[name]
    with pytest.raises(Refused):
        await authority.identify(came)
    assert authority.refused == {reason: 1}


async def test_a_guests_name_that_is_an_accounts_by_now_is_no_more_the_guests(
    authority: Authority, sessions: FakeSessions
) -> None:
    sessions.names = {skeleton("wanderer")}
    assert await authority.identify(scope(bearer="a guest's")) == Identity(NAMELESS)
    assert await authority.accept(BEARERS["a guest's"]) == Identity(NAMELESS)


@pytest.mark.parametrize("name", ["Seᖇver broadcast", "deleted user", "guest-4567", "user-7", "\u0301", ""])
async def test_a_guests_name_that_may_not_be_any_more_is_no_more_the_guests(authority: Authority, name: str) -> None:
    token = tokens().for_guest(Person(WANDERER.id, name, "guest"))
    assert await authority.accept(token) == Identity(NAMELESS)


async def test_a_ticket_opens_once(authority: Authority) -> None:
    came = scope(query=f"ticket={TICKET}")
    assert await authority.identify(came) == AS_ADA
    with pytest.raises(Refused):
        await authority.identify(came)


@pytest.mark.parametrize(
    "came",
    [
        scope(COOKIE, visit=PROGRAM),
        scope(COOKIE, visit=None),
        scope(),
        scope("sessionid="),
        scope("sessionid"),
        scope("; ;=;"),
        scope("sessionid=short"),
        scope("sessionid=ADASSESSION"),
        scope(r'sessionid="\000adassession"'),
        scope("xsessionid=adassession"),
        scope('a="' + "\\" * 14_000 + '"'),
        scope(bearer="a nameless guest's"),
    ],
    ids=[
        *("no origin", "past the gate", "no cookie", "empty", "no value", "odd", "short", "upper case", "NUL"),
        *("another name", "backslashes", "a guest's token"),
    ],
)
async def test_what_needs_no_look_up_gets_none(
    authority: Authority, sessions: FakeSessions, came: dict[str, Any]
) -> None:
    sessions.error = AssertionError("the database was asked")
    await authority.identify(came)


async def test_somebody_of_another_backend_is_not_called_like_an_account_here(
    authority: Authority, sessions: FakeSessions
) -> None:
    came = await authority.identify(scope(bearer="another backend's"))
    assert came is not None
    sessions.names.add(skeleton(came.person.name))
    again = await authority.identify(scope(bearer="another backend's"))
    assert again is not None and again.person.id == came.person.id
    assert again.person.name.startswith("user-") and again.person.name != came.person.name


async def test_a_database_that_does_not_answer_makes_nobody_a_guest(
    authority: Authority, sessions: FakeSessions
) -> None:
    for sessions.error in (OperationalError("gone"), TimeoutError()):
        for came in (scope(COOKIE), scope(bearer="ada's"), scope(query=f"ticket={TICKET}")):
            with pytest.raises(Unavailable):
                await authority.identify(came)
    assert authority.refused == {}


async def test_on_an_open_connection_the_same_tokens_hold(authority: Authority) -> None:
    assert await authority.accept(BEARERS["ada's"]) == AS_ADA_BY_TOKEN
    assert await authority.accept(BEARERS["a guest's"]) == AS_WANDERER
    assert await authority.accept(BEARERS["another backend's"]) == AS_EXT
    for name in ("expired", "forged", "of a session that is no more"):
        with pytest.raises(Refused):
            await authority.accept(BEARERS[name])
    assert authority.refused.total() == 3


def test_nothing_that_is_shown_stands_in_what_may_be_logged() -> None:
    shown = read(scope(COOKIE, bearer="ada's", query=f"ticket={TICKET}"))
    for secret in (BEARERS["ada's"], TICKET, "adassession"):
        assert secret not in repr(shown)
    assert "adassession" not in repr(AS_ADA)
