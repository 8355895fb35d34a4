"""Places: how many run, who waits, who is refused, and that no place is lost."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from chat.places import Full, Places


@pytest.fixture
async def open_places() -> AsyncIterator[Any]:
    """Make places, whose threads end with the test."""
    made: list[Places] = []
    threads: set[ThreadPoolExecutor] = set()

    def make(at_once: int = 1, waiting: int = 4, seconds: float = 10.0) -> Places:
        made.append(Places("test", at_once, waiting, seconds))
        threads.update(made[-1].free)
        return made[-1]

    yield make
    for places in made:
        assert places.length == 0, "nobody waits any more"
    for thread in threads:
        thread.shutdown()


async def settled() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


async def back(places: Places, at_once: int) -> None:
    """Wait until every place is free again."""
    async with asyncio.timeout(10):
        while len(places.free) < at_once:
            await asyncio.sleep(0.001)


async def waiting(places: Places, addresses: list[str], told: list[str]) -> list[asyncio.Task[Any]]:
    """Let requests wait; each says its name when it has a place, and gives it back."""

    async def one(address: str, name: str) -> None:
        try:
            place = await places.take(address)
        except Full:
            told.append(f"{name} refused")
            return
        told.append(name)
        places.give_back(place)

    tasks = []
    for number, address in enumerate(addresses):
        tasks.append(asyncio.create_task(one(address, f"{address}#{number}")))
        await settled()
    return tasks


@pytest.mark.parametrize(
    ("addresses", "order"),
    [
        (["a", "a", "a", "a"], ["a#0", "a#1", "a#2", "a#3"]),
        (["a", "a", "a", "b"], ["a#0", "b#3", "a#1", "a#2"]),
        (["a", "a", "b", "c"], ["a#0", "b#2", "c#3", "a#1"]),
        # The queue is full: a newcomer of the longest line is refused, another one takes that line's last position.
        (["a", "a", "a", "a", "a"], ["a#4 refused", "a#0", "a#1", "a#2", "a#3"]),
        (["a", "a", "a", "a", "b"], ["a#3 refused", "a#0", "b#4", "a#1", "a#2"]),
        (["a", "a", "b", "b", "b"], ["b#4 refused", "a#0", "b#2", "a#1", "b#3"]),
        (["a", "a", "a", "b", "c"], ["a#2 refused", "a#0", "b#3", "c#4", "a#1"]),
        (["a", "b", "c", "d", "e"], ["e#4 refused", "a#0", "b#1", "c#2", "d#3"]),
        # An IPv6 /64 is one customer's.
        (
            ["2001:db8::1", "2001:db8::2", "2001:db8::3", "2001:db8::4", "b"],
            ["2001:db8::4#3 refused", "2001:db8::1#0", "b#4", "2001:db8::2#1", "2001:db8::3#2"],
        ),
    ],
)
async def test_addresses_take_turns_and_the_longest_line_gives_way(
    open_places: Any, addresses: list[str], order: list[str]
) -> None:
    places = open_places()
    held = await places.take("z")
    told: list[str] = []
    tasks = await waiting(places, addresses, told)
    places.give_back(held)
    await asyncio.gather(*tasks)
    assert told == order
    await back(places, 1)


async def test_a_request_that_waits_too_long_is_refused_and_leaves_its_line(open_places: Any) -> None:
    places = open_places(seconds=0.01)
    held = await places.take("z")
    with pytest.raises(Full):
        await places.take("a")
    assert places.length == 0
    places.give_back(held)
    await back(places, 1)


async def test_a_request_that_is_cancelled_in_the_moment_in_which_it_gets_a_place_passes_it_on(
    open_places: Any,
) -> None:
    places = open_places()
    held = await places.take("z")
    taking = asyncio.create_task(places.take("a"))
    await settled()
    places._pass_on(held)
    taking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await taking
    assert places.free == [held]


async def test_a_place_is_free_only_when_its_thread_is(open_places: Any) -> None:
    places = open_places()
    go_on = threading.Event()
    place = await places.take("a")
    place.submit(go_on.wait)
    places.give_back(place)
    taking = asyncio.create_task(places.take("b"))
    await settled()
    assert not taking.done()
    go_on.set()
    assert await taking is place
    places.give_back(place)
    await back(places, 1)


def test_a_place_whose_loop_has_ended_is_given_back_to_nobody() -> None:
    places = Places("test", 1, 1)
    go_on = threading.Event()

    async def leave_it_working() -> ThreadPoolExecutor:
        place = await places.take("a")
        place.submit(go_on.wait)
        places.give_back(place)
        return place

    place = asyncio.run(leave_it_working())
    go_on.set()
    place.shutdown()
    assert places.free == []
