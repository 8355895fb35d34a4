"""Gathering: every event leaves once, in order, and busy rooms share passes."""

from __future__ import annotations

import asyncio

from hypothesis import given, settings
from hypothesis import strategies as st

from chat.live.gather import MANY_WAITING, MAX_PASS_BYTES, MAX_WAIT_SECONDS, Gather, size_of
from chat.wire.events import Event, Message
from tests.fakes import broadcast, message
from tests.virtual import in_virtual_time


class Passes:
    """What was carried, pass by pass; carrying may take some of the loop's time, and may fail."""

    def __init__(self, seconds: float = 0.0) -> None:
        self.passes: list[list[int]] = []
        self.times: list[float] = []
        self.seconds = seconds
        self.fails = False

    def __call__(self, events: list[Event]) -> None:
        loop = asyncio.get_running_loop()
        self.times.append(loop.time())
        self.passes.append([event.message for event in events if isinstance(event, Message)])
        loop.skip(self.seconds)  # type: ignore[attr-defined]
        if self.fails:
            raise RuntimeError("this pass fails")

    @property
    def numbers(self) -> list[int]:
        return [number for numbers in self.passes for number in numbers]


def gather(passes: Passes) -> Gather:
    return Gather(passes, asyncio.get_running_loop())


@in_virtual_time
async def test_a_lone_event_leaves_at_once() -> None:
    passes = Passes(seconds=1)
    gathering = gather(passes)
    for number in range(3):
        began = asyncio.get_running_loop().time()
        gathering.add(message(number))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert passes.times[-1] == began
    assert passes.passes == [[0], [1], [2]]


@in_virtual_time
async def test_events_that_come_together_share_a_pass() -> None:
    passes = Passes()
    gathering = gather(passes)
    for number in range(100):
        gathering.add(message(number))
    await asyncio.sleep(0.1)
    assert passes.passes == [list(range(100))]


@in_virtual_time
async def test_after_a_pass_of_many_the_next_waits_for_half_the_time_that_it_took() -> None:
    passes = Passes(seconds=0.004)
    gathering = gather(passes)
    for number in (1, 2, 3, 4):
        gathering.add(message(number))
        if number == 2:
            await asyncio.sleep(0.004)
    await asyncio.sleep(1)
    assert passes.passes == [[1, 2], [3, 4]]
    assert abs(passes.times[1] - passes.times[0] - 0.006) < 1e-6


@in_virtual_time
async def test_no_event_waits_longer_than_the_most_whatever_a_pass_took() -> None:
    passes = Passes(seconds=3)
    gathering = gather(passes)
    gathering.add(message(1))
    gathering.add(message(2))
    await asyncio.sleep(4)
    asked = asyncio.get_running_loop().time()
    gathering.add(message(3))
    await asyncio.sleep(1)
    assert passes.times[1] - asked <= MAX_WAIT_SECONDS + 1e-6


@in_virtual_time
async def test_a_pass_ends_at_its_size() -> None:
    passes = Passes()
    gathering = gather(passes)
    big = "x" * (MAX_PASS_BYTES // 2)
    for number in range(5):
        gathering.add(message(number, big))
    await asyncio.sleep(1)
    assert passes.passes == [[0, 1], [2, 3], [4]]


@in_virtual_time
async def test_a_pass_that_fails_loses_its_own_events_and_no_others() -> None:
    passes, told = Passes(), []
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(lambda loop, context: told.append(context["exception"]))
    gathering = gather(passes)
    passes.fails = True
    gathering.add(message(1))
    await asyncio.sleep(0.01)
    passes.fails = False
    gathering.add(message(2))
    await asyncio.sleep(0.01)
    assert passes.passes == [[1], [2]]
    assert [str(error) for error in told] == ["this pass fails"]


@in_virtual_time
async def test_who_asks_for_relief_waits_until_few_enough_events_do() -> None:
    passes = Passes(seconds=0.01)
    gathering = gather(passes)
    await asyncio.wait_for(gathering.relief(), 0.001)
    many = MANY_WAITING + 1000  # One pass alone is no relief.
    for number in range(many):
        gathering.add(message(number))
    waiting = [asyncio.create_task(gathering.relief()) for _ in range(2)]
    await asyncio.sleep(0)
    assert not any(task.done() for task in waiting)
    await asyncio.wait_for(asyncio.gather(*waiting), 1)
    assert not gathering.crowded
    await asyncio.sleep(60)
    assert passes.numbers == list(range(many))


@in_virtual_time
async def test_one_who_gives_up_waiting_for_relief_takes_it_from_nobody() -> None:
    gathering = gather(Passes(seconds=0.01))
    for number in range(MANY_WAITING + 1000):
        gathering.add(message(number))
    impatient, patient = (asyncio.create_task(gathering.relief()) for _ in range(2))
    await asyncio.sleep(0)
    assert not patient.done()
    impatient.cancel()
    await asyncio.wait_for(patient, 1)
    await asyncio.sleep(60)


@settings(deadline=None, max_examples=60)
@given(
    st.lists(st.tuples(st.floats(0, 0.02), st.integers(1, 9), st.integers(0, 40_000)), max_size=25), st.floats(0, 0.01)
)
def test_every_event_leaves_once_and_in_order(bursts: list[tuple[float, int, int]], seconds: float) -> None:
    passes = Passes(seconds)

    @in_virtual_time
    async def scenario() -> None:
        gathering = gather(passes)
        number = 0
        for pause, count, size in bursts:
            await asyncio.sleep(pause)
            for _ in range(count):
                gathering.add(message(number, "x" * size))
                number += 1
        await asyncio.sleep(10)
        assert passes.numbers == list(range(number))
        assert not gathering.waiting

    scenario()


def test_the_size_of_an_event_grows_with_what_it_says() -> None:
    assert size_of(message(text="x" * 1000)) - size_of(message(text="")) == 1000
    assert size_of(message(data=b"x" * 1000)) - size_of(message(data=b"")) == 1000
    assert size_of(broadcast("x" * 1000)) - size_of(broadcast("")) == 1000


@in_virtual_time
async def test_what_is_added_together_leaves_together_and_nothing_added_is_no_pass() -> None:
    passes = Passes()
    gathering = gather(passes)
    gathering.add_all([])
    await asyncio.sleep(1)
    assert passes.passes == []
    gathering.add_all([message(number) for number in range(5)])
    gathering.add_all([message(number) for number in range(5, 8)])
    await asyncio.sleep(1)
    assert passes.passes == [list(range(8))]


@in_virtual_time
async def test_a_pass_whose_events_were_taken_back_carries_nothing() -> None:
    passes = Passes()
    gathering = gather(passes)
    gathering.add(message(1))
    gathering.waiting.clear()
    await asyncio.sleep(1)
    assert passes.numbers == []
    gathering.add(message(2))
    await asyncio.sleep(1)
    assert passes.numbers == [2]
