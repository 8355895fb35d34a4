"""The hub's durable rooms: who joins, who is ahead, and what each envelope follows."""

from __future__ import annotations

import asyncio
from random import Random
from typing import Any

import pytest

from chat.live.connection import Connection
from chat.live.hub import Hub
from chat.rooms.recovery import Fill, Head
from chat.wire.events import Message
from tests.fakes import FakeLane, broadcast, connect, json_codec, message, raw_codec
from tests.virtual import in_virtual_time

ROOM = "lobby"


def member(codec: Any = None, **options: Any) -> Connection:
    return connect(codec, FakeLane(asyncio.get_running_loop()), **options)


def head(offset: int, epoch: str = "e1", number: int | None = None) -> Head:
    return Head(1, epoch, offset, offset if number is None else number)


def change(offset: int, epoch: str = "e1", number: int | None = None, **fields: Any) -> Message:
    return message(offset if number is None else number, offset=offset, epoch=epoch, **fields)


def links(connection: Connection) -> list[tuple[int, int]]:
    """Return each envelope's `prev` and `offset`."""
    assert isinstance(connection.lane, FakeLane)
    told = [e["payload"] for e in connection.lane.envelopes if e["type"] == "message"]
    return [(payload["prev"], payload["offset"]) for payload in told]


def resyncs(connection: Connection) -> int:
    assert isinstance(connection.lane, FakeLane)
    return [e["type"] for e in connection.lane.envelopes].count("resync")


class Log:
    """What a hub's streams read."""

    def __init__(self) -> None:
        self.head = head(0)
        self.reads: list[tuple[str, int]] = []

    async def read(self, slug: str, since: int) -> Fill:
        self.reads.append((slug, since))
        events = [change(offset, self.head.epoch) for offset in range(since + 1, self.head.offset + 1)]
        return Fill(self.head, events, True)


def entered(hub: Hub, offset: int, codec: Any = None, **options: Any) -> Connection:
    """Return a member that has joined with a head of this offset."""
    connection = member(codec, **options)
    hub.begin(ROOM, connection)
    assert hub.enter(ROOM, connection, head(offset))
    return connection


@in_virtual_time
async def test_each_envelope_follows_the_one_before_it_from_the_head_that_the_member_has_read() -> None:
    hub, codec = Hub(), json_codec()
    first = entered(hub, 3, codec)
    for offset in (4, 5):
        hub.deliver(ROOM, change(offset))
    await asyncio.sleep(1)
    second = entered(hub, 5, codec)
    hub.deliver(ROOM, broadcast())
    hub.deliver(ROOM, change(6))
    await asyncio.sleep(1)
    assert links(first) == [(3, 4), (4, 5), (5, 6)]
    assert links(second) == [(5, 6)]


@in_virtual_time
async def test_who_is_joining_hears_what_passed_meanwhile_after_it_has_entered_and_nothing_before() -> None:
    hub, codec = Hub(), json_codec()
    old = entered(hub, 3, codec)
    new = member(codec)
    hub.begin(ROOM, new)
    for offset in (4, 5, 6):
        hub.deliver(ROOM, change(offset))
        await asyncio.sleep(0.1)
    assert (links(new), hub.count(ROOM), hub.members(ROOM)) == ([], 2, [old])
    assert hub.enter(ROOM, new, head(5))
    assert links(new) == [(5, 6)]
    hub.deliver(ROOM, change(7))
    await asyncio.sleep(0.1)
    assert links(new) == [(5, 6), (6, 7)]
    assert links(old) == [(3, 4), (4, 5), (5, 6), (6, 7)]
    assert new.lane.batches[-1] is old.lane.batches[-1], "level now: one encoding serves both"


@in_virtual_time
async def test_who_has_read_more_than_has_passed_does_not_hear_it_again() -> None:
    codec, log = json_codec(), Log()
    hub = Hub(log.read)
    old = entered(hub, 3, codec)
    log.head = head(6)
    new = entered(hub, 6, codec)
    hub.deliver(ROOM, change(4))
    await asyncio.sleep(0.01)
    assert (links(old), links(new)) == ([(3, 4)], [])
    hub.deliver(ROOM, change(7))
    await asyncio.sleep(1)
    assert links(old) == [(3, 4), (4, 5), (5, 6), (6, 7)]
    assert links(new) == [(6, 7)]
    assert log.reads == [(ROOM, 4)]
    assert not hub.rooms[ROOM].ahead


@in_virtual_time
async def test_of_two_who_begin_together_the_one_that_read_less_and_comes_second_joins_again() -> None:
    hub = Hub()
    early, late = member(), member()
    hub.begin(ROOM, early)
    hub.begin(ROOM, late)
    hub.deliver(ROOM, change(1))
    assert hub.enter(ROOM, late, head(1))
    await asyncio.sleep(1)
    assert hub.enter(ROOM, early, head(0)) is False, "offset 1 was held by nobody for it"
    assert early.rooms == set()
    hub.begin(ROOM, early)
    assert hub.enter(ROOM, early, head(1))
    hub.deliver(ROOM, change(2))
    await asyncio.sleep(1)
    assert links(early) == links(late) == [(1, 2)]


@in_virtual_time
async def test_more_than_is_kept_for_who_is_joining_makes_it_join_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("chat.live.hub.MAX_BUFFERED", 10)
    hub = Hub()
    entered(hub, 0)
    slow = member()
    hub.begin(ROOM, slow)
    for offset in range(1, 40):
        hub.deliver(ROOM, change(offset))
        await asyncio.sleep(0.01)
    assert len(hub.rooms[ROOM].joining[slow]) < 20
    assert hub.enter(ROOM, slow, head(5)) is False
    assert (links(slow), slow.rooms, hub.count(ROOM)) == ([], set(), 1)


