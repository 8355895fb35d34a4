"""Conversations: what one client asks for, and what it is answered."""

from __future__ import annotations

import asyncio
import json as pyjson
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from django.db import OperationalError

from chat.conversation import Conversation
from chat.live.limits import BAD_FRAMES_IN_A_ROW, FRAMES_PER_MESSAGE
from chat.node import Node
from chat.rooms.directory import RoomCard
from chat.wire.codes import BAD_FRAMES, FLOODING, ROOM_NOT_FOUND
from chat.wire.events import Person
from tests.fakes import FakeDatabase, FakeLane, connect, make_node
from tests.virtual import in_virtual_time


class Client:
    """A json or raw client over a fake lane; `ask` says one frame and returns what comes back."""

    def __init__(self, node: Node, codec: str = "json", rate: float = 0, burst: int = 50, **options: Any) -> None:
        self.node = node
        self.lane = FakeLane(asyncio.get_running_loop())
        self.connection = connect(node.codecs[codec], self.lane, rate=rate, burst=burst, **options)
        self.conversation = Conversation(node, self.connection)

    def say(self, kind: str, id: Any = None, **payload: Any) -> str | None:
        frame = {"type": kind, **({} if id is None else {"id": id}), **({"payload": payload} if payload else {})}
        return self.frame(pyjson.dumps(frame))

    def frame(self, text: str | None = None, data: bytes | None = None) -> str | None:
        return self.conversation.hear(text, data, "lobby")

    async def ask(self, kind: str, id: Any = 1, **payload: Any) -> dict[str, Any]:
        self.lane.take()
        self.say(kind, id, **payload)
        await asyncio.sleep(0.1)
        (answer,) = [e for e in self.lane.take() if e["type"] in ("ack", "error", "pong")]
        assert answer["id"] == id
        return answer

    async def join(self, *rooms: str) -> None:
        for room in rooms:
            assert (await self.ask("join", room=room))["type"] == "ack"

    @property
    def heard(self) -> list[dict[str, Any]]:
        return [e["payload"] for e in self.lane.take() if e["type"] == "message"]

    @property
    def logged(self) -> list[tuple[str, dict[str, Any]]]:
        """What came of a log, with its types."""
        return [(e["type"], e["payload"]) for e in self.lane.take() if "prev" in e.get("payload", {})]


def code(answer: dict[str, Any]) -> str:
    assert answer["type"] == "error", answer
    return str(answer["payload"]["code"])


@asynccontextmanager
async def started(**variables: object) -> AsyncIterator[Node]:
    node = make_node(**variables)
    node.start()
    await asyncio.sleep(0.01)
    yield node
    await node.stop()


@in_virtual_time
async def test_a_join_is_acknowledged_with_the_room_and_who_one_is() -> None:
    async with started() as node:
        client = Client(node)
        answer = await client.ask("join", 7, room="lobby")
        person = client.connection.person
        assert answer == {
            "type": "ack",
            "id": 7,
            "payload": {
                "room": "lobby",
                "title": "Lobby",
                "topic": "",
                "you": {"id": person.id, "name": person.name, "kind": "guest"},
                "epoch": None,
                "offset": None,
                "recovered": False,
                "messages": [],
                "more": False,
                "count": 1,
                "members": [],
            },
        }
        assert node.hub.count("lobby") == 1
        assert node.membership.facts == {"lobby"}


@in_virtual_time
async def test_a_join_of_a_joined_room_answers_again_and_is_one_membership() -> None:
    async with started() as node:
        client = Client(node)
        await client.join("lobby", "lobby")
        assert node.hub.count("lobby") == 1


@in_virtual_time
async def test_a_join_of_several_rooms_answers_for_each_what_became_of_it() -> None:
    async with started(CHAT_MAX_ROOMS_PER_CONNECTION=1) as node:
        client = Client(node)
        answer = await client.ask("join", rooms=[{"room": "nowhere"}, {"room": "lobby"}, {"room": "goframe"}])
        unknown, joined, over = answer["payload"]["rooms"]
        assert unknown["room"] == "nowhere"
        assert unknown["error"]["code"] == "not_found"
        assert (joined["room"], joined["title"], joined["count"]) == ("lobby", "Lobby", 1)
        assert over["error"]["code"] == "too_many_rooms"
        assert client.connection.rooms == {"lobby"}


