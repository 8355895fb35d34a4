"""The link to the channel layer: lost, found, and everything joined again."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from chat.broker import post
from chat.live.link import DOWN_SECONDS, PULSE_SECONDS, RETRY_SECONDS, Link, cancellable, describe
from chat.live.membership import Membership
from tests.fakes import FakeLayer, message
from tests.virtual import in_virtual_time

PULSES = ["pulse.0", "pulse.1"]


class World:
    """A link over a fake layer, which carries its pulses, and notes of what it heard."""

    def __init__(self, pulses: list[str]) -> None:
        self.layer = FakeLayer()
        self.wish: set[str] = set()
        self.received: list[dict[str, Any]] = []
        self.changes: list[tuple[float, bool]] = []
        self.began = asyncio.get_running_loop().time()
        self.fails: Exception | None = None
        self.membership = Membership(lambda: self.wish, asyncio.get_running_loop().time)
        self.link = Link(
            self.layer, self.membership, self.receive, "room.{}".format, self.pulse, lambda: pulses, self.changed
        )

    def receive(self, message: dict[str, Any]) -> None:
        if self.fails is not None:
            error, self.fails = self.fails, None
            raise error
        if "pulse" in message:
            self.link.felt(message["pulse"])
        else:
            self.received.append(message)

    async def pulse(self, group: str) -> None:
        await self.layer.group_send(group, {"pulse": group})

    def changed(self, up: bool) -> None:
        self.changes.append((asyncio.get_running_loop().time() - self.began, up))

    def want(self, *rooms: str) -> None:
        self.wish = set(rooms)
        self.membership.touch()

    async def hears(self, room: str) -> bool:
        """Tell whether a message to a room's group arrives within a moment."""
        before = len(self.received)
        await self.layer.group_send(f"room.{room}", {"text": room})
        await asyncio.sleep(0.01)
        return self.received[before:] == [{"text": room}]


@asynccontextmanager
async def linked(*, down: Exception | None = None, pulses: list[str] = PULSES) -> AsyncIterator[World]:
    world = World(pulses)
    world.layer.bus.down = down
    task = asyncio.create_task(world.link.run())
    await asyncio.sleep(0.01)
    yield world
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


@in_virtual_time
async def test_a_room_wished_for_is_heard_through_one_channel() -> None:
    async with linked() as world:
        world.want("lobby", "goframe")
        await asyncio.sleep(0.01)
        assert await world.hears("lobby")
        assert await world.hears("goframe")
        assert not await world.hears("other")
        assert len(world.layer.bus.channels) == 1


@in_virtual_time
async def test_the_layer_is_up_when_every_pulse_has_come_back_and_not_before() -> None:
    async with linked(pulses=[]) as world:
        assert world.changes == [(0.0, True)]
    async with linked() as world:
        assert [up for _, up in world.changes] == [True]
    world = World(PULSES)
    world.link.pulses = dict.fromkeys(PULSES, float("inf"))
    world.link.felt(PULSES[0])
    assert world.changes == []
    world.link.felt(PULSES[1])
    assert [up for _, up in world.changes] == [True]


@in_virtual_time
async def test_an_idle_link_stays_up() -> None:
    async with linked() as world:
        await asyncio.sleep(600)
        assert [up for _, up in world.changes] == [True]
        assert len(world.layer.bus.channels) == 1


