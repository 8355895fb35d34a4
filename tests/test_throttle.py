"""Throttles: how often, for how long, and how much is remembered."""

from __future__ import annotations

import threading

from chat.throttle import SECONDS_AN_HOUR, Throttle


class Clock:
    """A clock that the test moves. Times are seconds."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def test_each_key_has_an_hours_worth_at_once_and_then_one_after_the_other() -> None:
    clock = Clock()
    one = Throttle(4, clock)
    assert [one.take("a") for _ in range(5)] == [0, 0, 0, 0, SECONDS_AN_HOUR / 4]
    assert one.take("b") == 0
    clock.now += SECONDS_AN_HOUR / 4 + 1
    assert one.take("a") == 0 and one.take("a") > 0
    clock.now += 100 * SECONDS_AN_HOUR
    assert sum(one.take("a") == 0 for _ in range(50)) == 4


def test_what_is_refused_does_not_put_the_end_off() -> None:
    clock = Clock()
    one = Throttle(1, clock)
    assert one.take("a") == 0
    for _ in range(59):
        clock.now += 60
        assert one.take("a") > 0
    clock.now += 61
    assert one.take("a") == 0


def test_memory_is_bounded_and_who_was_silent_for_the_longest_is_forgotten_first() -> None:
    one = Throttle(1, Clock(), most=100)
    for number in range(100):
        assert one.take(str(number)) == 0
    assert one.take("0") > 0, "heard of just now"
    for number in range(100, 150):
        assert one.take(str(number)) == 0
    assert len(one.buckets) == 100
    assert one.take("0") > 0 and one.take("1") == 0


def test_threads_together_get_no_more_than_one_would() -> None:
    one = Throttle(50, Clock())
    taken: list[float] = []
    threads = [threading.Thread(target=lambda: taken.extend(one.take("a") for _ in range(25))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert taken.count(0) == 50