@in_virtual_time
async def test_an_unknown_room_is_not_found_and_the_socket_stays() -> None:
    async with started() as node:
        client = Client(node)
        for room in ("nowhere", "", "ROOM", "a b", "x" * 64):
            assert code(await client.ask("join", room=room)) == "not_found"
        assert client.connection.closing is None


@in_virtual_time
async def test_a_room_over_the_connections_limit_or_the_processs_is_refused_until_one_is_left() -> None:
    async with started(CHAT_MAX_ROOMS_PER_CONNECTION=1) as node:
        client = Client(node)
        await client.join("lobby")
        assert code(await client.ask("join", room="goframe")) == "too_many_rooms"
        await client.ask("leave", room="lobby")
        await client.join("goframe")
    async with started(CHAT_MAX_ROOMS=1) as node:
        one, other = Client(node), Client(node)
        await one.join("lobby")
        assert code(await other.ask("join", room="goframe")) == "too_many_rooms"
        await other.join("lobby")


@in_virtual_time
async def test_a_database_that_does_not_answer_is_unavailable_with_a_time_to_come_back() -> None:
    async with started() as node:
        database = node.directory.database
        assert isinstance(database, FakeDatabase)
        database.error = OperationalError("gone")
        client = Client(node)
        answer = await client.ask("join", room="lobby")
        assert code(answer) == "unavailable"
        assert answer["payload"]["retry_after_s"] > 0
        database.error = None
        await client.join("lobby")