@in_virtual_time
async def test_who_never_began_does_not_enter() -> None:
    hub = Hub()
    stranger = member()
    assert hub.enter(ROOM, stranger, head(0)) is False
    entered(hub, 0)
    assert hub.enter(ROOM, stranger, head(0)) is False
    assert hub.count(ROOM) == 1


@in_virtual_time
async def test_a_member_that_joins_again_hears_nothing_twice() -> None:
    hub = Hub()
    connection = entered(hub, 0)
    hub.deliver(ROOM, change(1))
    await asyncio.sleep(1)
    hub.begin(ROOM, connection)
    hub.deliver(ROOM, change(2))
    hub.deliver(ROOM, change(3))
    await asyncio.sleep(1)
    assert hub.enter(ROOM, connection, head(2))
    hub.deliver(ROOM, change(4))
    await asyncio.sleep(1)
    assert links(connection) == [(0, 1), (2, 3), (3, 4)]
    assert hub.count(ROOM) == 1


@in_virtual_time
async def test_another_epoch_tells_json_members_to_join_again_and_raw_ones_hear_what_comes() -> None:
    log = Log()
    hub, raw = Hub(log.read), raw_codec("none")
    json, quiet = entered(hub, 7), entered(hub, 7, raw)
    ahead = entered(hub, 9, raw)
    assert set(hub.rooms[ROOM].ahead) == {ahead}
    log.head = head(3, "e2")
    hub.seen(ROOM, log.head, 7)
    await asyncio.sleep(1)
    assert (resyncs(json), json.rooms) == (1, set())
    hub.deliver(ROOM, change(4, "e2"))
    await asyncio.sleep(1)
    assert links(json) == []
    assert quiet.lane.frames == ahead.lane.frames == ["message 4"]
    hub.begin(ROOM, json)
    assert hub.enter(ROOM, json, head(4, "e2"))
    hub.deliver(ROOM, change(5, "e2"))
    await asyncio.sleep(1)
    assert links(json) == [(4, 5)]


@in_virtual_time
async def test_who_read_another_log_than_is_known_here_does_not_enter_and_the_others_are_told() -> None:
    log = Log()
    hub = Hub(log.read)
    old = entered(hub, 7)
    new = member()
    hub.begin(ROOM, new)
    log.head = head(2, "e2")
    assert hub.enter(ROOM, new, log.head) is False
    await asyncio.sleep(1)
    assert resyncs(old) == 1
    assert hub.rooms == {}, "nobody is left in it"


@in_virtual_time
async def test_a_room_that_everybody_was_told_to_join_again_is_not_kept_open_for_nobody() -> None:
    log, changes = Log(), []
    hub = Hub(log.read)
    hub.on_change = lambda: changes.append(list(hub.rooms))
    entered(hub, 7)
    log.head = head(1, "e2")
    hub.deliver(ROOM, change(1, "e2"))
    await asyncio.sleep(1)
    assert (changes, hub.rooms) == ([[ROOM], []], {})


@in_virtual_time
async def test_a_durable_rooms_stream_ends_with_its_last_member() -> None:
    log = Log()
    hub = Hub(log.read)
    connection = entered(hub, 0)
    hub.deliver(ROOM, change(5))
    hub.discard(ROOM, connection)
    await asyncio.sleep(5)
    assert (log.reads, hub.rooms, links(connection)) == ([], {}, [])


@in_virtual_time
async def test_positions_and_durability_are_told_of_rooms_that_are_here() -> None:
    hub = Hub()
    entered(hub, 4)
    hub.add("goframe", member())
    hub.deliver(ROOM, change(5))
    assert hub.positions([ROOM, "goframe", "nowhere"]) == {ROOM: 5}
    assert [hub.is_durable(slug) for slug in (ROOM, "goframe", "nowhere")] == [True, False, False]
    hub.seen("goframe", head(9), 0)
    hub.seen("nowhere", head(9), 0)


@in_virtual_time
async def test_a_volatile_message_in_a_durable_room_is_dropped() -> None:
    hub = Hub()
    connection = entered(hub, 0)
    hub.deliver(ROOM, message(1))
    await asyncio.sleep(1)
    assert connection.lane.batches == []


@pytest.mark.parametrize("seed", range(30))
def test_no_members_envelope_is_ahead_of_its_position_whoever_joins_and_leaves_when(seed: int) -> None:
    @in_virtual_time
    async def scenario() -> None:
        random, log, codec = Random(seed), Log(), json_codec()
        hub = Hub(log.read)
        loop = asyncio.get_running_loop()

        def happen(offset: int) -> None:
            log.head = head(offset)
            loop.call_later(random.uniform(0, 0.3), hub.deliver, ROOM, change(offset))

        for offset in range(1, 61):
            loop.call_later(offset * 0.05, happen, offset)
        joined: list[tuple[Connection, int, float]] = []

        async def visit() -> None:
            await asyncio.sleep(random.uniform(0, 3))
            connection = member(codec)
            hub.begin(ROOM, connection)
            await asyncio.sleep(random.uniform(0, 0.3))
            read = log.head
            await asyncio.sleep(random.uniform(0, 0.3))
            if hub.enter(ROOM, connection, read):
                joined.append((connection, read.offset, loop.time()))

        await asyncio.gather(*(visit() for _ in range(12)))
        await asyncio.sleep(5)
        hub.seen(ROOM, log.head, 0)
        await asyncio.sleep(1)
        assert len(joined) > 5
        for connection, position, _ in joined:
            chain = links(connection)
            assert chain == [(offset - 1, offset) for offset in range(position + 1, 61)]
            hub.discard(ROOM, connection)

    scenario()