@in_virtual_time
async def test_pulses_that_do_not_come_back_mean_down_after_three_seconds_though_sending_works(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with linked() as world:
        world.want("lobby")
        await asyncio.sleep(10)
        world.layer.bus.deaf = True
        deaf_at = asyncio.get_running_loop().time() - world.began
        await asyncio.sleep(DOWN_SECONDS + 2 * PULSE_SECONDS)
        at, up = world.changes[1]
        assert not up
        assert deaf_at + DOWN_SECONDS - PULSE_SECONDS <= at <= deaf_at + DOWN_SECONDS + PULSE_SECONDS
        assert "a pulse of our own has been missing for 3 s" in caplog.text


@in_virtual_time
async def test_one_shards_missing_pulse_is_enough() -> None:
    async with linked() as world:
        await asyncio.sleep(10)
        world.layer.bus.groups["pulse.1"].clear()
        await asyncio.sleep(DOWN_SECONDS + 2 * PULSE_SECONDS)
        assert [up for _, up in world.changes][:2] == [True, False]


@in_virtual_time
async def test_a_link_that_was_lost_makes_a_new_channel_and_joins_every_room_again() -> None:
    async with linked() as world:
        world.want("lobby")
        await asyncio.sleep(10)
        world.layer.bus.deaf = True
        await asyncio.sleep(10)
        world.want("lobby", "opened while it was down")
        world.layer.bus.deaf = False
        await asyncio.sleep(5)
        assert world.link.up
        assert await world.hears("lobby")
        assert await world.hears("opened while it was down")
        assert len(world.layer.bus.channels) > 1
        assert world.layer.flushed


@in_virtual_time
async def test_a_layer_that_is_down_at_the_start_costs_one_line_and_no_stack(caplog: pytest.LogCaptureFixture) -> None:
    async with linked(down=ConnectionRefusedError(111, "Connect call failed")) as world:
        assert not await world.membership.joined("lobby")
        await asyncio.sleep(60)
        assert [record.levelname for record in caplog.records] == ["WARNING"]
        assert "ConnectionRefusedError: [Errno 111] Connect call failed" in caplog.text
        assert caplog.records[0].exc_info is None
        world.layer.bus.down = None
        world.want("lobby")
        await asyncio.sleep(RETRY_SECONDS + 0.1)
        assert world.link.up
        assert await world.hears("lobby")
        assert caplog.messages[1:] == ["the channel layer answers again"]


@in_virtual_time
async def test_a_room_opened_while_the_layer_is_dead_is_heard_after_its_return() -> None:
    async with linked() as world:
        world.layer.bus.down = ConnectionError("gone")
        world.want("lobby")
        await asyncio.sleep(20)
        assert world.link.up is False
        world.layer.bus.down = None
        await asyncio.sleep(RETRY_SECONDS + 0.1)
        assert await world.hears("lobby")


@in_virtual_time
async def test_a_pump_that_fails_is_started_again_and_the_rooms_are_heard() -> None:
    async with linked() as world:
        world.want("lobby")
        await asyncio.sleep(0.01)
        world.layer.break_pump(ConnectionError("Connection closed by server."))
        await asyncio.sleep(RETRY_SECONDS + 0.1)
        assert [up for _, up in world.changes] == [True, False, True]
        assert await world.hears("lobby")


@in_virtual_time
async def test_a_receiver_that_raises_does_not_end_the_pump_for_good() -> None:
    async with linked() as world:
        world.want("lobby")
        await asyncio.sleep(0.01)
        world.fails = ValueError("a bug")
        assert not await world.hears("lobby")
        await asyncio.sleep(RETRY_SECONDS + 0.1)
        assert await world.hears("lobby")


@in_virtual_time
async def test_a_message_that_could_not_be_sent_makes_the_link_anew() -> None:
    async with linked() as world:
        world.link.failed.set()
        await asyncio.sleep(0.01)
        assert world.link.up is False
        await asyncio.sleep(RETRY_SECONDS + 0.1)
        assert world.link.up


@in_virtual_time
async def test_a_flush_that_fails_or_hangs_does_not_keep_the_link_from_coming_back() -> None:
    async def fail() -> None:
        raise ConnectionError("still gone")

    async def hang() -> None:
        await asyncio.Event().wait()

    for flush in (fail, hang):
        async with linked() as world:
            world.layer.flush = flush  # type: ignore[method-assign]
            world.link.failed.set()
            await asyncio.sleep(DOWN_SECONDS + RETRY_SECONDS + 0.1)
            assert world.link.up


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (ConnectionError("line one\n  line two"), "ConnectionError: line one line two"),
        (TimeoutError(), "TimeoutError"),
    ],
)
def test_an_error_is_told_in_one_line(error: Exception, told: str) -> None:
    assert describe(error) == told


class Swallowing(FakeLayer):
    """A layer whose first call ends well although it is cancelled, as in `wait_for` of Python 3.11."""

    def __init__(self) -> None:
        super().__init__()
        self.begun = asyncio.Event()

    async def group_send(self, group: str, message: dict[str, Any]) -> None:
        if self.begun.is_set():
            await asyncio.sleep(0)
            return
        self.begun.set()
        try:
            await asyncio.get_running_loop().create_future()
        except asyncio.CancelledError:
            return


@pytest.mark.parametrize(
    "call",
    [
        lambda layer: cancellable(layer.group_send("room.lobby", {})),
        lambda layer: post(layer, "lobby", [message(1)]),
    ],
    ids=["a call", "a post"],
)
async def test_a_task_ends_though_the_layer_swallows_its_cancellation(
    call: Callable[[Swallowing], Awaitable[None]],
) -> None:
    layer = Swallowing()

    async def work() -> None:
        for _ in range(1000):
            await call(layer)

    task = asyncio.create_task(work())
    await layer.begun.wait()
    task.cancel()
    await asyncio.wait({task}, timeout=15)
    assert task.cancelled()


async def test_a_call_in_a_task_that_was_cancelled_before_goes_through() -> None:
    """As in clean-up after a cancellation."""
    outcome = []

    async def work() -> None:
        try:
            await asyncio.get_running_loop().create_future()
        except asyncio.CancelledError:
            outcome.append(await cancellable(asyncio.sleep(0, "done")))

    task = asyncio.create_task(work())
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.wait({task}, timeout=15)
    assert outcome == ["done"]
