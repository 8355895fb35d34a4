"""Conversations in durable rooms: what is asked of a log, and what is answered."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from django.db import OperationalError

from chat.node import Node
from chat.rooms.recovery import MAX_BYTES
from chat.wire.codes import FLOODING
from tests.fakes import make_node
from tests.model_log import FakeReader, FakeWriter, ModelLog
from tests.stores import written
from tests.test_conversation import Client, code
from tests.virtual import in_virtual_time

EPOCH = "epoch-lobby"


@asynccontextmanager
async def started(*durable: str, **variables: object) -> AsyncIterator[Node]:
    """Start a node whose lobby is durable, and whose other room is volatile."""
    node = make_node(log=ModelLog(*(durable or ("lobby",))), **variables)
    node.start()
    await asyncio.sleep(0.01)
    yield node
    await node.stop()


def log_of(node: Node) -> ModelLog:
    assert isinstance(node.reader, FakeReader)
    return node.reader.log


def filled(node: Node, count: int, **fields: Any) -> None:
    """Write to the log as another process does whose word never came."""
    log_of(node).commit([written("lobby", **fields) for _ in range(count)])


CHANGES_OF_ONE: list[tuple[str, dict[str, Any]]] = [
    ("send", {"text": "hi"}),
    ("edit", {"message": 1, "text": "ho"}),
    ("react", {"message": 1, "emoji": "👍", "on": True}),
    ("delete", {"message": 1}),
]


async def member(node: Node, *rooms: str, codec: str = "json", **options: Any) -> Client:
    client = Client(node, codec, **options)
    await client.join(*(rooms or ("lobby",)))
    client.lane.take()
    return client


@in_virtual_time
async def test_a_join_answers_with_the_newest_messages_and_where_the_log_stands() -> None:
    async with started() as node:
        filled(node, 3)
        answer = (await Client(node).ask("join", 7, room="lobby"))["payload"]
        assert [message["message"] for message in answer["messages"]] == [1, 2, 3]
        assert (answer["epoch"], answer["offset"], answer["recovered"], answer["more"]) == (EPOCH, 3, False, False)
        assert (answer["room"], answer["title"], answer["count"]) == ("lobby", "Lobby", 1)


@in_virtual_time
async def test_a_join_with_since_answers_with_what_was_missed_and_goes_on_from_there() -> None:
    async with started() as node:
        writer = await member(node)
        for text in ("one", "two", "three"):
            await writer.ask("send", room="lobby", text=text)
        late = Client(node)
        answer = (await late.ask("join", room="lobby", since={"epoch": EPOCH, "offset": 1}))["payload"]
        assert [message["text"] for message in answer["messages"]] == ["two", "three"]
        assert (answer["recovered"], answer["offset"]) == (True, 3)
        await writer.ask("send", room="lobby", text="four")
        (message,) = late.heard
        assert (message["prev"], message["offset"], message["text"]) == (3, 4, "four")


@in_virtual_time
async def test_a_join_that_is_not_the_last_makes_nobody_a_member() -> None:
    async with started() as node:
        filled(node, 6, text="x" * 60_000)
        client, offset, rounds = Client(node), 0, 0
        while True:
            asked = {"epoch": EPOCH, "offset": offset}
            answer = (await client.ask("join", room="lobby", since=asked))["payload"]
            rounds += 1
            assert answer["recovered"]
            assert answer["messages"][0]["offset"] == offset + 1
            offset = answer["offset"]
            if not answer["more"]:
                break
            assert client.connection.rooms == set()
            assert code(await client.ask("send", room="lobby", text="x")) == "not_joined"
        assert rounds > 1
        assert offset == 6
        assert client.connection.rooms == {"lobby"}


@in_virtual_time
async def test_a_message_is_acknowledged_with_its_number_and_offset_once_it_is_in_the_log() -> None:
    async with started() as node:
        one, other = await member(node), await member(node)
        answer = await one.ask("send", "a", room="lobby", text="hi", key="12345678")
        assert (answer["payload"]["message"], answer["payload"]["offset"]) == (1, 1)
        (heard,) = other.heard
        assert (heard["message"], heard["offset"], heard["prev"], heard["key"]) == (1, 1, 0, "12345678")
        assert heard["at"] == answer["payload"]["at"]
        again = await one.ask("send", "b", room="lobby", text="hi", key="12345678")
        assert again["payload"] == answer["payload"]
        assert other.heard == []


@in_virtual_time
async def test_a_message_without_a_key_or_an_id_is_kept_and_not_acknowledged() -> None:
    async with started() as node:
        client = await member(node)
        client.say("send", room="lobby", text="x")
        client.say("send", room="lobby", text="x")
        await asyncio.sleep(0.1)
        kinds = [e["type"] for e in client.lane.take()]
        assert kinds == ["message", "message"]
        assert len({row.key for row in log_of(node).rows("lobby")}) == 2


@in_virtual_time
async def test_edits_deletions_and_reactions_are_acknowledged_and_take_an_offset_each() -> None:
    async with started() as node:
        one, other = await member(node), await member(node)
        await one.ask("send", room="lobby", text="hi")
        assert (await one.ask("edit", room="lobby", message=1, text="ho", offset=1))["payload"] == {"offset": 2}
        assert (await other.ask("react", room="lobby", message=1, emoji="👍", on=True))["payload"] == {"offset": 3}
        assert (await other.ask("react", room="lobby", message=1, emoji="👍", on=True))["payload"] == {"offset": 3}
        assert (await one.ask("delete", room="lobby", message=1))["payload"] == {"offset": 4}
        states = log_of(node).rows("lobby")
        assert [(row.number, row.offset, row.deleted) for row in states] == [(1, 4, True)]


@in_virtual_time
async def test_every_member_hears_every_state_in_order() -> None:
    async with started() as node:
        one, other = await member(node), await member(node)
        for kind, payload in CHANGES_OF_ONE:
            one.say(kind, room="lobby", **payload)
            await asyncio.sleep(0.1)
        heard = other.logged
        assert [(kind, m["prev"], m["offset"], m.get("text")) for kind, m in heard] == [
            ("message", 0, 1, "hi"),
            ("message", 1, 2, "ho"),
            ("changed", 2, 3, None),
            ("message", 3, 4, None),
        ]
        assert heard[2][1]["reactions"] == {"👍": {"count": 1, "ids": [one.connection.person.id]}}
        assert heard == one.logged


@in_virtual_time
async def test_what_is_changed_of_one_message_at_once_is_one_envelope() -> None:
    async with started() as node:
        one, other = await member(node), await member(node)
        for kind, payload in CHANGES_OF_ONE[:3]:
            one.say(kind, room="lobby", **payload)
        await asyncio.sleep(0.1)
        ((kind, state),) = other.logged
        assert (kind, state["prev"], state["offset"], state["text"]) == ("message", 0, 3, "ho")
        assert list(state["reactions"]) == ["👍"]
        for emoji, on in (("🎉", True), ("👍", False), ("🎈", True)):
            one.say("react", room="lobby", message=1, emoji=emoji, on=on)
        await asyncio.sleep(0.1)
        ((kind, state),) = other.logged
        assert (kind, state["prev"], state["offset"], list(state["reactions"])) == ("changed", 3, 6, ["🎉", "🎈"])


@in_virtual_time
async def test_a_reaction_to_a_long_text_costs_each_reader_a_reaction() -> None:
    async with started() as node:
        one, reader, raw = await member(node), await member(node), Client(node, "raw")
        node.hub.begin("lobby", raw.connection)
        head = log_of(node).read_head("lobby")
        assert head is not None
        assert node.hub.enter("lobby", raw.connection, head)
        await one.ask("send", room="lobby", text="x" * 65536)
        reader.lane.take()
        raw.lane.batches.clear()
        for number in range(20):
            await one.ask("react", room="lobby", message=1, emoji="👍", on=number % 2 == 0)
        assert sum(len(batch.wire) for batch in reader.lane.batches) < 20 * 300
        assert raw.lane.batches == [], "raw members hear nothing of it"


@pytest.mark.parametrize(
    ("kind", "payload", "expected"),
    [
        ("edit", {"message": 1, "text": "x"}, "forbidden"),
        ("delete", {"message": 1}, "forbidden"),
        ("edit", {"message": 9, "text": "x"}, "not_found"),
        ("react", {"message": 9, "emoji": "👍", "on": True}, "not_found"),
        ("send", {"text": "x", "reply_to": 9}, "not_found"),
        ("edit", {"message": 2, "text": "x", "offset": 1}, "conflict"),
    ],
)
def test_what_may_not_be_done_is_answered_with_its_code_and_its_id(
    kind: str, payload: dict[str, Any], expected: str
) -> None:
    @in_virtual_time
    async def scenario() -> None:
        async with started() as node:
            one, other = await member(node), await member(node)
            await one.ask("send", room="lobby", text="first")
            await other.ask("send", room="lobby", text="second")
            answer = await other.ask(kind, "the id", room="lobby", **payload)
            assert (code(answer), answer["id"]) == (expected, "the id")

    scenario()


@pytest.mark.parametrize(
    ("kind", "payload"),
    [
        ("edit", {"message": 1, "text": "x"}),
        ("delete", {"message": 1}),
        ("react", {"message": 1, "emoji": "👍", "on": True}),
        ("history", {}),
        ("send", {"text": "x", "reply_to": 1}),
    ],
)
def test_a_volatile_room_does_not_do_what_needs_a_log_and_a_room_not_joined_does_nothing(
    kind: str, payload: dict[str, Any]
) -> None:
    @in_virtual_time
    async def scenario() -> None:
        async with started() as node:
            client = await member(node, "goframe")
            assert code(await client.ask(kind, room="goframe", **payload)) == "unsupported"
            assert code(await client.ask(kind, room="lobby", **payload)) == "not_joined"

    scenario()


@in_virtual_time
async def test_history_answers_by_number_and_says_whether_there_is_more() -> None:
    async with started() as node:
        filled(node, 9)
        client = await member(node)
        answer = (await client.ask("history", room="lobby", before=7, limit=3))["payload"]
        assert ([m["message"] for m in answer["messages"]], answer["more"]) == ([4, 5, 6], True)
        answer = (await client.ask("history", room="lobby", after=7))["payload"]
        assert ([m["message"] for m in answer["messages"]], answer["more"]) == ([8, 9], False)


@in_virtual_time
async def test_a_log_that_cannot_be_read_is_unavailable_and_leaves_nobody_half_joined() -> None:
    async with started() as node:
        assert isinstance(node.reader, FakeReader)
        client = await member(node)
        node.reader.error = OperationalError("gone")
        assert code(await client.ask("history", room="lobby")) == "unavailable"
        assert code(await client.ask("join", room="lobby")) == "unavailable"
        assert (client.connection.rooms, node.hub.rooms) == (set(), {})
        answer = (await client.ask("join", rooms=[{"room": "lobby"}, {"room": "goframe"}]))["payload"]
        assert answer["rooms"][0]["error"]["code"] == "unavailable"
        assert client.connection.rooms == {"goframe"}
        node.reader.error = None
        await client.join("lobby")


@in_virtual_time
async def test_a_log_that_cannot_be_written_is_unavailable_and_the_socket_stays() -> None:
    async with started() as node:
        assert isinstance(node.writer, FakeWriter)
        one, other = await member(node), await member(node)
        node.writer.down = True
        answer = await one.ask("send", room="lobby", text="hi", key="12345678")
        assert code(answer) == "unavailable"
        assert answer["payload"]["retry_after_s"] > 0
        assert code(await one.ask("edit", room="lobby", message=1, text="x")) == "unavailable"
        node.writer.down = False
        assert (await one.ask("send", room="lobby", text="hi", key="12345678"))["payload"]["message"] == 1
        assert [m["text"] for m in other.heard] == ["hi"]


@in_virtual_time
async def test_several_rooms_are_joined_at_once_each_from_its_own_position() -> None:
    async with started("lobby", "goframe") as node:
        filled(node, 2)
        client = Client(node)
        wanted = [{"room": "lobby", "since": {"epoch": EPOCH, "offset": 1}}, {"room": "goframe"}, {"room": "nowhere"}]
        lobby, goframe, nowhere = (await client.ask("join", rooms=wanted))["payload"]["rooms"]
        assert (lobby["recovered"], [m["message"] for m in lobby["messages"]]) == (True, [2])
        assert (goframe["recovered"], goframe["epoch"], goframe["offset"]) == (False, "epoch-goframe", 0)
        assert nowhere["error"]["code"] == "not_found"
        assert client.connection.rooms == {"lobby", "goframe"}


@in_virtual_time
async def test_one_room_twice_in_a_join_is_one_membership() -> None:
    async with started() as node:
        filled(node, 2)
        client, other = Client(node), await member(node)
        answer = await client.ask("join", rooms=[{"room": "lobby"}, {"room": "lobby"}])
        assert [entry["offset"] for entry in answer["payload"]["rooms"]] == [2, 2]
        await other.ask("send", room="lobby", text="x")
        assert [(m["prev"], m["offset"]) for m in client.heard] == [(2, 3)]
        assert node.hub.count("lobby") == 2


@in_virtual_time
async def test_all_rooms_of_a_join_together_answer_within_the_limits_of_one_and_none_is_left_out() -> None:
    rooms = {f"room-{number}": "Room" for number in range(10)}
    async with started(*rooms, rooms=rooms) as node:
        for room in rooms:
            log_of(node).commit([written(room, text="x" * 10_000) for _ in range(20)])
        client = Client(node)
        answer = (await client.ask("join", rooms=[{"room": room} for room in rooms]))["payload"]["rooms"]
        counts = [len(entry["messages"]) for entry in answer]
        assert min(counts) >= 2
        assert sum(counts) * 10_000 <= MAX_BYTES
        assert all(entry["messages"][-1]["message"] == entry["offset"] == 20 for entry in answer)
        assert client.connection.rooms == rooms.keys()


@in_virtual_time
async def test_rooms_of_which_an_answer_holds_no_more_are_joined_again_until_all_is_told() -> None:
    rooms = {f"room-{number}": "Room" for number in range(4)}
    async with started(*rooms, rooms=rooms) as node:
        for room in rooms:
            log_of(node).commit([written(room, text="x" * 60_000) for _ in range(3)])
        client = Client(node)
        offsets, found, rounds = dict.fromkeys(rooms, 0), {room: [] for room in rooms}, 0  # type: ignore[var-annotated]
        while offsets:
            wanted = [{"room": r, "since": {"epoch": f"epoch-{r}", "offset": o}} for r, o in offsets.items()]
            rounds += 1
            for entry in (await client.ask("join", rooms=wanted))["payload"]["rooms"]:
                assert entry["recovered"]
                found[entry["room"]] += [message["message"] for message in entry["messages"]]
                offsets[entry["room"]] = entry["offset"]
                if not entry["more"]:
                    del offsets[entry["room"]]
            assert client.connection.rooms == rooms.keys() - offsets.keys()
        assert found == {room: [1, 2, 3] for room in rooms}
        assert 3 <= rounds <= 6


@in_virtual_time
async def test_who_leaves_and_who_ends_while_joining_are_no_members() -> None:
    async with started() as node:
        client = await member(node)
        assert (await client.ask("leave", room="lobby"))["payload"] == {"room": "lobby"}
        assert node.hub.rooms == {}
        assert isinstance(node.reader, FakeReader)
        for end in ("conversation", "connection"):
            node.reader.gate = asyncio.Event()
            client = Client(node)
            client.say("join", 1, room="lobby")
            await asyncio.sleep(0.01)
            if end == "conversation":
                client.conversation.end()
            else:
                client.connection.close(FLOODING)
            node.reader.gate.set()
            await asyncio.sleep(0.1)
            assert node.hub.count("lobby") == 0


@in_virtual_time
async def test_what_is_written_while_one_joins_is_heard_after_the_answer_and_once() -> None:
    async with started() as node:
        assert isinstance(node.reader, FakeReader)
        writer = await member(node)
        node.reader.gate = asyncio.Event()
        client = Client(node)
        client.say("join", 1, room="lobby")
        await asyncio.sleep(0.01)
        writer.say("send", room="lobby", text="meanwhile")
        await asyncio.sleep(0.1)
        assert client.lane.take() == []
        node.reader.gate.set()
        await asyncio.sleep(0.1)
        writer.say("send", room="lobby", text="afterwards")
        await asyncio.sleep(0.1)
        ack, *messages = client.lane.take()
        assert (ack["type"], ack["payload"]["offset"]) == ("ack", 1)
        assert [e["payload"]["text"] for e in messages] == ["afterwards"]
        assert [m["text"] for m in ack["payload"]["messages"]] == ["meanwhile"]


@in_virtual_time
async def test_who_has_another_epoch_is_told_to_join_again_after_a_restore() -> None:
    async with started() as node:
        client = await member(node)
        await client.ask("send", room="lobby", text="one")
        client.lane.take()
        log_of(node).new_epoch("lobby", "restored", 0)
        await asyncio.sleep(3)
        assert [e["type"] for e in client.lane.take() if e["type"] != "ping"] == ["resync"]
        assert code(await client.ask("send", room="lobby", text="x")) == "not_joined"
        answer = (await client.ask("join", room="lobby", since={"epoch": EPOCH, "offset": 1}))["payload"]
        assert (answer["recovered"], answer["epoch"], answer["offset"]) == (False, "restored", 0)


@in_virtual_time
async def test_changes_over_the_rate_are_refused_like_messages() -> None:
    async with started(CHAT_MESSAGE_RATE=1) as node:
        client = await member(node, rate=1, burst=2)
        for _ in range(2):
            client.say("react", 1, room="lobby", message=1, emoji="👍", on=True)
        client.say("react", 9, room="lobby", message=1, emoji="👍", on=True)
        refused = [e for e in client.lane.take() if e.get("id") == 9]
        assert [code(answer) for answer in refused] == ["rate_limited"]


@in_virtual_time
async def test_a_raw_members_text_with_a_nul_never_reaches_the_log() -> None:
    async with started() as node:
        raw = Client(node, "raw")
        node.hub.begin("lobby", raw.connection)
        head = log_of(node).read_head("lobby")
        assert head is not None
        assert node.hub.enter("lobby", raw.connection, head)
        assert raw.frame("a\0b") is None
        assert "U+0000" in str(raw.lane.frames[-1])
        raw.frame(None, b"\0")
        raw.frame("plain")
        await asyncio.sleep(0.1)
        assert [(row.text, row.data) for row in log_of(node).rows("lobby")] == [(None, b"\0"), ("plain", None)]
        assert raw.lane.frames[1:] == [b"192.0.2.1:5000 echo: \0", "192.0.2.1:5000 echo: plain"]


@in_virtual_time
async def test_a_room_that_is_switched_puts_its_members_out_to_join_it_as_what_it_is_now() -> None:
    async with started() as node:
        client = await member(node)
        log_of(node).group.logs["lobby"].durable = False
        node.look.database.switched = frozenset({"lobby"})
        await asyncio.sleep(2)
        assert "resync" in [e["type"] for e in client.lane.take()]
        assert node.hub.count("lobby") == 0