@in_virtual_time
async def test_a_bug_in_a_request_is_internal_with_an_id_that_is_in_the_log(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with started() as node:
        client = Client(node)
        client.conversation.reading.describe = lambda card: 1 / 0  # type: ignore[assignment, method-assign]
        answer = await client.ask("join", room="lobby")
        assert code(answer) == "internal"
        assert client.connection.id in answer["payload"]["message"]
        assert client.connection.id in caplog.text
        assert "ZeroDivisionError" in caplog.text
        del client.conversation.reading.describe
        await client.join("lobby")


@in_virtual_time
async def test_what_is_sent_reaches_every_member_the_sender_too_and_is_acknowledged() -> None:
    async with started() as node:
        one, other = Client(node), Client(node)
        await one.join("lobby")
        await other.join("lobby")
        one.say("send", "a", room="lobby", text="hi", key="12345678")
        await asyncio.sleep(0.1)
        ack, message = sorted(one.lane.take(), key=lambda e: str(e["type"]))
        assert (ack["type"], ack["id"], ack["payload"]["message"], ack["payload"]["offset"]) == ("ack", "a", 1, None)
        (heard,) = other.heard
        assert heard == message["payload"]
        assert (heard["text"], heard["key"], heard["at"]) == ("hi", "12345678", ack["payload"]["at"])
        assert heard["author"]["id"] == one.connection.person.id


@in_virtual_time
async def test_a_send_without_an_id_gets_no_ack() -> None:
    async with started() as node:
        client = Client(node)
        await client.join("lobby")
        client.say("send", room="lobby", text="hi")
        await asyncio.sleep(0.1)
        assert [e["type"] for e in client.lane.take()] == ["message"]


@in_virtual_time
async def test_data_is_heard_as_data_and_a_raw_members_frame_in_its_kind() -> None:
    async with started() as node:
        json, raw = Client(node), Client(node, "raw")
        await json.join("lobby")
        node.hub.add("lobby", raw.connection)
        json.say("send", room="lobby", data="/wA=")
        assert raw.frame(None, b"\x01") == "lobby"
        assert raw.frame("ü", None) == "lobby"
        await asyncio.sleep(0.1)
        assert [m.get("data", m.get("text")) for m in json.heard] == ["/wA=", "AQ==", "ü"]
        name = json.connection.person.name.encode()
        assert raw.lane.frames == [name + b" echo: \xff\x00", b"192.0.2.1:5000 echo: \x01", "192.0.2.1:5000 echo: ü"]


@in_virtual_time
async def test_sending_to_or_leaving_a_room_that_one_is_not_in_is_not_joined() -> None:
    async with started() as node:
        client = Client(node)
        await client.join("lobby")
        assert code(await client.ask("send", room="goframe", text="x")) == "not_joined"
        assert code(await client.ask("leave", room="goframe")) == "not_joined"
        assert (await client.ask("leave", room="lobby"))["payload"] == {"room": "lobby"}
        assert code(await client.ask("send", room="lobby", text="x")) == "not_joined"
        assert node.hub.rooms == {}


@in_virtual_time
async def test_what_follows_a_join_does_not_overtake_it() -> None:
    async with started() as node:
        client = Client(node)
        client.say("join", 1, room="lobby")
        client.say("send", 2, room="lobby", text="at once")
        client.say("name", 3, name="Ada")
        client.say("leave", 4, room="lobby")
        client.say("send", 5, room="lobby", text="too late")
        await asyncio.sleep(0.1)
        answers = [(e["id"], e["type"]) for e in client.lane.take() if "id" in e]
        assert sorted(answers) == [(1, "ack"), (2, "ack"), (3, "ack"), (4, "ack"), (5, "error")]
        assert [id for id, _ in answers if id != 2] == [1, 3, 4, 5]


@in_virtual_time
async def test_a_ping_passes_a_join_that_waits() -> None:
    async with started() as node:
        database = node.directory.database
        assert isinstance(database, FakeDatabase)
        database.gate = asyncio.Event()
        client = Client(node)
        client.say("join", 1, room="lobby")
        client.say("ping", 2)
        client.say("pong")
        await asyncio.sleep(0.01)
        assert client.lane.take() == [{"type": "pong", "id": 2}]
        database.gate.set()
        await asyncio.sleep(0.1)
        assert [e["id"] for e in client.lane.take()] == [1]


@in_virtual_time
async def test_more_requests_than_may_wait_are_rate_limited() -> None:
    async with started() as node:
        database = node.directory.database
        assert isinstance(database, FakeDatabase)
        database.gate = asyncio.Event()
        client = Client(node)
        client.say("join", 0, room="lobby")
        await asyncio.sleep(0.01)
        for number in range(1, 19):
            client.say("join", number, room="lobby")
        refused = client.lane.take()
        assert [(e["id"], code(e)) for e in refused] == [(17, "rate_limited"), (18, "rate_limited")]
        database.gate.set()
        await asyncio.sleep(0.1)
        assert [e["id"] for e in client.lane.take()] == list(range(17))


@in_virtual_time
async def test_a_connection_that_ends_while_it_joins_is_no_member() -> None:
    async with started() as node:
        database = node.directory.database
        assert isinstance(database, FakeDatabase)
        for end in ("conversation", "connection"):
            database.gate = asyncio.Event()
            node.directory.cards.clear()
            client = Client(node)
            client.say("join", 1, room="lobby")
            await asyncio.sleep(0.01)
            if end == "conversation":
                client.conversation.end()
            else:
                client.connection.close(BAD_FRAMES)
            database.gate.set()
            await asyncio.sleep(0.1)
            assert node.hub.count("lobby") == 0


@in_virtual_time
async def test_a_guest_names_itself_and_is_heard_by_that_name() -> None:
    async with started() as node:
        client = Client(node)
        await client.join("lobby")
        answer = await client.ask("name", name="  Ada   Lovelace ")
        assert answer["payload"]["user"]["name"] == "Ada Lovelace"
        client.say("send", room="lobby", text="hi")
        await asyncio.sleep(0.1)
        assert client.heard[0]["author"]["name"] == "Ada Lovelace"
        assert code(await client.ask("name", name="Ѕerver")) == "forbidden"
        assert client.connection.person.name == "Ada Lovelace"


@in_virtual_time
async def test_who_is_signed_in_is_heard_by_the_accounts_name_and_keeps_it() -> None:
    async with started() as node:
        client = Client(node)
        client.connection.person = Person("user:7", "ada", "user")
        assert (await client.ask("join", room="lobby"))["payload"]["you"]["id"] == "user:7"
        assert code(await client.ask("name", name="Grace")) == "forbidden"
        client.say("send", room="lobby", text="hi")
        await asyncio.sleep(0.1)
        assert [m["author"] for m in client.heard] == [{"id": "user:7", "name": "ada", "kind": "user"}]


@in_virtual_time
async def test_a_join_tells_the_rooms_topic() -> None:
    async with started() as node:
        node.directory.cards["lobby"] = (float("inf"), RoomCard("lobby", "Lobby", "Of this and that"))
        assert (await Client(node).ask("join", room="lobby"))["payload"]["topic"] == "Of this and that"


@in_virtual_time
async def test_a_member_of_a_room_that_is_no_more_says_nothing_there_and_finds_it_when_it_is_made_again() -> None:
    async with started() as node:
        client = Client(node)
        await client.join("lobby", "goframe")
        del node.directory.database.rooms["lobby"]
        await node.put_out("lobby", ROOM_NOT_FOUND)
        assert client.lane.take()[-1] == {"type": "resync", "payload": {"room": "lobby"}}
        assert code(await client.ask("send", room="lobby", text="x")) == "not_joined"
        assert code(await client.ask("join", room="lobby")) == "not_found"
        assert client.connection.rooms == {"goframe"}
        node.directory.database.rooms["lobby"] = "Lobby again"
        node.directory.forget("lobby")
        assert (await client.ask("join", room="lobby"))["payload"]["title"] == "Lobby again"


@in_virtual_time
async def test_messages_over_the_rate_are_refused_with_the_time_to_wait_and_then_taken() -> None:
    async with started(CHAT_MESSAGE_RATE=2, CHAT_MESSAGE_BURST=3) as node:
        client = Client(node, rate=2, burst=3)
        await client.join("lobby")
        for _ in range(3):
            assert (await client.ask("send", room="lobby", text="x"))["type"] == "ack"
            client.connection.messages.updated += 0.1  # As if no time had passed.
        answer = await client.ask("send", room="lobby", text="x")
        assert code(answer) == "rate_limited"
        assert "2 messages a second" in answer["payload"]["message"]
        await asyncio.sleep(answer["payload"]["retry_after_s"])
        assert (await client.ask("send", room="lobby", text="x"))["type"] == "ack"


@in_virtual_time
async def test_messages_that_keep_coming_over_the_rate_end_the_connection_as_flooding() -> None:
    async with started() as node:
        client = Client(node, rate=1, burst=30)
        await client.join("lobby")
        said = 0
        while client.connection.closing is None:
            client.say("send", room="lobby", text="x")
            said += 1
        assert client.connection.closing is FLOODING
        assert said == 30 + 4 * 30


@pytest.mark.parametrize(
    ("kind", "payload", "frames"),
    [
        ("join", {"room": "lobby"}, 3),
        ("join", {"rooms": [{"room": f"room-{number}"} for number in range(40)]}, 40),
        ("history", {"room": "lobby"}, 5),
        ("read", {"room": "lobby", "message": 1}, 1),
        ("ping", {}, 1),
    ],
)
def test_what_costs_the_server_more_costs_more_frames(kind: str, payload: dict[str, Any], frames: int) -> None:
    @in_virtual_time
    async def scenario() -> None:
        async with started() as node:
            client = Client(node, rate=10, burst=50)
            await client.join("lobby")
            bucket, now = client.connection.frames, client.lane.loop.time
            bucket.tokens, bucket.updated = 100.0, now()
            client.say(kind, 1, **payload)
            assert bucket.tokens == 100 - frames
            await asyncio.sleep(1)
            client.lane.take()
            bucket.tokens, bucket.updated = frames - 1.0, now()
            client.say(kind, 2, **payload)
            (refused,) = (e for e in client.lane.take() if e["type"] == "error")
            assert refused["payload"]["code"] == "rate_limited" and refused["payload"]["retry_after_s"] > 0
            assert refused.get("id") == (None if frames == 1 else 2), "what is not decoded has no id yet"

    scenario()


@in_virtual_time
async def test_frames_of_any_kind_have_a_rate_of_their_own() -> None:
    async with started() as node:
        client = Client(node, rate=1, burst=5)
        for _ in range(5 * FRAMES_PER_MESSAGE):
            client.say("ping")
        assert {e["type"] for e in client.lane.take()} == {"pong"}
        client.say("ping")
        (answer,) = client.lane.take()
        assert code(answer) == "rate_limited"
        assert answer["payload"]["retry_after_s"] == pytest.approx(0.1, abs=0.01)


@in_virtual_time
async def test_a_raw_client_over_its_rate_reads_a_line_of_the_servers() -> None:
    async with started() as node:
        client = Client(node, "raw", rate=1, burst=1)
        node.hub.add("lobby", client.connection)
        client.frame("one")
        assert client.frame("two") is None
        assert client.lane.frames[-1].startswith("Server error: ")  # type: ignore[union-attr]


@in_virtual_time
async def test_ten_bad_frames_in_a_row_end_the_connection_and_a_good_one_between_does_not() -> None:
    async with started() as node:
        client = Client(node)
        for _ in range(3):
            for _ in range(BAD_FRAMES_IN_A_ROW - 1):
                client.frame("nonsense")
            client.say("ping")
        assert client.connection.closing is None
        for _ in range(BAD_FRAMES_IN_A_ROW):
            assert client.frame(None, b"binary") is None
        assert client.connection.closing is BAD_FRAMES
        assert client.lane.envelopes[-1]["type"] == "closing"


@in_virtual_time
async def test_what_is_not_there_yet_is_unsupported_and_no_bad_frame() -> None:
    async with started() as node:
        client = Client(node)
        for number in range(3 * BAD_FRAMES_IN_A_ROW):
            assert code(await client.ask("typing", number, room="lobby")) == "unsupported"
        assert client.connection.closing is None


@in_virtual_time
async def test_a_send_that_the_layer_did_not_take_is_heard_here_and_answered_unavailable() -> None:
    async with started() as node:
        one, other = Client(node), Client(node)
        await one.join("lobby")
        await other.join("lobby")
        node.broker.up = False
        answer = await one.ask("send", room="lobby", text="hi")
        assert code(answer) == "unavailable"
        assert answer["payload"]["retry_after_s"] > 0
        assert [m["text"] for m in other.heard] == ["hi"]


@in_virtual_time
async def test_hearing_a_message_tells_its_room_and_nothing_else_does() -> None:
    async with started() as node:
        client = Client(node)
        await client.join("lobby")
        assert client.say("send", room="lobby", text="x") == "lobby"
        assert client.say("send", room="goframe", text="x") is None
        assert client.say("ping") is None
        assert client.frame("nonsense") is None


@in_virtual_time
async def test_the_welcome_tells_who_one_is_what_is_allowed_and_what_there_is() -> None:
    async with started(CHAT_MAX_MESSAGE_BYTES=1000, CHAT_PING_INTERVAL=7) as node:
        client = Client(node)
        client.conversation.welcome()
        (welcome,) = client.lane.take()
        payload = welcome["payload"]
        assert "id" not in welcome
        assert payload["connection"] == client.connection.id
        assert payload["user"]["kind"] == "guest"
        assert payload["node"] == node.id
        assert payload["heartbeat_s"] == 7
        assert payload["limits"] == {"message_bytes": 1000, "message_rate": 10, "message_burst": 50, "rooms": 100}
        assert "broadcast" in payload["features"]
        assert payload["server_time"].endswith("Z")


@in_virtual_time
async def test_what_waits_is_not_done_for_somebody_who_is_being_sent_away() -> None:
    async with started() as node:
        client = Client(node)
        await client.join("lobby")
        client.say("join", 2, room="goframe")
        client.say("send", 3, room="lobby", text="too late")
        client.connection.close(FLOODING)
        await asyncio.sleep(0.1)
        assert node.relay.numbers["lobby"] == 0
