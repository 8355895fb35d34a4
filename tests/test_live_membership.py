"""Memberships: the groups joined become the rooms wished for, whatever fails between."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chat.live.membership import GROUP_SECONDS, JOIN_SECONDS, LINGER_SECONDS, REPAIR_SECONDS, Membership
from tests.virtual import in_virtual_time


class Groups:
    """The layer's side: which groups we are in. Adding and discarding may take time, and may fail before or after."""

    def __init__(self, random: Random | None = None) -> None:
        self.joined: set[str] = set()
        self.calls: list[str] = []
        self.seconds = 0.0
        self.failing = 0.0
        self.random = random or Random(1)

    async def add(self, room: str) -> None:
        await self._call(f"+{room}")
        self.joined.add(room)
        self._fail()

    async def discard(self, room: str) -> None:
        await self._call(f"-{room}")
        self.joined.discard(room)
        self._fail()

    async def _call(self, call: str) -> None:
        self.calls.append(call)
        self._fail()
        await asyncio.sleep(self.seconds)

    def _fail(self) -> None:
        if self.random.random() < self.failing:
            raise ConnectionError("the layer is gone")


class World:
    """A membership kept over failures, as the link does it: lose everything, and begin again."""

    def __init__(self, random: Random | None = None) -> None:
        self.wish: set[str] = set()
        self.groups = Groups(random)
        self.membership = Membership(lambda: self.wish, asyncio.get_running_loop().time)
        self.errors: list[BaseException] = []

    async def keep(self) -> None:
        while True:
            try:
                await self.membership.keep(self.groups.add, self.groups.discard)
            except (ConnectionError, TimeoutError) as error:
                self.errors.append(error)
                await self.membership.lost()
                self.groups.joined.clear()
            await asyncio.sleep(1)

    def want(self, *rooms: str) -> None:
        self.wish = set(rooms)
        self.membership.touch()

    @property
    def in_step(self) -> bool:
        return self.membership.facts == self.groups.joined == self.wish


@asynccontextmanager
async def kept(random: Random | None = None) -> AsyncIterator[World]:
    world = World(random)
    task = asyncio.create_task(world.keep())
    yield world
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


@in_virtual_time
async def test_a_room_with_members_gets_its_group_at_once() -> None:
    async with kept() as world:
        await asyncio.sleep(1)
        world.want("lobby")
        await asyncio.sleep(0.001)
        assert world.groups.joined == {"lobby"}


@in_virtual_time
async def test_a_room_that_emptied_keeps_its_group_for_a_while() -> None:
    async with kept() as world:
        world.want("lobby")
        await asyncio.sleep(1)
        world.want()
        await asyncio.sleep(LINGER_SECONDS - 2)
        world.want("lobby")
        await asyncio.sleep(0.1)
        world.want()
        await asyncio.sleep(LINGER_SECONDS - 1)
        assert world.groups.calls == ["+lobby"]
        await asyncio.sleep(REPAIR_SECONDS + 2)
        assert world.groups.calls == ["+lobby", "-lobby"]
        assert not world.membership.last_wished


@in_virtual_time
async def test_joining_waits_for_the_group() -> None:
    async with kept() as world:
        world.groups.seconds = 0.5
        began = asyncio.get_running_loop().time()
        assert await world.membership.joined("lobby")
        assert asyncio.get_running_loop().time() - began == pytest.approx(0.5)
        assert await world.membership.joined("lobby")
        assert asyncio.get_running_loop().time() - began == pytest.approx(0.5)


@in_virtual_time
async def test_joining_waits_no_longer_than_a_second(caplog: pytest.LogCaptureFixture) -> None:
    async with kept() as world:
        caplog.set_level("INFO", "chat.membership")
        world.groups.seconds = 1.9
        began = asyncio.get_running_loop().time()
        assert not await world.membership.joined("lobby")
        assert asyncio.get_running_loop().time() - began == pytest.approx(JOIN_SECONDS)
        assert "goes on without its group" in caplog.text


@in_virtual_time
async def test_while_the_layer_is_down_joining_does_not_wait_at_all() -> None:
    async with kept() as world:
        await world.membership.lost()
        began = asyncio.get_running_loop().time()
        assert not await world.membership.joined("lobby")
        assert asyncio.get_running_loop().time() == began


@in_virtual_time
async def test_who_waits_when_the_layer_goes_down_waits_no_longer() -> None:
    async with kept() as world:
        world.groups.seconds = 1.5
        joining = asyncio.create_task(world.membership.joined("lobby"))
        await asyncio.sleep(0.1)
        began = asyncio.get_running_loop().time()
        await world.membership.lost()
        assert not await joining
        assert asyncio.get_running_loop().time() == began


@in_virtual_time
async def test_who_joins_while_the_group_is_being_left_waits_until_it_is_joined_again() -> None:
    async with kept() as world:
        world.want("lobby")
        await asyncio.sleep(1)
        world.groups.seconds = 0.3
        world.want()
        async with asyncio.timeout(60):
            while world.groups.calls != ["+lobby", "-lobby"]:
                await asyncio.sleep(0.1)
        assert await world.membership.joined("lobby")
        assert world.groups.joined == {"lobby"}


@in_virtual_time
async def test_a_room_asked_for_and_never_entered_is_forgotten_and_left() -> None:
    async with kept() as world:
        await world.membership.joined("lobby")
        await asyncio.sleep(LINGER_SECONDS + 2 * REPAIR_SECONDS)
        assert world.groups.joined == set()
        assert not world.membership.last_wished
        await world.membership.lost()
        await world.membership.joined("other")
        world.membership.facts.clear()
        await asyncio.sleep(LINGER_SECONDS + 2 * REPAIR_SECONDS)
        assert not world.membership.last_wished


@in_virtual_time
async def test_a_layer_that_does_not_answer_ends_the_keeping() -> None:
    async with kept() as world:
        world.groups.seconds = GROUP_SECONDS + 1
        world.want("lobby")
        await asyncio.sleep(GROUP_SECONDS + 0.1)
        assert [type(error) for error in world.errors] == [TimeoutError]
        assert world.membership.failing


@in_virtual_time
async def test_after_a_loss_every_room_gets_its_group_again() -> None:
    async with kept() as world:
        world.want("a", "b", "c")
        await asyncio.sleep(1)
        world.groups.failing = 1.0
        world.want("a", "b", "c", "d")
        await asyncio.sleep(30)
        assert world.groups.joined == set()
        world.groups.failing = 0.0
        await asyncio.sleep(REPAIR_SECONDS + 2)
        assert world.in_step
        assert not world.membership.failing


SCRIPTS = st.lists(
    st.tuples(st.floats(0, 8), st.sets(st.sampled_from("abcde")), st.sampled_from([0.0, 0.3, 1.0])), max_size=12
)


@settings(deadline=None, max_examples=60)
@given(SCRIPTS, st.randoms(use_true_random=False), st.sampled_from([0.0, 0.1, 3.0]))
def test_fact_and_wish_converge_whatever_failed_before(
    script: list[tuple[float, set[str], float]], random: Random, seconds: float
) -> None:
    @in_virtual_time
    async def scenario() -> None:
        async with kept(random) as world:
            world.groups.seconds = seconds
            for pause, wish, failing in script:
                await asyncio.sleep(pause)
                world.groups.failing = failing
                world.want(*wish)
                if wish:
                    await world.membership.joined(sorted(wish)[0])
            world.groups.failing = world.groups.seconds = 0.0
            await asyncio.sleep(LINGER_SECONDS + 3 * REPAIR_SECONDS + GROUP_SECONDS)
            assert world.in_step

    scenario()
