"""Fan-out: who pays for what others get, and how much."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from chat.live.fanout import FEW, Fanout, cost_of_change, cost_of_event, cost_of_text, payer_of
from chat.live.gather import ENVELOPE_BYTES
from chat.live.identity import Identity
from chat.live.limits import FLOOD_LEAST
from chat.node import Node
from chat.wire.events import Changed, Person
from tests.fakes import connect, message
from tests.test_conversation import Client, code
from tests.test_conversation_durable import log_of, member, started
from tests.virtual import in_virtual_time

ADA = Person("user:1", "Ada", "user")


@pytest.mark.parametrize(
    ("text", "data", "expected"),
    [
        ("", None, 0),
        ("x" * 4094, None, 0),
        ("x" * 4095, None, ENVELOPE_BYTES + 4097),
        ("x" * 65536, None, ENVELOPE_BYTES + 65538),
        ("中" * 1364, None, 0),
        ("中" * 1365, None, ENVELOPE_BYTES + 4097),
        ("\x01" * 682, None, 0),
        ("\x01" * 683, None, ENVELOPE_BYTES + 4100),
        ("\x01" * 65536, None, ENVELOPE_BYTES + 393218),
        (None, b"x" * 3072, 0),
        (None, b"x" * 3076, ENVELOPE_BYTES + 4101),
    ],
)
def test_a_text_costs_what_each_member_gets_of_it_and_a_short_one_nothing(
    text: str | None, data: bytes | None, expected: int
) -> None:
    assert cost_of_text(text, data) == expected


def test_a_change_costs_its_envelope_and_what_stands_in_it() -> None:
    assert cost_of_change() == ENVELOPE_BYTES
    assert cost_of_change("\x01" * 10) == ENVELOPE_BYTES + 62
    assert cost_of_event(None) == 0
    assert cost_of_event(message(1, "\x01" * 10)) == ENVELOPE_BYTES + 62
    many = {emoji: [f"guest:{n:016x}" for n in range(100)] for emoji in "👍🎉"}
    assert cost_of_event(Changed(1, 2, "e1", many)) == ENVELOPE_BYTES + 2 * 20 * 32


def test_each_payer_has_a_bucket_and_full_ones_are_forgotten() -> None:
    fanout = Fanout(100)
    assert [fanout.take(who, 400, 0.0) for who in ("one", "other")] == [0, 0]
    assert fanout.take("one", 100, 0.0) == 1.0
    fanout.settle("one", 50)
    assert fanout.take("one", 100, 1.0) == 0.5
    fanout.settle("one", -1000)
    assert fanout.take("one", 400, 1.0) == 0, "no more is given back than a full bucket"
    fanout.settle("stranger", 1000)
    for number in range(3 * FEW):
        assert fanout.take(f"guest {number}", 1, number / 10) == 0
    assert len(fanout.buckets) < 2 * FEW


def test_a_rate_of_0_is_no_limit_and_keeps_nothing() -> None:
    fanout = Fanout(0)
    assert [fanout.take("one", 1 << 40, 0.0) for _ in range(100)] == [0] * 100
    assert not fanout.buckets


@pytest.mark.parametrize(
    ("host", "identity", "expected"),
    [
        ("192.0.2.1", None, "192.0.2.1"),
        ("::ffff:192.0.2.1", None, "192.0.2.1"),
        ("2001:db8::1", None, "2001:db8::/64"),
        ("2001:db8::ffff", None, "2001:db8::/64"),
        ("192.0.2.1", Identity(ADA, "key", 1), "user:1"),
        ("192.0.2.1", Identity(Person("ext:7", "Bob", "user")), "ext:7"),
    ],
)
def test_an_account_pays_wherever_it_is_and_guests_pay_by_address(
    host: str, identity: Identity | None, expected: str
) -> None:
    connection = connect(host=host)
    if identity is not None:
        connection.identity = identity
    assert payer_of(connection) == expected


# In a conversation

# Ten members, and a burst of 400 KB: 40 KB for each. A tenth of a second, an answer's time, gives 1 KB for each.
RATE = {"CHAT_FANOUT_RATE": 100_000}
LONG = "x" * 6000


async def crowd(node: Node, slug: str = "lobby", **options: Any) -> Client:
    """Return the first of ten members."""
    members = [await member(node, slug, **options) for _ in range(10)]
    return members[0]


async def acknowledged(client: Client, kind: str, times: int, **payload: Any) -> int:
    """Return how often a request passes, until the first one that does not."""
    for number in range(times):
        answer = await client.ask(kind, room="lobby", **payload)
        if answer["type"] == "error":
            assert code(answer) == "rate_limited"
            assert answer["payload"]["retry_after_s"] > 0
            return number
    return times


@pytest.mark.parametrize(
    ("kind", "payload", "most"),
    [
        ("send", {"text": LONG}, 7),
        ("send", {"data": "eHh4" * 1500}, 7),
        ("send", {"text": "x" * 4000}, 50),
        ("edit", {"message": 1, "text": "\x01" * 1000}, 7),
        ("delete", {"message": 1}, 50),
    ],
    ids=["long text", "data", "short text", "an edit as it is escaped", "deletions that change nothing"],
)
def test_what_costs_others_much_passes_as_often_as_it_may(kind: str, payload: dict[str, Any], most: int) -> None:
    @in_virtual_time
    async def scenario() -> None:
        async with started(**RATE, CHAT_MESSAGE_RATE=1000) as node:
            client = await crowd(node)
            await client.ask("send", room="lobby", text="hi")
            if kind == "edit":
                passed = 0
                while passed < 50 and await acknowledged(
                    client, "edit", 1, message=1, text=payload["text"] + str(passed)
                ):
                    passed += 1
            else:
                passed = await acknowledged(client, kind, 50, **payload)
            assert passed == most

    scenario()


@in_virtual_time
async def test_a_reaction_is_paid_by_what_all_reactions_of_its_message_are_by_then() -> None:
    async with started(**RATE, CHAT_MESSAGE_RATE=1000) as node:
        client = await crowd(node)
        await client.ask("send", room="lobby", text=LONG[:4000])
        await client.ask("react", room="lobby", message=1, emoji="👍", on=True)
        assert 400_000 - tokens(node) == pytest.approx(10 * (ENVELOPE_BYTES + 32))
        before = tokens(node)
        await client.ask("react", room="lobby", message=1, emoji="👍", on=True)
        assert tokens(node) >= before, "it changed nothing"
        await client.ask("react", room="lobby", message=99, emoji="👍", on=True)
        assert tokens(node) >= before, "it was refused"


def tokens(node: Node) -> float:
    (bucket,) = node.fanout.buckets.values()
    return bucket.tokens


@in_virtual_time
async def test_guests_of_one_address_pay_together_and_other_addresses_do_not() -> None:
    async with started(**RATE) as node:
        neighbour = await member(node, host="192.0.2.1")
        stranger = await member(node, host="192.0.2.2")
        one = await crowd(node)
        assert await acknowledged(one, "send", 50, text=LONG) > 0
        assert code(await neighbour.ask("send", room="lobby", text=LONG * 5)) == "rate_limited"
        assert (await neighbour.ask("send", room="lobby", text="short"))["type"] == "ack"
        assert (await stranger.ask("send", room="lobby", text=LONG * 5))["type"] == "ack"


@in_virtual_time
async def test_nobody_is_closed_for_it_and_who_waits_as_long_as_told_is_let_through() -> None:
    async with started(**RATE, CHAT_MESSAGE_RATE=1000, CHAT_MESSAGE_BURST=1) as node:
        client = await crowd(node)
        for number in range(2 * FLOOD_LEAST):
            client.say("send", number, room="lobby", text=LONG * 5)
            await asyncio.sleep(0.001)
        refused = [e["payload"] for e in client.lane.take() if e["type"] == "error"]
        assert {it["code"] for it in refused} == {"rate_limited"}
        assert len(refused) > FLOOD_LEAST
        assert client.connection.closing is None
        await asyncio.sleep(refused[-1]["retry_after_s"])
        assert (await client.ask("send", room="lobby", text=LONG * 5))["type"] == "ack"


@in_virtual_time
async def test_raw_members_pay_too_and_hear_why() -> None:
    async with started(**RATE) as node:
        await crowd(node)
        raw = Client(node, "raw")
        node.hub.begin("lobby", raw.connection)
        head = log_of(node).read_head("lobby")
        assert head is not None
        assert node.hub.enter("lobby", raw.connection, head)
        for _ in range(20):
            raw.frame(LONG)
            await asyncio.sleep(0.01)
        said = [frame.payload for batch in raw.lane.batches for frame in batch.frames]
        assert any(payload.startswith(b"Server error: Too many bytes") for payload in said)
        assert raw.connection.closing is None


@pytest.mark.parametrize(
    "variables", [{"CHAT_FANOUT_RATE": 0}, {"CHAT_FANOUT_RATE": 1, "CHAT_MESSAGE_RATE": 0}], ids=str
)
def test_without_a_limit_nobody_pays(variables: dict[str, Any]) -> None:
    @in_virtual_time
    async def scenario() -> None:
        async with started(**variables) as node:
            client = await crowd(node)
            assert await acknowledged(client, "send", 30, text=LONG) == 30
            assert not node.fanout.buckets

    scenario()


@in_virtual_time
async def test_a_volatile_rooms_long_texts_are_paid_as_well() -> None:
    async with started(**RATE) as node:
        client = await crowd(node, "goframe")
        answers = [await client.ask("send", room="goframe", text=LONG) for _ in range(9)]
        assert [answer["type"] for answer in answers].count("error") > 0
