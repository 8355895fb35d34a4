"""A person's own stream: their rooms, what is unread in them, what they read elsewhere."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from django.db import OperationalError

from chat import personal
from chat.live.identity import Identity
from chat.node import Node
from chat.rooms import own
from chat.rooms.own import Mark, Own
from chat.wire.events import Person
from tests.fakes import make_node
from tests.test_conversation import Client, code
from tests.virtual import in_virtual_time

EVE = Person("user:7", "Eve", "user")
TEA = Own("Tea", "public", "member", last=5, read=3, archived=False)


class Rows:
    """What the database has of users' rooms, in place of `chat.database.Database`."""

    def __init__(self) -> None:
        self.rooms: dict[int, dict[str, Own]] = {7: {"tea": TEA}}
        self.asked: list[tuple[str, int]] = []
        self.error: Exception | None = None

    async def __call__(self, call: Callable[..., Any], *arguments: Any) -> Any:
        await asyncio.sleep(0)
        if self.error is not None:
            raise self.error
        return getattr(self, call.__name__)(*arguments)

    def rooms_of(self, users: Any) -> dict[int, dict[str, Own]]:
        self.asked.append(("rooms_of", len(users)))
        return {user: dict(self.rooms.get(user, {})) for user in users}

    def marks(self, slugs: Any) -> dict[str, Mark]:
        self.asked.append(("marks", len(slugs)))
        return {
            slug: Mark(own.last, own.title, own.archived)
            for rooms in self.rooms.values()
            for slug, own in rooms.items()
            if slug in slugs
        }

    def mark_read(self, reads: Any, turn: Any) -> None:
        for user, slug, number in reads:
            self.change(user, slug, read=number)

    def change(self, user: int, slug: str, **fields: Any) -> None:
        self.rooms[user][slug] = self.rooms[user][slug]._replace(**fields)


@asynccontextmanager
async def started() -> AsyncIterator[tuple[Node, Rows]]:
    node, rows = make_node(), Rows()
    node.personal.database = rows  # type: ignore[assignment]
    node.start()
    yield node, rows
    await node.stop()


async def eve(node: Node) -> Client:
    client = Client(node)
    client.connection.person = EVE
    client.conversation.welcome()
    await asyncio.sleep(0.1)
    return client


def told(client: Client) -> list[tuple[str, dict[str, Any]]]:
    return [(e["type"], e.get("payload")) for e in client.lane.take() if e["type"] != "ack"]


@in_virtual_time
async def test_who_is_signed_in_is_told_their_rooms_after_the_welcome_and_a_guest_is_not() -> None:
    async with started() as (node, _):
        (welcome, you) = told(await eve(node))
        assert welcome[0] == "welcome"
        tea = {
            "room": "tea",
            "title": "Tea",
            "kind": "public",
            "role": "member",
            "last": 5,
            "read": 3,
            "archived": False,
        }
        assert you == ("you", {"rooms": [tea]})
        guest = Client(node)
        guest.conversation.welcome()
        await asyncio.sleep(3)
        assert [kind for kind, _ in told(guest)] == ["welcome"]


@in_virtual_time
async def test_what_is_said_in_ones_rooms_is_told_as_unread() -> None:
    async with started() as (node, rows):
        client = await eve(node)
        told(client)
        rows.change(7, "tea", last=6)
        await asyncio.sleep(2.5)
        assert told(client) == [("unread", {"room": "tea", "last": 6})]
        await asyncio.sleep(3)
        assert told(client) == []


@in_virtual_time
async def test_new_changed_and_lost_rooms_are_told() -> None:
    async with started() as (node, rows):
        client = await eve(node)
        told(client)
        rows.rooms[7]["cake"] = TEA._replace(title="Cake")
        rows.change(7, "tea", title="Green tea", role="owner")
        await asyncio.sleep(2.5)
        came = told(client)
        assert [(kind, it["room"], it["title"], it["role"]) for kind, it in came if kind == "room"] == [
            ("room", "tea", "Green tea", "owner"),
            ("room", "cake", "Cake", "member"),
        ]
        assert [it for kind, it in came if kind == "notice"] == [
            {"text": "You own “Green tea” now.", "level": "info"},
            {"text": "You are in “Cake” now.", "level": "info"},
        ]
        del rows.rooms[7]["tea"]
        await asyncio.sleep(2.5)
        (gone, notice) = told(client)
        assert (gone[0], gone[1]["room"], gone[1]["role"]) == ("room", "tea", "")
        assert notice == ("notice", {"text": "You are no longer in “Green tea”.", "level": "warning"})
        assert node.personal.followers == {"cake": {7}}


