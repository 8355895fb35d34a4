"""The ticker, in a world where a test decides what time it is. The simulation starts at 12:00:01, as second 0."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chat import broadcasts
from chat.broadcasts import due_of
from tests.simulation import START, FakePlace, FakeRow, World


def moment(second: float) -> datetime:
    return START + timedelta(seconds=second)


def test_ticks_are_aligned_to_the_clock_and_do_not_drift() -> None:
    world = World()
    assert world.dues(3600) == list(range(4, 3600, 5))
    assert all(sent.time == pytest.approx(sent.due, abs=1e-3) for sent in world.sent)
    assert world.sent[0].event.text == "12:00:05"


def test_an_event_says_its_broadcasts_name_and_goes_to_its_own_room_alone() -> None:
    world = World(FakeRow(), FakeRow(pk=2, name="GoFrame", interval=10, room=FakePlace("goframe")))
    sent = world.run(10)
    assert [(s.room, s.event.name, s.due) for s in sent] == [
        ("lobby", "Time", 4),
        ("lobby", "Time", 9),
        ("goframe", "GoFrame", 9),
    ]


def test_a_start_between_two_moments_sends_nothing_until_the_next_one() -> None:
    world = World(FakeRow(interval=86_400))
    assert world.dues(3600) == []


def test_a_daily_broadcast_comes_at_midnight() -> None:
    world = World(FakeRow(interval=86_400))
    (sent,) = world.run(86_400)
    assert datetime.fromtimestamp(sent.event.due_at, START.tzinfo) == datetime(2026, 1, 2, tzinfo=START.tzinfo)


def test_a_stall_skips_ticks_instead_of_piling_them_up() -> None:
    world = World()
    world.at(5, lambda: world.machine.stall(23))  # until second 28: the ticks of 9, 14, 19 and 24 have passed
    assert world.dues(40) == [4, 29, 34, 39]


def test_a_tick_that_is_only_a_little_late_is_sent_once_with_its_own_due() -> None:
    world = World()
    world.at(5, lambda: world.machine.stall(15))
    sent = world.run(25)
    assert [s.due for s in sent] == [4, 19, 24]
    assert sent[1].time == pytest.approx(20)


@pytest.mark.parametrize("seconds", [-0.3, -3, -5, -8, -3600, 0.3, 3, 8, 3600])
def test_after_the_clock_is_set_ticks_go_on_within_two_intervals_by_the_new_clock(seconds: float) -> None:
    world = World()
    world.at(10.5, lambda: world.machine.step(seconds))
    world.run(60)
    dues = [sent.due for sent in world.sent]
    assert dues == sorted(set(dues))
    times = [sent.time for sent in world.sent]
    assert max(after - before for before, after in zip(times, times[1:], strict=False)) <= 10
    assert all((time + seconds - 4) % 5 == pytest.approx(0, abs=1e-3) for time in times if time > 11)


def test_after_a_big_step_back_due_at_goes_on_from_the_last_one() -> None:
    world = World()
    world.at(10, lambda: world.machine.step(-3600))
    assert world.dues(30) == [4, 9, 14, 19, 24, 29]
    assert world.sent[-1].event.at - START.timestamp() == pytest.approx(29 - 3600)


def test_a_small_step_back_sends_no_moment_again() -> None:
    world = World()
    world.at(9.5, lambda: world.machine.step(-1))
    assert world.dues(21) == [4, 9, 14, 19]


@pytest.mark.parametrize(
    ("now", "last", "due"),
    [(5, None, 5), (10, 5, 10), (10, 10, None), (10, 12, None), (10, 15, 20), (10, 3610, 3615), (3610, 15, 3610)],
)
def test_due_at(now: int, last: int | None, due: int | None) -> None:
    found = due_of(moment(now), None if last is None else moment(last), 5)
    assert found == (None if due is None else moment(due))


def test_a_changed_interval_is_in_force_within_two_seconds_and_stays_aligned() -> None:
    world = World()
    world.at(10.1, lambda: setattr(world.row, "interval", 2))
    assert world.dues(17) == [4, 9, 13, 15, 17]


def test_a_longer_interval_does_not_push_due_at_ahead_of_the_clock() -> None:
    world = World()
    world.at(57, lambda: setattr(world.row, "interval", 60))
    assert world.dues(200)[-4:] == [54, 59, 119, 179]
    assert all(sent.due == pytest.approx(sent.time, abs=1e-3) for sent in world.sent)


def test_a_broadcast_that_is_switched_off_falls_silent_at_once_and_comes_back() -> None:
    world = World()
    world.at(8.9, lambda: setattr(world.row, "enabled", False))
    world.at(20.1, lambda: setattr(world.row, "enabled", True))
    assert world.dues(30) == [4, 24, 29]


def test_a_new_row_ticks_within_two_seconds_of_its_interval() -> None:
    world = World()
    world.at(10.2, lambda: world.store.rows.update({2: FakeRow(pk=2, name="Fast", interval=1)}))
    assert min(sent.time for sent in world.run(15) if sent.event.name == "Fast") <= 12.2


def test_rows_are_read_about_once_a_second() -> None:
    world = World()
    world.run(100)
    assert 95 <= world.store.loads <= 105


def test_a_worker_that_does_not_lead_sends_nothing_and_one_that_begins_to_lead_sends_the_next_tick() -> None:
    world = World()
    world.machine.leads = False
    world.at(12, lambda: setattr(world.machine, "leads", True))
    assert world.dues(21) == [14, 19]


def test_two_workers_that_both_think_that_they_lead_send_each_tick_once() -> None:
    world = World(workers=2)
    assert world.dues(600) == list(range(4, 600, 5))


def test_two_workers_whose_clocks_differ_send_each_tick_once() -> None:
    world = World(workers=2)
    world.machines[1].step(-1.7)
    assert world.dues(600) == list(range(-1, 600, 5))


def test_a_worker_that_stalls_between_its_claim_and_the_sending_does_not_send_a_tick_that_is_over() -> None:
    world = World()
    world.store.answer_seconds = 6
    world.at(8, lambda: setattr(world.store, "answer_seconds", 0))
    assert world.dues(20) == [9, 14, 19]


def test_a_database_that_does_not_answer_loses_no_tick_when_it_is_back_soon() -> None:
    world = World()
    world.at(8, lambda: setattr(world.store, "down", True))
    world.at(10, lambda: setattr(world.store, "down", False))
    sent = world.run(20)
    assert [s.due for s in sent] == [4, 9, 14, 19]
    assert sent[1].time <= 10.5


def test_a_database_that_is_down_for_long_neither_ends_the_ticker_nor_piles_up_ticks() -> None:
    world = World()
    world.store.down = True
    world.at(3600, lambda: setattr(world.store, "down", False))
    assert world.dues(3612) == [3604, 3609]


def test_a_channel_layer_that_is_down_loses_ticks_but_sends_none_twice_and_ticks_resume() -> None:
    world = World()
    world.at(8, lambda: setattr(world, "layer_down", True))
    world.at(16, lambda: setattr(world, "layer_down", False))
    assert world.dues(25) == [4, 19, 24]


def test_a_row_that_cannot_be_told_is_logged_and_silences_no_other(caplog: pytest.LogCaptureFixture) -> None:
    class Broken(FakeRow):
        def render(self, now: datetime) -> str:
            raise ValueError("no such zone")

    async def load() -> list[FakeRow]:
        return [Broken(pk=1, name="Broken"), FakeRow(pk=2)]

    world = World(FakeRow(pk=1), FakeRow(pk=2))
    world.store.load = load  # type: ignore[method-assign]
    assert world.dues(10) == [4, 9]
    assert caplog.messages[0] == "Broadcast 'Broken' cannot be told: no such zone"


async def test_once_sends_every_enabled_broadcast_with_a_due_at_after_the_last_one() -> None:
    rows = FakeRow(last_due=moment(0)), FakeRow(pk=2, last_due=moment(2)), FakeRow(pk=3, last_due=moment(900))
    world = World(*rows, FakeRow(pk=4, enabled=False))
    sent = await broadcasts.once(
        publish=world.publish, clock=world.machine.clock(), load=world.store.load, claim=world.store.claim
    )
    assert sent == 3
    assert [s.due for s in world.sent] == pytest.approx([1e-6, 2 + 1e-6, 905], abs=1e-6)


ACTIONS = st.one_of(
    st.tuples(st.just("step"), st.integers(0, 1), st.floats(-4000, 4000)),
    st.tuples(st.just("step"), st.integers(0, 1), st.floats(-12, 12)),
    st.tuples(st.just("stall"), st.integers(0, 1), st.floats(0, 40)),
    st.tuples(st.just("lead"), st.integers(0, 1), st.booleans()),
    st.tuples(st.just("interval"), st.just(0), st.sampled_from([1, 2, 5, 7, 60])),
    st.tuples(st.just("database"), st.just(0), st.booleans()),
    st.tuples(st.just("layer"), st.just(0), st.booleans()),
    st.tuples(st.just("restart"), st.integers(0, 1), st.none()),
)


def act(world: World, kind: str, number: int, value: object) -> None:
    """Do one thing to the world."""
    machine = world.machines[number]
    match kind:
        case "step":
            machine.step(float(value))  # type: ignore[arg-type]
        case "stall":
            machine.stall(float(value))  # type: ignore[arg-type]
        case "lead":
            machine.leads = bool(value)
        case "interval":
            world.row.interval = int(value)  # type: ignore[call-overload]
        case "database":
            world.store.down = bool(value)
        case "layer":
            world.layer_down = bool(value)
        case "restart":
            world.start(machine)


def dues_in_a_troubled_world(script: list[tuple[float, tuple[str, int, object]]], answer_seconds: float) -> list[float]:
    world = World(workers=2)
    world.store.answer_seconds = answer_seconds
    time = 0.0
    for pause, action in script:
        time += pause
        world.at(time, lambda action=action: act(world, *action))  # type: ignore[misc]
    return world.dues(time + 30)


SCRIPTS = st.lists(st.tuples(st.floats(0, 15), ACTIONS), max_size=12)


@settings(deadline=None, max_examples=150)
@given(SCRIPTS)
def test_due_at_strictly_rises_whatever_clocks_leaders_and_intervals_do(
    script: list[tuple[float, tuple[str, int, object]]],
) -> None:
    dues = dues_in_a_troubled_world(script, 0.0)
    assert all(before < after for before, after in zip(dues, dues[1:], strict=False))


@settings(deadline=None, max_examples=100)
@given(SCRIPTS, st.floats(0.001, 3))
def test_no_tick_is_sent_twice_also_when_answers_come_late(
    script: list[tuple[float, tuple[str, int, object]]], answer_seconds: float
) -> None:
    dues = dues_in_a_troubled_world(script, answer_seconds)
    assert len(dues) == len(set(dues))
