"""Signing in on an open connection."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import jwt
import pytest
from django.db import OperationalError

from chat.database import Unavailable
from chat.doors import reader_of
from chat.live.connection import Connection
from chat.live.identity import Identity
from chat.live.places import Admission
from chat.node import Node
from chat.rooms.changes import Change
from chat.rooms.permissions import Role
from chat.rooms.rights import Reader
from chat.signing import AUTH_SECONDS, LOOK_UP_SECONDS
from chat.tokens import USER_SECONDS
from chat.wire.events import Person
from chat.wire.skeletons import skeleton
from tests.fakes import FakeSessions, make_node
from tests.model_log import ModelLog
from tests.test_conversation import Client, code
from tests.virtual import in_virtual_time

ADA, GRACE = Person("user:1", "ada", "user"), Person("user:2", "grace", "user")
WANDERER = Person("guest:0123456789abcdef", "Wanderer", "guest")
SHARED = "a key that two backends share, of some length"


@asynccontextmanager
async def started(run: bool = True, **variables: Any) -> AsyncIterator[tuple[Node, FakeSessions]]:
    """Return a node whose tokens live by the loop's clock, and its sessions; it runs unless time passes by the month."""
    node = make_node(CHAT_JWT_KEY=SHARED, **variables)
    node.authority.tokens.clock = asyncio.get_running_loop().time
    sessions = FakeSessions(adassession=ADA, gracesession=GRACE)
    sessions.serve(node)
    if run:
        node.start()
    await asyncio.sleep(0.01)
    yield node, sessions
    await node.stop()


class Dialled(Client):
    """A client that is let in, as the consumer does it."""

    def __init__(self, node: Node, codec: str = "json", identity: Identity | None = None) -> None:
        super().__init__(node, codec)
        self.connection.identity = identity or self.connection.identity
        node.registry.add(self.connection)
        self.conversation.signing.begin()
        if codec == "json":
            self.conversation.welcome()

    @property
    def closed(self) -> int | None:
        return self.connection.closing and self.connection.closing.code


def token_of(node: Node, person: Person, session: str) -> str:
    return node.authority.tokens.for_user(person, session)[0]


def foreign(seconds: float = 60, **claims: Any) -> str:
    exp = int(asyncio.get_running_loop().time() + seconds)
    return jwt.encode({"sub": "42", "name": "Ext", "exp": exp, **claims}, SHARED, "HS256")


def described(person: Person) -> dict[str, str]:
    return {"id": person.id, "name": person.name, "kind": person.kind}


# Becoming somebody


@in_virtual_time
async def test_a_token_makes_a_guest_its_user_and_joined_rooms_stay_joined() -> None:
    async with started() as (node, _):
        client = Dialled(node)
        await client.join("lobby")
        answer = await client.ask("auth", token=token_of(node, ADA, "adassession"))
        assert answer == {"type": "ack", "id": 1, "payload": {"user": described(ADA)}}
        assert client.connection.rooms == {"lobby"}
        assert node.registry.of([1]) == [client.connection]
        client.say("send", 2, room="lobby", text="it is me")
        await asyncio.sleep(0.1)
        assert client.heard[0]["author"] == described(ADA)


@in_virtual_time
async def test_another_token_makes_the_connection_anothers() -> None:
    async with started() as (node, _):
        client = Dialled(node, identity=Identity(ADA, "adassession", 1))
        for token, person, user in (
            (token_of(node, GRACE, "gracesession"), GRACE, 2),
            (foreign(rooms=["lobby"]), Person("ext:42", "Ext", "user"), 0),
            (node.authority.tokens.for_guest(WANDERER), WANDERER, 0),
            (token_of(node, ADA, "adassession"), ADA, 1),
        ):
            answer = await client.ask("auth", token=token)
            assert answer["payload"]["user"] == described(person)
            assert (client.connection.person, client.connection.identity.user) == (person, user)
            assert set(node.registry.users) == ({user} if user else set())


@in_virtual_time
async def test_what_does_not_hold_is_unauthenticated_without_a_detail_and_changes_nothing() -> None:
    async with started() as (node, _):
        client = Dialled(node, identity=Identity(ADA, "adassession", 1))
        bad = ["x", foreign(-60), foreign(aud="other"), token_of(node, ADA, "gone"), foreign()[:-3]]
        messages = set()
        for token in bad:
            answer = await client.ask("auth", token=token)
            assert code(answer) == "unauthenticated"
            messages.add(answer["payload"]["message"])
        assert messages == {"This token does not hold."}
        assert client.connection.identity == Identity(ADA, "adassession", 1)
        assert dict(node.authority.refused) == {
            "malformed": 1,
            "expired": 1,
            "audience": 1,
            "session": 1,
            "signature": 1,
        }