@in_virtual_time
async def test_what_one_reads_is_told_to_ones_other_connections_and_written() -> None:
    async with started() as (node, rows):
        here, there = await eve(node), await eve(node)
        told(here), told(there)
        assert (await here.ask("read", room="tea", message=5))["type"] == "ack"
        assert told(there) == [("read", {"room": "tea", "user": "user:7", "message": 5})]
        await here.ask("read", room="tea", message=4)
        await asyncio.sleep(2.5)
        assert rows.rooms[7]["tea"].read == 5, "nobody unreads"
        assert (told(here), told(there)) == ([], [])


@in_virtual_time
async def test_who_writes_has_read_what_was_said_before() -> None:
    async with started() as (node, rows):
        here, there = await eve(node), await eve(node)
        here.connection.identity = Identity(EVE, "session", 7)
        told(there)
        node.personal.wrote(here.connection, "tea", 6)
        node.personal.wrote(here.connection, "elsewhere", 9)
        assert told(there) == [("read", {"room": "tea", "user": "user:7", "message": 6})]
        await asyncio.sleep(1.5)
        assert rows.rooms[7]["tea"].read == 6


@in_virtual_time
async def test_what_is_read_on_another_process_is_told() -> None:
    async with started() as (node, rows):
        client = await eve(node)
        told(client)
        rows.change(7, "tea", read=5)
        await asyncio.sleep(2.5)
        assert told(client) == [("read", {"room": "tea", "user": "user:7", "message": 5})]


@in_virtual_time
async def test_nobody_has_read_further_than_what_was_said() -> None:
    async with started() as (node, rows):
        here, there = await eve(node), await eve(node)
        told(there)
        assert (await here.ask("read", room="tea", message=2**53 - 1))["type"] == "ack"
        assert told(there) == [("read", {"room": "tea", "user": "user:7", "message": 5})]
        node.personal.last = lambda slug: 6  # It has passed here, and is not known from the database yet.
        await here.ask("read", room="tea", message=9)
        assert told(there) == [("read", {"room": "tea", "user": "user:7", "message": 6})]
        node.personal.last = node.hub.number
        node.hub.add("tea", here.connection)
        assert code(await here.ask("read", room="tea", message=6)) == "unsupported", "a volatile room keeps none"


@in_virtual_time
async def test_of_more_rooms_than_are_told_none_is_said_to_be_lost(monkeypatch: Any) -> None:
    monkeypatch.setattr(own, "MAX_ROOMS", 2)
    async with started() as (node, rows):
        rows.rooms[7] = {slug: TEA._replace(title=slug) for slug in ("new", "old")}
        client = await eve(node)
        told(client)
        rows.rooms[7] = {slug: TEA._replace(title=slug) for slug in ("newest", "new")}
        await asyncio.sleep(2.5)
        assert [(kind, it.get("room")) for kind, it in told(client)] == [("room", "newest"), ("notice", None)]


@in_virtual_time
async def test_reading_is_remembered_of_members_only() -> None:
    async with started() as (node, _):
        assert code(await Client(node).ask("read", room="tea", message=1)) == "unauthenticated"
        assert code(await (await eve(node)).ask("read", room="elsewhere", message=1)) == "forbidden"


@in_virtual_time
async def test_while_the_database_is_down_what_was_read_waits_and_one_line_says_so(caplog: Any) -> None:
    async with started() as (node, rows):
        client = await eve(node)
        rows.error = OperationalError("gone")
        await client.ask("read", room="tea", message=5)
        await asyncio.sleep(5)
        assert len([it for it in caplog.records if it.name == "chat.personal"]) == 1
        rows.error = None
        await asyncio.sleep(2)
        assert rows.rooms[7]["tea"].read == 5
        assert node.personal.answers and node.personal.reads == {}


