"""The lease, with clocks that a test holds in its hand."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from chat.models import Lease
from chat.models.lease import Candidate, lease_seconds

pytestmark = pytest.mark.django_db


@dataclass
class HandClock:
    """A monotonic clock that goes only when a test says so."""

    time: float = 100.0

    def __call__(self) -> float:
        return self.time


def pair(seconds: float = 4.0) -> tuple[HandClock, Candidate, Candidate]:
    clock = HandClock()
    return clock, Candidate("ticks", "one", clock, seconds), Candidate("ticks", "two", clock, seconds)


def test_the_first_to_ask_leads_and_the_second_does_not() -> None:
    _, one, two = pair()
    assert not one.leads
    one.poll()
    two.poll()
    assert (one.leads, two.leads) == (True, False)
    assert Lease.objects.get().holder == "one"


def test_a_leader_that_renews_is_never_replaced() -> None:
    clock, one, two = pair()
    for _ in range(100):
        clock.time += 1
        one.poll()
        two.poll()
        assert (one.leads, two.leads) == (True, False)


def test_a_silent_leader_is_replaced_after_the_lease_and_not_before() -> None:
    clock, one, two = pair()
    one.poll()
    two.poll()
    clock.time += 3.9
    two.poll()
    assert not two.leads
    clock.time += 0.1
    two.poll()
    assert two.leads


def test_a_leader_stops_leading_before_another_may_take_over() -> None:
    clock, one, two = pair()
    one.poll()
    clock.time += 0.001
    two.poll()
    clock.time += 3.999
    assert not one.leads
    two.poll()
    assert not two.leads


def test_a_leader_that_was_replaced_while_it_slept_finds_out_and_does_not_take_it_back() -> None:
    clock, one, two = pair()
    one.poll()
    two.poll()
    clock.time += 5
    two.poll()
    one.poll()
    assert (one.leads, two.leads) == (False, True)
    clock.time += 1
    two.poll()
    one.poll()
    assert (one.leads, two.leads) == (False, True)


def test_a_leader_that_finds_another_in_its_place_stops_at_once() -> None:
    clock, one, two = pair()
    two.seconds = 1.0  # it has read of a faster broadcast already
    one.poll()
    two.poll()
    clock.time += 1.5
    two.poll()
    assert two.leads
    one.poll()
    assert not one.leads


def test_a_follower_that_slept_looks_before_it_takes_over() -> None:
    clock, one, two = pair()
    one.poll()
    two.poll()
    for _ in range(60):
        clock.time += 1
        one.poll()
    two.poll()
    assert (one.leads, two.leads) == (True, False)


def test_of_two_followers_that_see_the_same_silence_one_takes_over(monkeypatch: pytest.MonkeyPatch) -> None:
    clock, one, two = pair()
    three = Candidate("ticks", "three", clock)
    one.poll()
    two.poll()
    three.poll()
    clock.time += 5
    # Both have looked before either writes.
    two._look()
    three._look()
    monkeypatch.setattr(three, "_look", lambda: None)
    two.poll()
    three.poll()
    assert (two.leads, three.leads) == (True, False)


def test_a_released_lease_is_free_at_once_and_a_strangers_release_changes_nothing() -> None:
    _, one, two = pair()
    one.poll()
    two.release()
    two.poll()
    assert (one.leads, two.leads) == (True, False)
    one.release()
    two.poll()
    assert (one.leads, two.leads) == (False, True)


def test_a_worker_whose_own_success_was_not_told_to_it_leads_at_its_next_poll() -> None:
    _, one, two = pair()
    Lease.objects.create(name="ticks", holder="one", beat=7)
    one.poll()
    two.poll()
    assert (one.leads, two.leads) == (True, False)


def test_a_row_that_was_deleted_is_made_again() -> None:
    clock, one, _ = pair()
    one.poll()
    Lease.objects.all().delete()
    clock.time += 1
    one.poll()
    assert one.leads
    assert Lease.objects.get().holder == "one"


def test_leases_of_other_names_do_not_disturb() -> None:
    clock, one, _ = pair()
    other = Candidate("others", "two", clock)
    one.poll()
    other.poll()
    assert one.leads
    assert other.leads


@pytest.mark.parametrize(
    ("intervals", "seconds"), [([5], 3.5), ([60, 5], 3.5), ([60], 4), ([86_400], 4), ([2], 1.4), ([1, 60], 1), ([], 4)]
)
def test_the_lease_is_shorter_than_the_smallest_interval(intervals: list[int], seconds: float) -> None:
    assert lease_seconds(intervals) == pytest.approx(seconds)


@pytest.mark.parametrize("interval", [2, 3, 5, 10, 60])
def test_a_dead_leader_is_replaced_within_an_interval_so_that_ticks_go_on_within_two(interval: int) -> None:
    for died_after in range(10):
        clock, one, two = pair(lease_seconds([interval]))
        Lease.objects.all().delete()
        one.poll()
        two.poll()
        clock.time += died_after * two.pause / 10
        one.poll()  # the last beat, just after the follower looked
        died = clock.time
        clock.time += (10 - died_after) * two.pause / 10
        while not two.leads:
            two.poll()
            clock.time += 0 if two.leads else two.pause
        assert clock.time - died <= interval


def test_a_leader_renews_three_times_in_a_lease_and_at_least_each_second() -> None:
    _, one, two = pair(1.0)
    one.poll()
    two.poll()
    assert one.pause == pytest.approx(1 / 3)
    one.seconds = two.seconds = 4.0
    assert one.pause == 1.0
    assert two.pause == pytest.approx(4 / 7)