@pytest.mark.parametrize(
    "payload",
    [{}, {"token": 5}, {"token": ""}, {"token": "x" * 4097}],
    ids=["missing", "a number", "empty", "too long"],
)
def test_what_is_no_token_at_all_is_a_bad_frame(payload: dict[str, Any]) -> None:
    @in_virtual_time
    async def scenario() -> None:
        async with started() as (node, _):
            assert code(await Dialled(node).ask("auth", **payload)) == "bad_frame"

    scenario()


@in_virtual_time
async def test_while_the_database_is_down_signing_in_is_unavailable() -> None:
    async with started() as (node, sessions):
        client = Dialled(node)
        sessions.error = OperationalError("gone")
        assert code(await client.ask("auth", token=token_of(node, ADA, "adassession"))) == "unavailable"
        assert client.connection.identity.is_guest


@in_virtual_time
async def test_what_follows_an_auth_that_is_under_way_waits_for_it() -> None:
    async with started(CHAT_GUESTS=0) as (node, sessions):
        client = Dialled(node)
        client.lane.take()
        sessions.gate = asyncio.Event()
        client.say("auth", 1, token=token_of(node, ADA, "adassession"))
        client.say("join", 2, room="lobby")
        client.say("send", 3, room="lobby", text="hi")
        client.say("ping", 4)
        await asyncio.sleep(0.1)
        sessions.gate.set()
        await asyncio.sleep(0.1)
        answers = [(it["type"], it["id"]) for it in client.lane.take() if "id" in it]
        assert answers == [("pong", 4), ("ack", 1), ("ack", 2), ("ack", 3)]


# Rooms that the new person may not read in


@in_virtual_time
async def test_who_becomes_somebody_else_leaves_what_that_one_may_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    async with started() as (node, _):
        asked: list[Person] = []

        async def recheck(connections: list[Connection]) -> None:
            asked.extend(connection.person for connection in connections)
            for connection in connections:
                node.hub.shut_out("goframe", {connection.person.id})

        monkeypatch.setattr(node.doors, "recheck", recheck)
        client = Dialled(node)
        await client.join("lobby", "goframe")
        client.lane.take()
        client.say("auth", 1, token=token_of(node, ADA, "adassession"))
        await asyncio.sleep(0.1)
        assert client.connection.rooms == {"lobby"}
        assert [it["payload"] for it in client.lane.take() if it["type"] == "resync"] == [{"room": "goframe"}]
        await client.ask("auth", token=token_of(node, ADA, "adassession"))
        assert asked == [ADA], "the same person again may read what they might"


@in_virtual_time
async def test_where_nobody_says_what_the_new_person_may_read_all_rooms_are_to_be_joined_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with started() as (node, _):

        async def recheck(connections: list[Connection]) -> None:
            raise Unavailable("gone")

        monkeypatch.setattr(node.doors, "recheck", recheck)
        client = Dialled(node)
        await client.join("lobby", "goframe")
        client.lane.take()
        client.say("auth", 1, token=foreign())
        await asyncio.sleep(0.1)
        assert client.connection.rooms == set()
        assert sorted(it["type"] for it in client.lane.take()) == ["ack", "resync", "resync"]


@in_virtual_time
async def test_rooms_of_ones_own_are_told_anew_to_who_has_signed_in() -> None:
    async with started() as (node, _):
        client = Dialled(node)
        client.lane.take()
        client.say("auth", 1, token=token_of(node, ADA, "adassession"))
        await asyncio.sleep(0.1)
        assert [it["type"] for it in client.lane.take()] == ["ack", "you"]
        assert node.personal.people == {1: {client.connection}}
        await client.ask("auth", token=token_of(node, GRACE, "gracesession"))
        assert node.personal.people == {2: {client.connection}}
        await client.ask("auth", token=node.authority.tokens.for_guest(WANDERER))
        assert node.personal.people == {}


# Time


@in_virtual_time
async def test_a_token_that_ends_ends_the_connection_unless_another_came() -> None:
    async with started(run=False) as (node, _):
        left, refreshed = (Dialled(node) for _ in range(2))
        for client in (left, refreshed):
            await client.ask("auth", token=token_of(node, ADA, "adassession"))
        await asyncio.sleep(USER_SECONDS - 10)
        await refreshed.ask("auth", token=token_of(node, ADA, "adassession"))
        await asyncio.sleep(20)
        assert (left.closed, refreshed.closed) == (4502, None)
        assert "expired" in left.lane.envelopes[-1]["payload"]["reason"]
        await asyncio.sleep(USER_SECONDS)
        assert refreshed.closed == 4502


