"""Limits."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chat.live.limits import BAD_FRAMES_IN_A_ROW, FLOOD_BURSTS, FLOOD_LEAST, Bucket, Patience


def test_a_bucket_gives_its_burst_at_once_and_then_its_rate() -> None:
    bucket = Bucket(10, 5, now=100.0)
    assert [bucket.take(100.0) for _ in range(5)] == [0] * 5
    assert bucket.take(100.0) == pytest.approx(0.1)
    assert bucket.take(100.05) == pytest.approx(0.05)
    assert bucket.take(100.1001) == 0
    assert bucket.take(100.1001) > 0


def test_a_bucket_does_not_save_up_more_than_its_burst() -> None:
    bucket = Bucket(10, 5, now=0.0)
    assert sum(bucket.take(1e6) == 0 for _ in range(50)) == 5


def test_a_rate_of_0_is_no_limit() -> None:
    bucket = Bucket(0, 1, now=0.0)
    assert all(bucket.take(0.0) == 0 for _ in range(1000))


def test_who_waits_as_long_as_told_is_let_through() -> None:
    bucket = Bucket(3, 1, now=0.0)
    now = 0.0
    for _ in range(50):
        wait = bucket.take(now)
        if wait:
            now += wait + 1e-9
            assert bucket.take(now) == 0


@given(st.floats(0.1, 1000), st.integers(1, 100), st.lists(st.floats(0, 2), max_size=200))
def test_a_bucket_never_gives_more_than_its_burst_and_its_rate_times_the_time(
    rate: float, burst: int, pauses: list[float]
) -> None:
    bucket, now, given_out = Bucket(rate, burst, 0.0), 0.0, 0
    for pause in pauses:
        now += pause
        wait = bucket.take(now)
        given_out += wait == 0
        assert wait >= 0
        assert given_out <= burst + rate * now + 1e-6


def test_what_costs_more_takes_more_and_what_costs_more_than_the_burst_all_of_it() -> None:
    bucket = Bucket(2.0, 10, 0.0)
    assert bucket.take(0.0, 7) == 0
    assert bucket.take(0.0, 7) == 2.0
    assert bucket.take(0.0, 3) == 0
    assert bucket.take(5.0, 50) == 0
    assert bucket.take(5.0, 0) == 0
    assert Bucket(0, 0, 0.0).take(0.0, 50) == 0, "no limit"


def test_patience_ends_with_the_tenth_bad_frame_in_a_row_and_a_good_one_restores_it() -> None:
    patience = Patience(50)
    assert not any(patience.bad_frame() for _ in range(BAD_FRAMES_IN_A_ROW - 1))
    patience.good()
    assert [patience.bad_frame() for _ in range(BAD_FRAMES_IN_A_ROW)] == [False] * 9 + [True]


@pytest.mark.parametrize(("burst", "most"), [(50, FLOOD_BURSTS * 50), (1, FLOOD_LEAST)])
def test_a_flood_is_many_bursts_refused_in_a_row(burst: int, most: int) -> None:
    patience = Patience(burst)
    assert not any(patience.over_rate() for _ in range(most - 1))
    patience.accepted()
    assert [patience.over_rate() for _ in range(most)] == [False] * (most - 1) + [True]


def test_a_good_frame_that_is_not_accepted_does_not_end_a_flood() -> None:
    patience = Patience(1)
    for _ in range(FLOOD_LEAST - 1):
        patience.good()
        patience.over_rate()
    assert patience.over_rate()
