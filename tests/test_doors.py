"""Doors: who is let in, who may speak in volatile rooms, and who is put out."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from django.db import OperationalError

from chat.live.identity import Identity
from chat.node import Node
from chat.rooms.permissions import OPEN, Policy, Role, Standing
from chat.wire.codes import RESYNC, WireError
from chat.wire.events import Person
from tests.fakes import FakeDatabase, make_node
from tests.model_log import FakeReader, ModelLog
from tests.test_conversation import Client, code
from tests.test_conversation_durable import log_of
from tests.virtual import in_virtual_time

EVE = Person("user:7", "Eve", "user")
MEMBERS = Policy("members")


@asynccontextmanager
async def started() -> AsyncIterator[Node]:
    """Start a node: the room `kept` is for its members and durable, `passing` is for its members and volatile."""
    log = ModelLog("kept", "passing")
    log.group.logs["passing"].durable = False
    node = make_node({"kept": "Kept", "passing": "Passing"}, log=log)
    policed(node, MEMBERS)
    node.start()
    yield node
    await node.stop()


def policed(node: Node, policy: Policy) -> None:
    """Give both rooms a policy, as their rows have it."""
    assert isinstance(node.reader, FakeReader)
    for slug in ("kept", "passing"):
        node.reader.log.group.logs[slug].policy = policy
    database = node.directory.database
    assert isinstance(database, FakeDatabase)
    database.policy = policy


def made(node: Node, role: Role) -> None:
    """Make Eve something in both rooms."""
    for room in (1, 2):
        log_of(node).group.standings[room, 7] = Standing(role)


def eve(node: Node) -> Client:
    client = Client(node)
    client.connection.person = EVE
    return client


@pytest.mark.parametrize("room", ["kept", "passing"])
@in_virtual_time
async def test_a_room_for_members_lets_members_in_and_tells_others_why_not(room: str) -> None:
    async with started() as node:
        assert code(await Client(node).ask("join", room=room)) == "unauthenticated"
        assert code(await eve(node).ask("join", room=room)) == "forbidden"
        assert node.hub.rooms == {}
        made(node, Role.MEMBER)
        assert (await eve(node).ask("join", room=room))["type"] == "ack"


@in_virtual_time
async def test_history_is_for_those_who_may_read_when_it_is_read() -> None:
    async with started() as node:
        made(node, Role.MEMBER)
        client = eve(node)
        await client.join("kept")
        made(node, Role.NONE)
        assert code(await client.ask("history", room="kept")) == "forbidden"


@pytest.mark.parametrize("room", ["kept", "passing"])
@in_virtual_time
async def test_who_may_read_and_not_write_is_told_so(room: str) -> None:
    async with started() as node:
        policed(node, Policy("members", "moderators"))
        made(node, Role.MEMBER)
        client = eve(node)
        await client.join(room)
        assert code(await client.ask("send", room=room, text="hi")) == "forbidden"
        made(node, Role.MODERATOR)
        await node.doors.recheck([client.connection])
        assert (await client.ask("send", room=room, text="hi"))["type"] == "ack"


@pytest.mark.parametrize("room", ["kept", "passing"])
@in_virtual_time
async def test_who_is_found_to_be_no_member_any_more_is_put_out(room: str) -> None:
    async with started() as node:
        made(node, Role.MEMBER)
        client, other = eve(node), Client(node)
        await client.join(room)
        made(node, Role.NONE)
        await node.doors.recheck([client.connection, other.connection])
        assert [e["type"] for e in client.lane.take() if e["type"] != "ack"] == ["resync"]
        assert code(await client.ask("join", room=room)) == "forbidden"
        assert node.hub.rooms == {}


@in_virtual_time
async def test_a_room_that_closes_puts_everybody_out_and_lets_back_in_who_may() -> None:
    async with started() as node:
        policed(node, OPEN)
        guest, client = Client(node), eve(node)
        await guest.join("kept", "passing")
        await client.join("kept", "passing")
        made(node, Role.MEMBER)
        policed(node, MEMBERS)
        await node.doors.looked({"kept": MEMBERS, "passing": MEMBERS}, lambda slug: node.put_out(slug, RESYNC))
        assert [e["payload"] for e in guest.lane.take() if e["type"] == "resync"] == [
            {"room": "kept"},
            {"room": "passing"},
        ]
        assert code(await guest.ask("join", room="kept")) == "unauthenticated"
        assert (await client.ask("join", room="kept"))["type"] == "ack"


@in_virtual_time
async def test_a_room_where_only_other_people_may_write_puts_nobody_out() -> None:
    async with started() as node:
        policed(node, OPEN)
        guest = Client(node)
        await guest.join("kept", "passing")
        closed = OPEN._replace(posting="moderators")
        await node.doors.looked({"kept": closed, "passing": closed}, lambda slug: node.put_out(slug, RESYNC))
        assert [e["type"] for e in guest.lane.take() if e["type"] == "resync"] == []
        with pytest.raises(WireError) as refused:
            node.doors.check_post("passing", guest.connection)
        assert refused.value.code.value == "unauthenticated"


@in_virtual_time
async def test_where_it_matters_from_now_on_what_somebody_is_that_is_asked_after() -> None:
    async with started() as node:
        policed(node, OPEN)
        client = eve(node)
        await client.join("passing")
        made(node, Role.MEMBER)
        closed = OPEN._replace(posting="members")
        policed(node, closed)
        assert isinstance(node.reader, FakeReader)
        node.reader.error = OperationalError("gone")
        await node.doors.looked({"passing": closed}, lambda slug: node.put_out(slug, RESYNC))
        assert node.doors.policies["passing"] == OPEN, "what was seen last holds until the database says who they are"
        node.reader.error = None
        await node.doors.looked({"passing": closed}, lambda slug: node.put_out(slug, RESYNC))
        assert (await client.ask("send", room="passing", text="hi"))["type"] == "ack"


@in_virtual_time
async def test_rooms_that_nobody_is_in_are_forgotten() -> None:
    async with started() as node:
        policed(node, OPEN)
        guest = Client(node)
        await guest.join("kept")
        await guest.ask("leave", room="kept")
        await node.doors.looked({"kept": OPEN}, lambda slug: node.put_out(slug, RESYNC))
        assert node.doors.policies == {}


@pytest.mark.parametrize("room", ["kept", "passing"])
@in_virtual_time
async def test_a_role_that_a_token_grants_opens_its_room_and_no_other(room: str) -> None:
    async with started() as node:
        stranger = Person("ext:42", "Sam", "user")
        client = Client(node)
        client.connection.identity = Identity(stranger, granted={room: "member"})
        assert (await client.ask("join", room=room))["type"] == "ack"
        assert (await client.ask("send", room=room, text="hi"))["type"] == "ack"
        await node.doors.recheck([client.connection])
        assert client.connection.rooms == {room}
        other = "passing" if room == "kept" else "kept"
        assert code(await client.ask("join", room=other)) == "forbidden"


@in_virtual_time
async def test_who_came_in_by_an_older_policy_than_the_last_look_found_comes_anew_with_the_next() -> None:
    async with started() as node:
        policed(node, OPEN)
        guest = Client(node)
        node.hub.begin("kept", guest.connection)
        await node.doors.looked({"kept": MEMBERS}, lambda slug: node.put_out(slug, RESYNC))
        node.doors.entered("kept", OPEN)
        assert node.hub.enter("kept", guest.connection, log_of(node).read_head("kept"))  # type: ignore[arg-type]
        await node.doors.looked({"kept": MEMBERS}, lambda slug: node.put_out(slug, RESYNC))
        assert [e["type"] for e in guest.lane.take()] == ["resync"]
        assert node.hub.rooms == {}


@in_virtual_time
async def test_who_is_on_their_way_into_a_room_that_closes_has_to_begin_again() -> None:
    async with started() as node:
        policed(node, OPEN)
        other, coming = Client(node), Client(node)
        await other.join("kept")
        node.hub.begin("kept", coming.connection)
        await node.doors.looked({"kept": MEMBERS}, lambda slug: node.put_out(slug, RESYNC))
        assert not node.hub.enter("kept", coming.connection, log_of(node).read_head("kept"))  # type: ignore[arg-type]