@in_virtual_time
async def test_a_token_of_many_days_is_watched_to_its_end() -> None:
    async with started(run=False) as (node, _):
        client = Dialled(node)
        await client.ask("auth", token=foreign(20 * 86_400))
        await asyncio.sleep(20 * 86_400 - 60)
        assert client.closed is None
        await asyncio.sleep(61)
        assert client.closed == 4502


@in_virtual_time
async def test_who_came_by_a_token_is_watched_from_the_handshake_on() -> None:
    async with started() as (node, _):
        ends = asyncio.get_running_loop().time() + 30
        client = Dialled(node, identity=Identity(Person("ext:42", "Ext", "user"), expires_at=ends))
        await asyncio.sleep(29)
        assert client.closed is None
        await asyncio.sleep(2)
        assert client.closed == 4502


@in_virtual_time
async def test_a_connection_that_ended_leaves_no_timer_behind() -> None:
    async with started() as (node, _):
        client = Dialled(node)
        await client.ask("auth", token=foreign(20 * 86_400))
        client.conversation.end()
        assert client.conversation.signing.timer is None


# Where guests are not let in


@in_virtual_time
async def test_where_guests_are_not_let_in_one_has_ten_seconds_to_sign_in() -> None:
    async with started(CHAT_GUESTS=0) as (node, _):
        idle, busy, signs = (Dialled(node) for _ in range(3))
        (welcome,) = idle.lane.take()
        assert (welcome["type"], welcome["payload"]["user"]) == ("welcome", None)
        assert "token" not in welcome["payload"]
        await asyncio.sleep(AUTH_SECONDS - 1)
        for kind, payload in (
            ("join", {"room": "lobby"}),
            ("history", {"room": "lobby"}),
            ("send", {"room": "lobby", "text": "hi"}),
            ("name", {"name": "Ada"}),
            ("leave", {"room": "lobby"}),
            ("read", {"room": "lobby", "message": 1}),
            ("auth", {"token": node.authority.tokens.for_guest(WANDERER)}),
            ("auth", {"token": "x"}),
        ):
            assert code(await busy.ask(kind, **payload)) == "unauthenticated", kind
        assert (await busy.ask("ping"))["type"] == "pong"
        await signs.ask("auth", token=token_of(node, ADA, "adassession"))
        await asyncio.sleep(2)
        assert (idle.closed, busy.closed, signs.closed) == (4501, 4501, None)
        await signs.join("lobby")


# What the server does while a client has its time to sign in, and the code that ends it.
SLOW = {
    "answers": (lambda sessions: None, None),
    "has no database": (lambda sessions: setattr(sessions, "error", OperationalError("gone")), 4004),
    "is slow for ever": (lambda sessions: setattr(sessions, "gate", asyncio.Event()), 4004),
}


@in_virtual_time
@pytest.mark.parametrize("case", SLOW)
async def test_who_is_not_signed_in_in_time_since_the_server_is_slow_may_come_back(case: str) -> None:
    spoil, closed = SLOW[case]
    async with started(CHAT_GUESTS=0) as (node, sessions):
        spoil(sessions)
        client, idle = Dialled(node), Dialled(node)
        client.say("auth", 1, token=token_of(node, ADA, "adassession"))
        await asyncio.sleep(AUTH_SECONDS + LOOK_UP_SECONDS + 1)
        assert (client.closed, idle.closed) == (closed, 4501)
        if sessions.gate is not None:
            sessions.gate.set()
            await asyncio.sleep(1)
        if closed:
            goodbye = client.lane.take()[-1]["payload"]
            assert goodbye["reconnect"] is True and goodbye["retry_after_s"] > 0


@in_virtual_time
async def test_a_token_that_is_looked_up_when_the_time_is_over_still_signs_in() -> None:
    async with started(CHAT_GUESTS=0) as (node, sessions):
        sessions.gate = asyncio.Event()
        clients = [Dialled(node), Dialled(node)]
        for client, session in zip(clients, ("adassession", "gone"), strict=True):
            client.say("auth", 1, token=token_of(node, ADA, session))
        await asyncio.sleep(AUTH_SECONDS + 1)
        sessions.gate.set()
        await asyncio.sleep(LOOK_UP_SECONDS)
        assert [client.closed for client in clients] == [None, 4501]
        await clients[0].join("lobby")


@in_virtual_time
async def test_who_signs_in_beyond_the_accounts_limit_is_told_to_come_back_and_makes_room_for_a_guest() -> None:
    async with started(CHAT_MAX_CONNECTIONS_PER_USER=1, CHAT_MAX_CONNECTIONS_PER_IP=2) as (node, _):
        first, second = Dialled(node), Dialled(node)
        for client in (first, second):
            client.connection.place = node.places.enter("192.0.2.1")
        token = token_of(node, ADA, "adassession")
        assert (await first.ask("auth", token=token))["type"] == "ack"
        assert node.places.enter("192.0.2.1").admission is Admission.WELCOME
        second.say("auth", 1, token=token)
        await asyncio.sleep(0.1)
        assert (first.closed, second.closed) == (None, 4006)
        assert 20 <= second.lane.take()[-1]["payload"]["retry_after_s"] <= 180


