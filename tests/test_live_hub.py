"""The hub."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from chat.live.connection import Connection
from chat.live.hub import Hub
from tests.fakes import FakeLane, broadcast, connect, json_codec, message, raw_codec
from tests.virtual import in_virtual_time


def member(codec: Any = None, **options: Any) -> Connection:
    return connect(codec, FakeLane(asyncio.get_running_loop()), **options)


def numbers(connection: Connection) -> list[int]:
    assert isinstance(connection.lane, FakeLane)
    return [e["payload"]["message"] for e in connection.lane.envelopes if e["type"] == "message"]


@in_virtual_time
async def test_every_member_of_a_room_hears_each_event_once_in_order_and_nobody_else_does() -> None:
    hub, codec = Hub(), json_codec()
    inside = [member(codec) for _ in range(3)]
    outside = member(codec)
    for connection in inside:
        hub.add("lobby", connection)
    hub.add("other", outside)
    for number in range(1, 50):
        hub.deliver("lobby", message(number))
    await asyncio.sleep(1)
    assert [numbers(connection) for connection in inside] == [list(range(1, 50))] * 3
    assert outside.lane.batches == []


@in_virtual_time
async def test_a_batch_is_encoded_once_for_each_codec_and_shared_by_all() -> None:
    hub, codec, raw = Hub(), json_codec(), raw_codec()
    ones, others = [member(codec) for _ in range(5)], [member(raw) for _ in range(5)]
    for connection in ones + others:
        hub.add("lobby", connection)
    hub.deliver("lobby", message())
    await asyncio.sleep(1)
    assert len({id(connection.lane.batches[0].wire) for connection in ones}) == 1
    assert len({id(connection.lane.batches[0].wire) for connection in others}) == 1
    assert others[0].lane.frames == ["192.0.2.1:5000 echo: message 1"]


@in_virtual_time
async def test_a_member_added_twice_hears_once() -> None:
    hub, connection = Hub(), member()
    hub.add("lobby", connection)
    hub.add("lobby", connection)
    hub.deliver("lobby", message())
    await asyncio.sleep(1)
    assert numbers(connection) == [1]
    assert hub.count("lobby") == 1


@in_virtual_time
async def test_rooms_come_with_their_first_member_and_go_with_their_last() -> None:
    hub, changes = Hub(), []
    hub.on_change = lambda: changes.append(sorted(hub.rooms))
    one, other = member(), member()
    hub.add("lobby", one)
    hub.add("lobby", other)
    hub.add("goframe", one)
    hub.discard("lobby", one)
    hub.discard("lobby", other)
    hub.discard("lobby", other)
    hub.discard("never", other)
    hub.discard("goframe", one)
    assert changes == [["lobby"], ["goframe", "lobby"], ["goframe"], []]
    assert one.rooms == other.rooms == set()
    assert hub.count("lobby") == 0


@in_virtual_time
async def test_delivery_to_a_room_without_members_is_nothing() -> None:
    hub = Hub()
    hub.deliver("lobby", message())
    await hub.relief("lobby")
    assert hub.rooms == {}


@in_virtual_time
async def test_a_member_whose_write_fails_ends_and_the_others_hear(caplog: pytest.LogCaptureFixture) -> None:
    hub, codec = Hub(), json_codec()
    members = [member(codec) for _ in range(5)]
    for connection in members:
        hub.add("lobby", connection)
    members[2].lane.broken = RuntimeError("unable to perform operation on closed transport")
    hub.deliver("lobby", message())
    await asyncio.sleep(1)
    assert [len(connection.lane.batches) for connection in members] == [1, 1, 0, 1, 1]
    assert members[2].lane.aborted
    assert "a write failed" in caplog.text


@in_virtual_time
async def test_a_slow_member_is_closed_and_leaves_while_a_pass_is_under_way() -> None:
    hub, codec = Hub(), json_codec()
    slow, healthy = member(codec, outbox_bytes=1000), member(codec)
    slow.lane.pause()
    for connection in (slow, healthy):
        hub.add("lobby", connection)
        connection.on_closing = lambda closed: hub.discard("lobby", closed)
    for number in range(1, 30):
        hub.deliver("lobby", message(number))
        await asyncio.sleep(0.1)
    assert slow.closing is not None
    assert slow.closing.code == 4002
    assert numbers(healthy) == list(range(1, 30))
    assert hub.count("lobby") == 1


@in_virtual_time
async def test_a_slow_member_loses_broadcasts_first_and_no_message() -> None:
    hub = Hub()
    slow = member(outbox_bytes=20_000)
    slow.lane.pause()
    hub.add("lobby", slow)
    hub.deliver("lobby", message(1, "x" * 11_000))
    await asyncio.sleep(0.1)
    hub.deliver("lobby", broadcast())
    await asyncio.sleep(0.1)
    for event in (message(2), broadcast(), message(3)):
        hub.deliver("lobby", event)
    await asyncio.sleep(0.1)
    slow.lane.resume()
    assert numbers(slow) == [1, 2, 3]
    assert not [e for e in slow.lane.envelopes if e["type"] == "broadcast"]
    assert slow.outbox.shed == 2


@in_virtual_time
async def test_a_codec_that_fails_silences_its_own_members_for_that_pass_only(
    caplog: pytest.LogCaptureFixture,
) -> None:
    hub, codec, broken = Hub(), json_codec(), raw_codec()
    broken.encode = lambda room, events, place: 1 / 0  # type: ignore[method-assign]
    one, other = member(codec), member(broken)
    hub.add("lobby", other)
    hub.add("lobby", one)
    hub.deliver("lobby", message())
    await asyncio.sleep(1)
    assert numbers(one) == [1]
    assert "a pass of 1 events in room lobby failed" in caplog.text


@in_virtual_time
async def test_a_room_that_empties_while_events_wait_raises_nothing() -> None:
    hub, connection = Hub(), member()
    hub.add("lobby", connection)
    hub.deliver("lobby", message())
    hub.discard("lobby", connection)
    await asyncio.sleep(1)
    assert connection.lane.batches == []


@in_virtual_time
async def test_the_members_of_a_room_are_those_of_every_codec_and_may_leave_while_they_are_walked_over() -> None:
    hub = Hub()
    one, other, elsewhere = member(json_codec()), member(raw_codec()), member()
    hub.add("lobby", one)
    hub.add("lobby", other)
    hub.add("goframe", elsewhere)
    assert set(hub.members("lobby")) == {one, other}
    for connection in hub.members("lobby"):
        hub.discard("lobby", connection)
    assert hub.members("lobby") == hub.members("nowhere") == []
