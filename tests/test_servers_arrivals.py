"""Requests as they arrive."""

from __future__ import annotations

import pytest

from chatsite.servers.arrivals import (
    BODY_SECONDS,
    CUT_BYTES,
    HEAD_SECONDS,
    PIECE_SECONDS,
    Arrival,
    Awaited,
)
from tests.test_servers_incoming import Loop


def arrival() -> tuple[Arrival, Loop, list[str]]:
    loop, late = Loop(), []
    return Arrival(loop, lambda: late.append("late")), loop, late  # type: ignore[arg-type]


def test_a_head_has_its_time_from_the_start_whether_bytes_come_or_not() -> None:
    for trickling in (False, True):
        watch, loop, late = arrival()
        watch.expect(Awaited.HEAD)
        for _ in range(int(HEAD_SECONDS) - 1):
            loop.pass_time(1)
            if trickling:
                watch.expect(Awaited.HEAD)
        assert late == []
        loop.pass_time(1.1)
        assert late == ["late"]


def test_each_head_has_its_own_time() -> None:
    watch, loop, late = arrival()
    watch.expect(Awaited.HEAD)
    for _ in range(5):
        loop.pass_time(HEAD_SECONDS - 1)
        watch.anew()
        watch.expect(Awaited.HEAD)
    assert late == []


@pytest.mark.parametrize("whole", [True, False])
def test_an_answer_takes_as_long_as_it_takes(whole: bool) -> None:
    watch, loop, late = arrival()
    watch.expect(Awaited.HEAD)
    if whole:
        watch.anew()  # A whole request came at once.
    watch.expect(Awaited.ANSWER)
    loop.pass_time(1000)
    assert late == []


def test_a_body_has_its_time_for_each_piece_and_for_all_of_it() -> None:
    watch, loop, late = arrival()
    watch.expect(Awaited.BODY)
    loop.pass_time(PIECE_SECONDS - 0.1)
    assert late == []
    loop.pass_time(0.2)
    assert late == ["late"]
    watch, loop, late = arrival()
    watch.expect(Awaited.BODY)
    for _ in range(int(BODY_SECONDS) - 1):
        loop.pass_time(1)
        watch.expect(Awaited.BODY)
    assert late == []
    loop.pass_time(1.1)
    assert late == ["late"]


def test_bytes_are_counted_until_something_is_whole() -> None:
    watch, _, _ = arrival()
    assert watch.came(CUT_BYTES)
    assert not watch.came(1)
    watch.anew()
    assert watch.came(CUT_BYTES)


def test_an_answer_goes_out_as_long_as_less_of_it_waits_each_time() -> None:
    watch, _, _ = arrival()
    assert [watch.still_sending(unsent) for unsent in (0, 900, 899, 500)] == [False, True, True, True]
    assert not watch.still_sending(500)
    assert not watch.still_sending(0)


def test_a_connection_that_ended_is_not_late() -> None:
    for begin in (lambda watch: watch.expect(Awaited.BODY), Arrival.more_time, Arrival.linger):
        watch, loop, late = arrival()
        begin(watch)
        watch.end()
        loop.pass_time(1000)
        assert late == []