# Guests


@in_virtual_time
async def test_a_guest_is_given_a_token_by_which_it_is_the_same_one_next_time() -> None:
    async with started() as (node, _):
        first = Dialled(node)
        (welcome,) = first.lane.take()
        claims = await node.authority.tokens.verify(welcome["payload"]["token"])
        assert described(claims.person) == welcome["payload"]["user"]
        answer = await first.ask("name", name="Wanderer")
        claims = await node.authority.tokens.verify(answer["payload"]["token"])
        assert (claims.person.id, claims.person.name) == (first.connection.person.id, "Wanderer")
        again = Dialled(node)
        await again.ask("auth", token=answer["payload"]["token"])
        assert again.connection.person == first.connection.person


@in_virtual_time
async def test_who_is_signed_in_is_given_no_guests_token() -> None:
    async with started() as (node, _):
        client = Dialled(node, identity=Identity(ADA, "adassession", 1))
        assert "token" not in client.lane.take()[0]["payload"]
        assert code(await client.ask("name", name="Wanderer")) == "forbidden"


@in_virtual_time
async def test_a_guest_may_not_take_the_name_of_an_account_nor_what_looks_like_it() -> None:
    async with started() as (node, sessions):
        client = Dialled(node)
        sessions.names = {skeleton("Ada")}
        for name in ("Ada", "ADA", "Аdа"):
            assert code(await client.ask("name", name=name)) == "conflict"
        assert code(await client.ask("name", name="Server")) == "forbidden"
        assert (await client.ask("name", name="Adam"))["payload"]["user"]["name"] == "Adam"
        sessions.error = OperationalError("gone")
        assert code(await client.ask("name", name="Eve")) == "unavailable"


@pytest.mark.parametrize("name", ["guest-9999", "user-7", "deleted user"])
@in_virtual_time
async def test_a_guest_may_not_take_a_name_that_only_the_server_gives(name: str) -> None:
    async with started() as (node, _):
        assert code(await Dialled(node).ask("name", name=name)) == "forbidden"


@in_virtual_time
async def test_a_guest_may_take_the_name_that_was_given_to_it_back() -> None:
    async with started() as (node, _):
        client = Dialled(node)
        given = client.connection.person.name
        await client.ask("name", name="Wanderer")
        assert (await client.ask("name", name=given))["payload"]["user"]["name"] == given
        assert node.registry.names == {}


@in_virtual_time
async def test_a_guest_may_not_take_what_looks_like_another_guests_name_until_that_one_is_gone() -> None:
    async with started() as (node, _):
        first, second = Dialled(node), Dialled(node)
        await first.ask("name", name="Wanderer")
        for name in ("Wanderer", "WANDERER", "Wаnderer"):
            assert code(await second.ask("name", name=name)) == "conflict"
        assert (await first.ask("name", name="wanderer"))["type"] == "ack"
        node.registry.remove(first.connection)
        assert (await second.ask("name", name="Wanderer"))["type"] == "ack"


@in_virtual_time
async def test_of_two_guests_that_want_a_name_at_once_one_gets_it() -> None:
    async with started() as (node, sessions):
        clients = [Dialled(node), Dialled(node)]
        sessions.gate = asyncio.Event()
        for client in clients:
            client.lane.take()
            client.say("name", 1, name="Wanderer")
        await asyncio.sleep(0.1)
        sessions.gate.set()
        await asyncio.sleep(0.1)
        assert [client.lane.take()[0]["type"] for client in clients] == ["ack", "error"]


# What a token gives in rooms


@in_virtual_time
async def test_what_a_token_makes_of_somebody_in_a_room_goes_with_what_they_read_and_write_there() -> None:
    async with started(log=ModelLog("lobby", "goframe")) as (node, _):
        client = Dialled(node)
        await client.ask("auth", token=foreign(rooms={"lobby": "moderator"}))
        await client.join("lobby", "goframe")
        taken: list[Change] = []
        node.writer.take = taken.append  # type: ignore[method-assign]
        for room in ("lobby", "goframe"):
            client.say("send", 1, room=room, text="hi")
            client.say("delete", 2, room=room, message=1)
            client.say("react", 3, room=room, message=1, emoji="👍")
        assert [change.granted for change in taken] == [Role.MODERATOR] * 3 + [Role.NONE] * 3
        assert reader_of("lobby", client.connection) == Reader(client.connection.person, Role.MODERATOR)
        assert reader_of("goframe", client.connection) == Reader(client.connection.person, Role.NONE)
