"""The node: one process's live half."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import msgspec
import pytest
from django.db import OperationalError

from chat.broker import EVENTS
from chat.live.connection import Connection
from chat.look import Figures
from chat.node import DRAIN_BATCH, MAX_SPREAD_SECONDS, RESTART_SECONDS, Node
from chat.rooms import recovery
from chat.rooms.changes import Done, Outcome
from chat.wire.codes import ROOM_NOT_FOUND
from chat.wire.events import Event, pack
from chat.wire.origins import Origin, parse, parse_pattern
from tests.fakes import Bus, FakeLane, FakeLayer, FakeRows, broadcast, configuration, connect, make_node, message
from tests.model_log import FakeReader, ModelLog
from tests.stores import written
from tests.virtual import in_virtual_time


@asynccontextmanager
async def started(**options: Any) -> AsyncIterator[Node]:
    node = make_node(**options)
    node.start()
    await asyncio.sleep(0.01)
    yield node
    await node.stop()


def member(node: Node, room: str = "lobby") -> Connection:
    connection = connect(node.codecs["json"], FakeLane(asyncio.get_running_loop()))
    node.hub.add(room, connection)
    return connection


def heard(connection: Connection) -> list[int]:
    assert isinstance(connection.lane, FakeLane)
    return [e["payload"]["message"] for e in connection.lane.envelopes if e["type"] == "message"]


@in_virtual_time
async def test_nodes_on_one_layer_hear_each_other_and_each_member_hears_once() -> None:
    bus = Bus()
    clustered = {"REDIS_URL": "redis://127.0.0.1:1/0"}
    async with started(layer=FakeLayer(bus), **clustered) as one, started(layer=FakeLayer(bus), **clustered) as other:
        here, there = member(one), member(other)
        await asyncio.sleep(0.1)
        for number in range(1, 4):
            one.broker.publish("lobby", message(number))
        other.broker.publish("lobby", message(4))
        await asyncio.sleep(0.1)
        assert sorted(heard(here)) == sorted(heard(there)) == [1, 2, 3, 4]


@in_virtual_time
async def test_nodes_whose_layer_dies_serve_their_own_members_and_find_each_other_again() -> None:
    bus = Bus()
    clustered = {"REDIS_URL": "redis://127.0.0.1:1/0"}
    async with started(layer=FakeLayer(bus), **clustered) as one, started(layer=FakeLayer(bus), **clustered) as other:
        here, near, there = member(one), member(one), member(other)
        await asyncio.sleep(0.1)
        bus.down = ConnectionError("gone")
        told: list[bool] = []
        for number in (1, 2):
            one.broker.publish("lobby", message(number), told.append)
            await asyncio.sleep(2)
        assert told == [False, False]
        assert heard(here) == heard(near) == [1, 2]
        assert not one.broker.up
        bus.down = None
        await asyncio.sleep(5)
        one.broker.publish("lobby", message(3), told.append)
        await asyncio.sleep(0.1)
        assert told[-1] is True
        assert heard(there) == [3]


@pytest.mark.parametrize(
    "came",
    [
        {},
        {"type": "websocket.close"},
        {"type": "room.events"},
        {"type": EVENTS, "room": 5, "node": "x", "events": b""},
        {"type": EVENTS, "room": "lobby", "node": "x"},
        {"type": EVENTS, "room": "lobby", "node": "x", "events": "text"},
        {"type": EVENTS, "room": "lobby", "node": "x", "events": b"\xc1"},
        {"type": EVENTS, "room": "lobby", "node": "x", "events": pack([message()])[:-1]},
        {"type": {"a": 1}, "room": "lobby"},
    ],
    ids=str,
)
def test_what_the_layer_brings_and_nobody_understands_is_counted_and_raises_nothing(came: dict[str, Any]) -> None:
    @in_virtual_time
    async def scenario() -> None:
        node = make_node()
        connection = member(node)
        node.receive(came)
        await asyncio.sleep(0.1)
        assert node.unknown_events.total() == 1
        assert connection.lane.batches == []

    scenario()


@in_virtual_time
async def test_what_another_version_sends_hides_nothing_that_is_known() -> None:
    node = make_node()
    connection = member(node)
    later = msgspec.msgpack.encode([message(1), ["zz", 1, 2], message(2)])
    node.receive({"type": EVENTS, "room": "lobby", "node": "x", "events": later, "changes": pack([message(3)])})
    await asyncio.sleep(0.1)
    assert (heard(connection), node.unknown_events.total()) == ([1, 2, 3], 1)


@in_virtual_time
async def test_a_nodes_own_events_do_not_come_back_to_it() -> None:
    node = make_node()
    connection = member(node)
    events = pack([message(1), broadcast()])
    node.receive({"type": EVENTS, "room": "lobby", "node": node.id, "events": events})
    await asyncio.sleep(0.1)
    assert connection.lane.batches == []
    node.receive({"type": EVENTS, "room": "lobby", "node": "another", "events": events})
    node.receive({"type": EVENTS, "room": "lobby", "node": "", "events": pack([message(2)])})
    await asyncio.sleep(0.1)
    assert heard(connection) == [1, 2]


@in_virtual_time
async def test_starting_twice_starts_once() -> None:
    async with started() as node:
        before = dict(node.tasks)
        node.start()
        assert node.tasks == before


@in_virtual_time
async def test_what_runs_beside_the_connections_is_started_again_when_it_fails(
    caplog: pytest.LogCaptureFixture,
) -> None:
    node, runs = make_node(), []

    async def fail() -> None:
        runs.append(1)
        raise RuntimeError("a bug")

    node.heartbeat.run = fail  # type: ignore[method-assign]
    node.start()
    await asyncio.sleep(3 * RESTART_SECONDS + 0.1)
    assert len(runs) == 4
    assert "heartbeat ended, and is started again" in caplog.text
    await node.stop()


class Ticker:
    """A ticker that says one broadcast a second and notes when it runs; it may fail."""

    def __init__(self) -> None:
        self.starts = 0
        self.running = False
        self.fails = False

    async def __call__(self, publish: Callable[[str, Event], Awaitable[None]]) -> None:
        self.starts += 1
        self.running = True
        try:
            while True:
                await publish("lobby", broadcast())
                await asyncio.sleep(1)
                if self.fails:
                    raise RuntimeError("a bug")
        finally:
            self.running = False


def ticking() -> tuple[Node, Ticker]:
    node, ticker = make_node(), Ticker()
    node.ticker = ticker
    node.conf = configuration(CHAT_EMBEDDED_BROADCAST=1)
    return node, ticker


@in_virtual_time
async def test_the_embedded_ticker_runs_while_there_are_members() -> None:
    node, ticker = ticking()
    node.start()
    await asyncio.sleep(5)
    assert not ticker.running
    connection = member(node)
    await asyncio.sleep(5)
    assert ticker.running
    assert [e["type"] for e in connection.lane.envelopes].count("broadcast") in (5, 6)
    node.hub.discard("lobby", connection)
    await asyncio.sleep(2)
    assert not ticker.running
    member(node, "goframe")
    await asyncio.sleep(2)
    assert (ticker.running, ticker.starts) == (True, 2)
    await node.stop()
    assert not ticker.running


@in_virtual_time
async def test_a_ticker_that_fails_is_started_again(caplog: pytest.LogCaptureFixture) -> None:
    node, ticker = ticking()
    node.start()
    member(node)
    ticker.fails = True
    await asyncio.sleep(6)
    assert ticker.starts >= 3
    assert "ticker ended, and is started again" in caplog.text
    await node.stop()


@in_virtual_time
async def test_without_the_variable_the_node_does_not_tick() -> None:
    async with started() as node:
        member(node)
        assert "ticker" not in node.tasks


def arrived(node: Node, origin: Origin | None = None, codec: str = "json") -> Connection:
    """Count a connection in, as the consumer does; it leaves when it is closed or cut off, as a server makes it."""
    connection = connect(node.codecs[codec], FakeLane(asyncio.get_running_loop()))
    connection.origin = origin
    connection.place = place = node.places.enter(connection.host)
    node.registry.add(connection)

    def left(closed: Connection) -> None:
        node.registry.remove(connection)
        place.leave()

    connection.on_closing = left
    return connection


async def test_a_drain_tells_everybody_to_come_back_and_ends_what_runs() -> None:
    node = make_node()
    node.start()
    connections = [arrived(node) for _ in range(2 * DRAIN_BATCH + 50)]
    turns: set[int] = set()
    turn = 0

    async def count() -> None:
        nonlocal turn
        while True:
            turn += 1
            await asyncio.sleep(0)

    for connection in connections:
        leave = connection.on_closing
        assert leave is not None
        connection.on_closing = lambda closed, leave=leave: (turns.add(turn), leave(closed))  # type: ignore[func-returns-value, misc]
    counting = asyncio.create_task(count())
    await asyncio.gather(node.drain(), node.drain())
    counting.cancel()
    assert len(turns) == 3, "the loop has its turn between the batches"
    assert node.draining
    goodbyes = [connection.lane.envelopes[-1]["payload"] for connection in connections]
    assert {g["code"] for g in goodbyes} == {4001}
    assert all(g["reconnect"] for g in goodbyes)
    assert len({g["retry_after_s"] for g in goodbyes}) > 300
    assert all(task.done() for task in node.tasks.values())


async def test_a_drain_cuts_off_who_does_not_go(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("chat.node.FAREWELL_SECONDS", 0.05)
    node = make_node(CHAT_DRAIN_SECONDS=5)
    node.start()
    connection = arrived(node)
    connection.on_closing = None

    def cut_off() -> None:
        node.registry.remove(connection)
        assert connection.place is not None
        connection.place.leave()

    connection.lane.abort = cut_off  # type: ignore[method-assign]
    began = asyncio.get_running_loop().time()
    await node.drain()
    assert asyncio.get_running_loop().time() - began < 4
    assert node.places.total == 0


async def test_a_drain_ends_in_its_time_whoever_is_left_and_whatever_the_layer_does(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("chat.node.FAREWELL_SECONDS", 0.05)
    node = make_node(CHAT_DRAIN_SECONDS=1, layer=FakeLayer())

    async def fail() -> None:
        raise ConnectionError("gone")

    node.layer.flush = fail
    node.start()
    arrived(node).on_closing = None
    async with asyncio.timeout(10):
        await node.drain()
    assert "the channel layer could not be left cleanly" in caplog.text


@in_virtual_time
async def test_many_who_are_sent_away_at_once_come_back_spread() -> None:
    node = make_node()
    assert 0.5 <= min(node.spread() for _ in range(500)) < 0.7
    assert 1.8 < max(node.spread() for _ in range(500)) <= 2.0
    assert max(node.spread(1_000_000) for _ in range(500)) <= MAX_SPREAD_SECONDS


@pytest.mark.parametrize(
    ("offered", "codec"),
    [
        ([], "raw"),
        (["chat.v1.json"], "json"),
        (["x", "chat.v1.json"], "json"),
        (["chat.v1.json", "bearer.abc"], "json"),
        (["bearer.abc"], None),
        (["x"], None),
        (["CHAT.V1.JSON"], None),
        ([""], None),
    ],
)
def test_the_subprotocol_picks_the_codec(offered: list[str], codec: str | None) -> None:
    @in_virtual_time
    async def scenario() -> None:
        found = make_node().codec_for(offered)
        assert (found.name if found else None) == codec

    scenario()


@in_virtual_time
async def test_the_layers_loss_is_logged_once_by_the_node_and_the_process_goes_on(
    caplog: pytest.LogCaptureFixture,
) -> None:
    layer = FakeLayer()
    layer.bus.down = ConnectionRefusedError("no Redis")
    async with started(layer=layer, REDIS_URL="redis://127.0.0.1:1/0") as node:
        await asyncio.sleep(60)
        warnings = [record for record in caplog.records if record.levelno >= logging.WARNING]
        assert len(warnings) == 1
        assert not node.broker.up


# What the look finds

A, B, SUB = parse("https://a.example"), parse("https://b.example"), parse("https://x.c.example")
LISTED = frozenset({parse_pattern("https://a.example"), parse_pattern("https://*.c.example")})


def rows_of(node: Node, **rows: Any) -> FakeRows:
    """Return what the node's look reads; its clock is the test's, which has seen no look yet."""
    found = node.look.database
    assert isinstance(found, FakeRows)
    node.look.clock = asyncio.get_running_loop().time
    node.look.began = node.look.told_at = float("-inf")
    for name, value in rows.items():
        setattr(found, name, value)
    return found


def ended(connection: Connection) -> int | None:
    return None if connection.closing is None else connection.closing.code


@pytest.mark.parametrize(
    ("patterns", "left"),
    [
        (LISTED, {"a", "sub"}),
        (LISTED - {parse_pattern("https://a.example")}, {"sub"}),
        (LISTED - {parse_pattern("https://*.c.example")}, {"a"}),
        ({parse_pattern("https://a.example:8443"), parse_pattern("https://*.c.example")}, {"sub"}),
        ({parse_pattern("https://x.c.example"), parse_pattern("https://a.example")}, {"a", "sub"}),
        (frozenset(), set()),
    ],
)
def test_who_came_from_a_site_that_the_list_has_no_more_is_closed_within_two_seconds_and_nobody_else(
    patterns: frozenset[Any], left: set[str]
) -> None:
    @in_virtual_time
    async def scenario() -> None:
        async with started() as node:
            rows = rows_of(node, patterns=LISTED)
            assert await node.lets_in(A)
            assert await node.lets_in(SUB)
            own = [arrived(node), arrived(node, codec="raw")]
            strangers = {"a": arrived(node, A), "sub": arrived(node, SUB, "raw")}
            await asyncio.sleep(5)
            assert {ended(one) for one in [*own, *strangers.values()]} == {None}
            rows.patterns = patterns
            await asyncio.sleep(2)
            assert {name for name, one in strangers.items() if ended(one) is None} == left
            assert {ended(one) for one in strangers.values()} <= {None, 4509}
            assert [ended(one) for one in own] == [None, None]

    scenario()


@in_virtual_time
async def test_a_page_that_is_closed_for_its_origin_is_told_not_to_come_back() -> None:
    async with started() as node:
        rows_of(node, patterns=LISTED)
        await node.lets_in(A)
        connection = arrived(node, A)
        rows_of(node, patterns=frozenset())
        await asyncio.sleep(2)
        payload = connection.lane.envelopes[-1]["payload"]
        assert (payload["code"], payload["reconnect"], payload["retry_after_s"]) == (4509, False, 0)


@in_virtual_time
async def test_who_slips_in_between_the_gates_word_and_the_registry_is_found_by_the_next_look() -> None:
    async with started() as node:
        rows = rows_of(node, patterns=LISTED)
        assert await node.lets_in(A)
        rows.patterns = frozenset()
        await asyncio.sleep(2)
        late = arrived(node, A)
        await asyncio.sleep(1)
        assert ended(late) == 4509


@in_virtual_time
async def test_those_of_one_origin_are_closed_in_batches(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "chat.node")
    node = make_node()
    connections = [arrived(node, A) for _ in range(2 * DRAIN_BATCH + 50)]
    closed_at: set[float] = set()
    loop = asyncio.get_running_loop()
    for connection in connections:
        leave = connection.on_closing
        assert leave is not None
        connection.on_closing = lambda closed, leave=leave: (closed_at.add(loop.time()), leave(closed))  # type: ignore[func-returns-value, misc]
    await node.look.once()
    assert len(closed_at) == 3
    assert (len(node.registry), node.registry.origins) == (0, {})
    assert caplog.messages == ["closing 450 connections of https://a.example:443: no allowed origin any more"]


@in_virtual_time
async def test_who_is_slow_to_leave_is_closed_and_told_of_once(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "chat.node")
    node = make_node()
    arrived(node, A).on_closing = None
    for _ in range(3):
        await node.look.once()
    assert len(caplog.messages) == 1


@in_virtual_time
async def test_the_gate_hears_of_a_new_row_within_a_second_and_while_the_database_is_down_of_the_last() -> None:
    node = make_node()
    rows = rows_of(node)
    assert not await node.lets_in(A)
    rows.patterns = LISTED
    await asyncio.sleep(1)
    assert await node.lets_in(A)
    assert not await node.lets_in(B)
    rows.error = OperationalError("gone")
    await asyncio.sleep(10)
    assert await node.lets_in(A)
    assert not await node.lets_in(B)


@in_virtual_time
async def test_with_a_dead_layer_a_change_is_in_force_as_soon() -> None:
    layer = FakeLayer()
    layer.bus.down = ConnectionRefusedError("no Redis")
    async with started(layer=layer, REDIS_URL="redis://127.0.0.1:1/0") as node:
        rows = rows_of(node, patterns=LISTED)
        await asyncio.sleep(2)
        assert await node.lets_in(A)
        connection = arrived(node, A)
        rows.patterns = frozenset()
        await asyncio.sleep(2)
        assert ended(connection) == 4509


@in_virtual_time
async def test_a_room_that_is_no_more_is_left_by_all_and_can_be_joined_when_it_is_made_again() -> None:
    async with started() as node:
        rows = rows_of(node)
        typed, plain, elsewhere = arrived(node), arrived(node, codec="raw"), arrived(node)
        for slug, connection in (("goframe", typed), ("goframe", plain), ("lobby", typed), ("lobby", elsewhere)):
            node.hub.add(slug, connection)
        await node.directory.find("goframe")
        del node.directory.database.rooms["goframe"]
        rows.gone = frozenset({"goframe", "another"})
        await asyncio.sleep(2)
        assert typed.lane.envelopes == [{"type": "resync", "payload": {"room": "goframe"}}]
        assert [ended(typed), ended(plain), ended(elsewhere)] == [None, 4507, None]
        assert elsewhere.lane.batches == []
        assert list(node.hub.rooms) == ["lobby"]
        assert await node.directory.find("goframe") is None
        rows.gone = frozenset()
        node.hub.add("goframe", typed)
        await asyncio.sleep(5)
        assert node.hub.count("goframe") == 1
        assert len(typed.lane.batches) == 1


@in_virtual_time
async def test_many_members_of_a_room_that_is_no_more_are_told_in_batches_and_each_once() -> None:
    node = make_node()
    members = [arrived(node, codec=codec) for codec in ("json", "raw") for _ in range(DRAIN_BATCH)]
    for connection in members:
        node.hub.add("lobby", connection)
    leaving = asyncio.create_task(node.put_out("lobby", ROOM_NOT_FOUND))
    await asyncio.sleep(0)
    told = [connection for connection in members if connection.lane.batches or ended(connection)]
    assert (node.hub.count("lobby"), len(told)) == (0, DRAIN_BATCH), "out at once, and told a batch at a time"
    back_already = next(one for one in members if one not in told and one.codec.name == "raw")
    node.hub.add("lobby", back_already)
    await leaving
    assert node.hub.members("lobby") == [back_already]
    assert ended(back_already) is None
    assert [len(connection.lane.batches) for connection in members[:DRAIN_BATCH]] == [1] * DRAIN_BATCH
    assert sum(ended(connection) == 4507 for connection in members) == DRAIN_BATCH - 1


@in_virtual_time
async def test_a_flood_of_notes_is_read_in_looks_that_follow_one_another_at_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("chat.node.MAX_NOTES", 50)
    async with started() as node:
        rows = rows_of(node)
        await asyncio.sleep(2)
        looks = len(rows.looks)
        rows.noted.update({number: number for number in range(1, 51)})
        await asyncio.sleep(1.9)
        assert len(rows.looks) - looks > 5, "not a look a second while what is read is a full page"
        rows.noted.clear()
        await asyncio.sleep(1.0)
        looks = len(rows.looks)
        await asyncio.sleep(3.0)
        assert len(rows.looks) - looks == 3


@in_virtual_time
async def test_a_node_tells_of_its_connections_rooms_and_layer_and_says_goodbye() -> None:
    async with started() as node:
        rows = rows_of(node)
        node.hub.add("lobby", arrived(node))
        arrived(node)
        await asyncio.sleep(6)
        assert rows.told[-1] == (Figures(2, 1, "up"),)
        node.link.up = False
        assert node.figures().layer == "down"
    assert rows.told[-1] == (node.id,)


# Durable rooms


CLUSTERED = {"REDIS_URL": "redis://127.0.0.1:1/0"}


@asynccontextmanager
async def two_nodes(log: ModelLog, bus: Bus) -> AsyncIterator[tuple[Node, Node]]:
    async with (
        started(layer=FakeLayer(bus), log=log, **CLUSTERED) as one,
        started(layer=FakeLayer(bus), log=log, **CLUSTERED) as other,
    ):
        yield one, other


async def joined(node: Node) -> Connection:
    connection = connect(node.codecs["json"], FakeLane(asyncio.get_running_loop()))
    node.hub.begin("lobby", connection)
    await node.membership.joined("lobby")
    head = await node.reader(recovery.read_head, "lobby")
    assert head is not None
    assert node.hub.enter("lobby", connection, head)
    return connection


def say(node: Node, text: str = "hi") -> list[Outcome]:
    told: list[Outcome] = []
    change = written("lobby", text=text)
    change.done = told.append
    node.writer.take(change)
    return told


@in_virtual_time
async def test_what_one_process_commits_is_heard_on_every_process_once_and_its_author_told() -> None:
    async with two_nodes(ModelLog("lobby"), Bus()) as (one, other):
        here, there = await joined(one), await joined(other)
        told = say(one), say(other), say(one)
        await asyncio.sleep(0.5)
        assert sorted(outcome.offset for outcomes in told for outcome in outcomes) == [1, 2, 3]  # type: ignore[union-attr]
        assert heard(here) == heard(there) == [1, 2, 3]


@in_virtual_time
@pytest.mark.parametrize("fault", ["down", "deaf"])
async def test_with_a_dead_layer_the_others_hear_within_two_seconds_and_nothing_is_lost_when_it_returns(
    fault: str,
) -> None:
    bus = Bus()
    async with two_nodes(ModelLog("lobby"), bus) as (one, other):
        here, there = await joined(one), await joined(other)
        await asyncio.sleep(1)
        setattr(bus, fault, ConnectionError("gone") if fault == "down" else True)
        for number in range(1, 6):
            say(one)
            await asyncio.sleep(0.05)
            assert heard(here) == list(range(1, number + 1)), "on its own process at once"
            await asyncio.sleep(1.95)
            assert heard(there) == list(range(1, number + 1))
        bus.down, bus.deaf = None, False
        say(other)
        await asyncio.sleep(10)
        say(one)
        await asyncio.sleep(0.2)
        assert heard(here) == heard(there) == list(range(1, 8))


@in_virtual_time
async def test_a_fill_that_the_database_does_not_answer_is_made_later() -> None:
    bus = Bus()
    async with two_nodes(ModelLog("lobby"), bus) as (one, other):
        there = await joined(other)
        await joined(one)
        assert isinstance(other.reader, FakeReader)
        other.reader.error = OperationalError("gone")
        bus.deaf = True
        say(one)
        await asyncio.sleep(3)
        assert heard(there) == []
        other.reader.error = None
        await asyncio.sleep(3)
        assert heard(there) == [1]


@in_virtual_time
async def test_a_drain_waits_for_what_was_accepted() -> None:
    node = make_node(log=ModelLog("lobby"))
    node.start()
    await asyncio.sleep(0.01)
    told = say(node)
    await node.drain()
    assert [type(outcome) for outcome in told] == [Done]
