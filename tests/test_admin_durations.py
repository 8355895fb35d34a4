"""Moments and durations in words."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from chat.admin.durations import about, ago, exactly, moment


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (1, "1 second"),
        (5, "5 seconds"),
        (60, "1 minute"),
        (90, "90 seconds"),
        (150, "150 seconds"),
        (3600, "1 hour"),
        (5400, "90 minutes"),
        (86_400, "1 day"),
    ],
)
def test_an_interval_is_told_exactly(seconds: int, words: str) -> None:
    assert exactly(seconds) == words


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (-3, "0 seconds"),
        (0.4, "0 seconds"),
        (1, "1 second"),
        (119, "119 seconds"),
        (120, "2 minutes"),
        (7199, "119 minutes"),
        (7200, "2 hours"),
        (200_000, "2 days"),
    ],
)
def test_a_span_is_told_by_the_largest_unit_that_it_holds_twice(seconds: float, words: str) -> None:
    assert about(timedelta(seconds=seconds)) == words


def test_what_was_within_the_last_second_or_by_another_clock_is_to_be_was_just_now() -> None:
    assert ago(timedelta(seconds=0.9)) == ago(timedelta(seconds=-5)) == "just now"
    assert ago(timedelta(seconds=5)) == "5 seconds ago"


def test_a_moment_is_told_to_the_second_in_the_pages_time_zone(settings: Any) -> None:
    settings.TIME_ZONE = "Asia/Kolkata"
    assert moment(datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)) == "2026-01-02 08:34:05 IST"