@in_virtual_time
async def test_who_comes_while_the_database_is_down_hears_of_their_rooms_when_it_is_back() -> None:
    async with started() as (node, rows):
        rows.error = OperationalError("gone")
        client = await eve(node)
        assert [kind for kind, _ in told(client)] == ["welcome"]
        rows.error = None
        await asyncio.sleep(2.5)
        assert [(kind, [it["room"] for it in you["rooms"]]) for kind, you in told(client)] == [("you", ["tea"])]
        assert (await client.ask("read", room="tea", message=5))["type"] == "ack"


@in_virtual_time
async def test_what_was_read_here_and_is_not_written_yet_is_not_told_as_unread_again() -> None:
    async with started() as (node, rows):
        client = await eve(node)
        await client.ask("read", room="tea", message=5)
        another = await eve(node)
        (_, you) = told(another)
        assert you[1]["rooms"][0]["read"] == 5


@in_virtual_time
async def test_a_look_asks_after_so_many_people_and_rooms_and_the_next_after_others(monkeypatch: Any) -> None:
    monkeypatch.setattr(personal, "MAX_USERS", 2)
    async with started() as (node, rows):
        for user in range(7, 12):
            rows.rooms[user] = {"tea": TEA}
            client = Client(node)
            client.connection.person = Person(f"user:{user}", "", "user")
            client.conversation.welcome()
        await asyncio.sleep(0.5)
        rows.asked.clear()
        await asyncio.sleep(3)
        assert [count for call, count in rows.asked if call == "rooms_of"] == [2, 2, 1]


@in_virtual_time
async def test_whose_rooms_have_changed_is_asked_after_first(monkeypatch: Any) -> None:
    monkeypatch.setattr(personal, "MAX_USERS", 0)
    async with started() as (node, rows):
        client = await eve(node)
        told(client)
        rows.change(7, "tea", role="owner")
        await asyncio.sleep(2)
        assert told(client) == []
        rows.change(7, "tea", title="Green tea", archived=True)
        await asyncio.sleep(1.5)
        (room, notice) = told(client)
        assert (room[1]["title"], room[1]["archived"], room[1]["role"]) == ("Green tea", True, "member")
        assert notice[1]["text"] == "“Tea” is called “Green tea” now.", "what is told to all is not in turn"
        node.personal.refresh([7, 8])
        await asyncio.sleep(1.5)
        assert [kind for kind, _ in told(client)] == ["room", "notice"]


@in_virtual_time
async def test_what_a_second_connection_is_told_of_the_first_one_hears_too() -> None:
    async with started() as (node, rows):
        first = await eve(node)
        told(first)
        rows.rooms[7]["cake"] = TEA._replace(title="Cake")
        rows.change(7, "tea", last=9, read=4)
        (_, you) = told(await eve(node))
        assert [it["room"] for it in you[1]["rooms"]] == ["tea", "cake"]
        await asyncio.sleep(2.5)
        assert [kind for kind, _ in told(first)] == ["unread", "read", "room", "notice"]


@in_virtual_time
async def test_a_second_window_that_opens_while_the_database_is_down_is_told_everything_afterwards() -> None:
    async with started() as (node, rows):
        first = await eve(node)
        rows.error = OperationalError("gone")
        second = await eve(node)
        told(first), told(second)
        rows.error = None
        await asyncio.sleep(2.5)
        assert [kind for kind, _ in told(second)] == ["you"]


@in_virtual_time
async def test_who_has_gone_is_forgotten() -> None:
    async with started() as (node, _):
        first, second = await eve(node), await eve(node)
        for client in (first, first, second):
            assert node.personal.people and node.personal.followers
            node.personal.end(client.connection)
        assert (node.personal.people, node.personal.rooms, node.personal.followers) == ({}, {}, {})


@in_virtual_time
async def test_who_signs_in_again_and_again_on_one_connection_costs_a_read_a_second() -> None:
    async with started() as (node, rows):
        client = await eve(node)
        rows.asked.clear()
        told(client)
        for _ in range(50):
            node.personal.end(client.connection)
            await node.personal.begin(client.connection, again=True)
            await asyncio.sleep(0.01)
        assert [kind for kind, _ in told(client)] == ["you"] * 50
        assert rows.asked.count(("rooms_of", 1)) <= 2
        node.personal.end(client.connection)
        rows.rooms[7]["cake"] = TEA
        node.personal.refresh([7])
        await node.personal.begin(client.connection, again=True)
        ((_, you),) = told(client)
        assert [it["room"] for it in you["rooms"]] == ["tea", "cake"], "what is known to have changed is read"
