"""The broker."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chat.broker import EVENTS, MAX_EVENTS, SEND_SECONDS, Broker, group_of, post
from chat.live.hub import Hub
from chat.wire.events import Changed, Event, unpack
from tests.fakes import FakeLayer, broadcast, message
from tests.virtual import in_virtual_time


class FakeHub(Hub):
    """A hub that only notes what it is to deliver."""

    def __init__(self) -> None:
        super().__init__()
        self.delivered: list[tuple[str, Event]] = []

    def deliver(self, slug: str, event: Event) -> None:
        self.delivered.append((slug, event))


class World:
    """A broker over a fake layer, and what its callers were told."""

    def __init__(self, clustered: bool = True) -> None:
        self.layer = FakeLayer()
        self.hub = FakeHub()
        self.broker = Broker(self.layer, self.hub, "node-1", clustered)
        self.told: list[tuple[int, bool]] = []
        self.failures: list[BaseException] = []
        self.broker.on_failure = self.failures.append

    def publish(self, number: int, room: str = "lobby") -> None:
        self.broker.publish(room, message(number), lambda taken: self.told.append((number, taken)))

    @property
    def sent(self) -> list[tuple[str, list[Event]]]:
        return [(group, unpack(sent["events"])) for group, sent in self.layer.bus.sent]


@asynccontextmanager
async def running(clustered: bool = True) -> AsyncIterator[World]:
    world = World(clustered)
    task = asyncio.create_task(world.broker.run())
    yield world
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


@in_virtual_time
async def test_members_here_hear_at_once_and_the_layer_is_told_by_the_sender_task() -> None:
    async with running() as world:
        world.publish(1)
        assert world.hub.delivered == [("lobby", message(1))]
        assert world.sent == []
        await asyncio.sleep(0.01)
        assert world.sent == [("room.lobby", [message(1)])]
        assert world.told == [(1, True)]


@in_virtual_time
async def test_all_that_waits_for_a_room_leaves_in_one_send() -> None:
    async with running() as world:
        for number in range(20):
            world.publish(number)
            world.publish(number, "goframe")
        await asyncio.sleep(0.01)
        expected = [message(number) for number in range(20)]
        assert world.sent == [("room.lobby", expected), ("room.goframe", expected)]


@in_virtual_time
async def test_hints_that_wait_are_one_to_everybody_and_hold_nothing() -> None:
    async with running() as world:
        for _ in range(3):
            world.broker.hint()
        world.publish(1)
        await asyncio.sleep(0.01)
        assert sorted(world.sent) == [("room._", []), ("room.lobby", [message(1)])]
        world.broker.up = False
        world.broker.hint()
        assert not world.broker.waiting, "who is not reached looks within a second"
    async with running(clustered=False) as alone:
        alone.broker.hint()
        await asyncio.sleep(0.01)
        assert alone.sent == []


@in_virtual_time
async def test_a_send_carries_so_many_events_and_no_more() -> None:
    async with running() as world:
        for number in range(2 * MAX_EVENTS + 1):
            world.publish(number)
        await asyncio.sleep(0.01)
        assert [len(events) for _, events in world.sent] == [MAX_EVENTS, MAX_EVENTS, 1]
        assert [event.message for _, events in world.sent for event in events] == list(range(2 * MAX_EVENTS + 1))
        assert world.told == [(number, True) for number in range(2 * MAX_EVENTS + 1)]


@in_virtual_time
async def test_what_travels_has_one_fixed_type_and_says_whose_it_is() -> None:
    layer = FakeLayer()
    await post(layer, "lobby", [broadcast()], node="node-1")
    await post(layer, "", [], node="node-1", group="node.node-1.0")
    (group, sent), (pulse_group, pulse) = layer.bus.sent
    assert (group, sent["type"], sent["room"], sent["node"]) == ("room.lobby", EVENTS, "lobby", "node-1")
    assert unpack(sent["events"]) == [broadcast()]
    assert (pulse_group, pulse["room"], pulse["group"]) == ("node.node-1.0", "", "node.node-1.0")
    assert all(isinstance(value, str | bytes) for value in sent.values())


@in_virtual_time
async def test_a_layer_that_fails_is_told_of_and_so_is_who_sent() -> None:
    async with running() as world:
        world.layer.bus.down = ConnectionError("gone")
        world.publish(1)
        await asyncio.sleep(0.01)
        assert world.told == [(1, False)]
        assert [str(error) for error in world.failures] == ["gone"]
        assert world.broker.failures == 1
        assert len(world.hub.delivered) == 1


@in_virtual_time
async def test_a_layer_that_hangs_is_given_a_second() -> None:
    async with running() as world:
        world.layer.bus.hangs = True
        began = asyncio.get_running_loop().time()
        world.publish(1)
        while not world.told:
            await asyncio.sleep(0.01)
        assert asyncio.get_running_loop().time() - began == pytest.approx(SEND_SECONDS, abs=0.02)
        assert world.told == [(1, False)]
        assert isinstance(world.failures[0], TimeoutError)


@in_virtual_time
async def test_while_the_layer_is_down_members_here_hear_and_nobody_waits_for_it() -> None:
    async with running() as world:
        world.broker.up = False
        world.publish(1)
        assert world.told == [(1, False)]
        assert len(world.hub.delivered) == 1
        world.broker.up = True
        world.publish(2)
        await asyncio.sleep(0.01)
        assert world.sent == [("room.lobby", [message(2)])]


@in_virtual_time
async def test_what_waits_when_the_layer_goes_down_is_answered_at_once_and_not_sent() -> None:
    async with running() as world:
        world.layer.bus.hangs = True
        for number in range(5):
            world.publish(number, f"room-{number}")
        world.broker.on_failure = lambda error: setattr(world.broker, "up", False)
        await asyncio.sleep(SEND_SECONDS + 0.1)
        assert world.told == [(number, False) for number in range(5)]
        assert world.broker.failures == 1


@in_virtual_time
async def test_the_embedded_layers_failure_is_our_own_and_has_its_stack_in_the_log(
    caplog: pytest.LogCaptureFixture,
) -> None:
    for clustered, stacks in ((True, 0), (False, 1)):
        async with running(clustered) as world:
            world.layer.bus.down = RuntimeError("a bug")
            world.publish(1)
            await asyncio.sleep(0.01)
        assert sum(record.exc_info is not None for record in caplog.records) == stacks


@in_virtual_time
async def test_flushing_waits_until_all_is_sent_and_no_longer_than_it_may(caplog: pytest.LogCaptureFixture) -> None:
    async with running() as world:
        await world.broker.flushed(1)
        world.publish(1)
        await world.broker.flushed(1)
        assert len(world.sent) == 1
        world.layer.bus.hangs = True
        world.publish(2)
        world.publish(3, "goframe")
        began = asyncio.get_running_loop().time()
        await world.broker.flushed(0.5)
        assert asyncio.get_running_loop().time() - began == pytest.approx(0.5)
        assert "rooms' events did not reach the channel layer" in caplog.text


@settings(deadline=None, max_examples=50)
@given(st.lists(st.tuples(st.sampled_from(["a", "b", "c"]), st.sampled_from([0, 0, 0.001, 0.5])), max_size=60))
def test_every_event_is_sent_once_and_in_its_rooms_order(script: list[tuple[str, float]]) -> None:
    @in_virtual_time
    async def scenario() -> None:
        async with running() as world:
            for number, (room, pause) in enumerate(script):
                world.publish(number, room)
                if pause:
                    await asyncio.sleep(pause)
            await world.broker.flushed(10)
            for room in "abc":
                sent = [e.message for group, events in world.sent if group == group_of(room) for e in events]
                assert sent == [number for number, (target, _) in enumerate(script) if target == room]
            assert sorted(world.told) == [(number, True) for number in range(len(script))]

    scenario()


@in_virtual_time
async def test_what_waits_when_a_run_fails_goes_with_the_next_run() -> None:
    world = World(True)

    def fail(taken: bool) -> None:
        raise RuntimeError("an answer that cannot be given")

    world.broker.publish("lobby", message(1), fail)
    world.publish(2, "goframe")
    with pytest.raises(RuntimeError):
        await world.broker.run()
    again = asyncio.create_task(world.broker.run())
    await asyncio.sleep(0.01)
    assert world.sent[-1] == ("room.goframe", [message(2)])
    again.cancel()
    with pytest.raises(asyncio.CancelledError):
        await again


@in_virtual_time
async def test_changes_travel_apart_from_what_the_version_before_knows() -> None:
    layer, change = FakeLayer(), Changed(1, 2, "e1", {"👍": ["user:1"]})
    await post(layer, "lobby", [message(1), change, message(2)], node="node-1")
    await post(layer, "lobby", [message(3)], node="node-1")
    (_, mixed), (_, plain) = layer.bus.sent
    assert (unpack(mixed["events"]), unpack(mixed["changes"])) == ([message(1), message(2)], [change])
    assert "changes" not in plain
