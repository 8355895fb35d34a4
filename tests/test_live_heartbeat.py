"""Heartbeats, by a clock that the test moves."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chat.live.connection import Connection
from chat.live.heartbeat import STEP_SECONDS, Heartbeat
from chat.wire.codes import HEARTBEAT_TIMEOUT, NORMAL
from tests.fakes import FakeLane, FakeLoop, connect, json_codec, raw_codec

INTERVAL, TIMEOUT = 25.0, 10.0
# The wheel looks at a connection up to two steps after its time.
LATE = 2 * STEP_SECONDS


class World:
    """A heartbeat, its clock, and connections whose pings are counted with their times."""

    def __init__(self, spread: float = 0.5, interval: float = INTERVAL, timeout: float = TIMEOUT) -> None:
        self.loop = FakeLoop()
        self.start = self.loop.now
        self.heartbeat = Heartbeat(interval, timeout, lambda: spread)

    def watch(self, codec: object = None, pings: bool = True) -> Connection:
        connection = connect(codec, FakeLane(self.loop, pings))  # type: ignore[arg-type]
        self.heartbeat.watch(connection)
        return connection

    def run(self, seconds: float, connection: Connection | None = None, every: float | None = None) -> list[float]:
        """Let time pass; return when `connection` was pinged. With `every`, it says something so often."""
        pings, spoken = [], self.loop.now
        end = self.loop.now + seconds
        while self.loop.now < end:
            before = pings_of(connection)
            self.loop.pass_time(STEP_SECONDS)
            if connection is not None and every is not None and self.loop.now - spoken >= every:
                spoken = connection.lane.heard = self.loop.now
            self.heartbeat.step(self.loop.now)
            pings += [self.loop.now - self.start] * (pings_of(connection) - before)
        return pings

    def answers(self, connection: Connection, seconds: float) -> list[float]:
        """Let time pass for a client that answers each ping at once; return when it was pinged."""
        pings = []
        end = self.loop.now + seconds
        while self.loop.now < end:
            for ping in self.run(STEP_SECONDS, connection):
                pings.append(ping)
                connection.lane.heard = self.loop.now + 1e-6
        return pings


def pings_of(connection: Connection | None) -> int:
    if connection is None:
        return 0
    lane = connection.lane
    assert isinstance(lane, FakeLane)
    return lane.pinged if connection.codec.name == "raw" else sum(e["type"] == "ping" for e in lane.envelopes)


@pytest.mark.parametrize("codec", [json_codec(), raw_codec()], ids=["json", "raw"])
def test_who_answers_is_pinged_once_an_interval_and_stays(codec: object) -> None:
    world = World(spread=0.5)
    connection = world.watch(codec)
    pings = world.answers(connection, 300)
    assert pings[0] == pytest.approx(INTERVAL / 2, abs=LATE)
    gaps = [later - earlier for earlier, later in zip(pings, pings[1:], strict=False)]
    assert all(INTERVAL <= gap <= INTERVAL + TIMEOUT + LATE for gap in gaps)
    assert connection.closing is None


@pytest.mark.parametrize("codec", [json_codec(), raw_codec()], ids=["json", "raw"])
def test_who_is_silent_is_closed_after_interval_and_timeout_whenever_the_first_ping_was(codec: object) -> None:
    for spread in (0.0, 0.5, 0.99):
        world = World(spread)
        connection = world.watch(codec)
        world.run(INTERVAL + TIMEOUT - 0.1)
        assert connection.closing is None
        world.run(0.1 + LATE)
        assert connection.closing is HEARTBEAT_TIMEOUT


def test_a_json_client_gets_envelopes_and_no_pings_of_rfc_6455_and_a_raw_one_the_reverse() -> None:
    world = World()
    json, raw = world.watch(json_codec()), world.watch(raw_codec())
    world.run(20)
    assert [e["type"] for e in json.lane.envelopes] == ["ping"]
    assert (json.lane.pinged, raw.lane.pinged) == (0, 1)
    assert raw.lane.frames == []


def test_any_frame_counts_as_life_and_spares_the_pings_after_the_first() -> None:
    world = World(spread=0.2)
    connection = world.watch()
    pings = world.run(300, connection, every=5)
    assert len(pings) == 1
    assert connection.closing is None


def test_the_last_word_before_falling_silent_starts_the_time_again() -> None:
    world = World(spread=0.0)
    connection = world.watch()
    world.run(30, connection, every=30)
    world.run(INTERVAL + TIMEOUT - 1)
    assert connection.closing is None
    world.run(1 + LATE)
    assert connection.closing is HEARTBEAT_TIMEOUT


def test_no_time_runs_while_the_server_has_stopped_reading() -> None:
    world = World()
    connection = world.watch()
    connection.lane.reading = False
    world.run(500)
    assert connection.closing is None
    connection.lane.reading = True
    world.run(2 * INTERVAL + 2 * TIMEOUT)
    assert connection.closing is HEARTBEAT_TIMEOUT


def test_a_connection_that_was_closed_is_forgotten() -> None:
    world = World()
    connection = world.watch()
    connection.close(NORMAL)
    world.run(100)
    assert not world.heartbeat.wheel
    assert connection.closing is NORMAL


def test_a_raw_client_of_a_server_that_pings_by_itself_is_left_to_it() -> None:
    world = World()
    connection = world.watch(raw_codec(), pings=False)
    world.run(500)
    assert connection.closing is None


def test_after_a_time_with_nobody_to_watch_the_next_one_is_pinged_in_time() -> None:
    world = World()
    world.run(3600)
    world.start = world.loop.now
    connection = world.watch()
    assert world.run(20, connection) == [pytest.approx(INTERVAL / 2, abs=LATE)]


def test_a_loop_that_stood_still_closes_those_who_were_silent_and_pings_nobody_twice() -> None:
    world = World()
    connection = world.watch()
    world.loop.now += 15
    world.heartbeat.step(world.loop.now)
    assert pings_of(connection) == 1
    world.loop.now += 1000
    world.heartbeat.step(world.loop.now)
    world.run(LATE)
    assert connection.closing is HEARTBEAT_TIMEOUT
    assert pings_of(connection) == 1


@given(st.lists(st.floats(0.1, 60), min_size=1, max_size=12), st.floats(0, 0.999))
def test_a_connection_is_closed_if_and_only_if_it_was_silent_for_long_enough(words: list[float], spread: float) -> None:
    world = World(spread)
    connection = world.watch()
    for silence in words:
        heard = connection.lane.heard
        world.run(silence)
        silent = world.loop.now - heard
        if silent < INTERVAL + TIMEOUT:
            assert connection.closing is None
        elif silent > INTERVAL + TIMEOUT + LATE:
            assert connection.closing is HEARTBEAT_TIMEOUT
        if connection.closing is not None:
            return
        connection.lane.heard = world.loop.now


@pytest.mark.parametrize(("interval", "timeout"), [(25, 10), (1, 3), (5, 60)])
def test_who_answers_is_pinged_each_interval_and_has_the_whole_time_out_to_do_so(interval: int, timeout: int) -> None:
    world = World(interval=interval, timeout=timeout)
    connection = world.watch(json_codec())
    pings = world.answers(connection, 10 * interval)
    gaps = [later - earlier for earlier, later in zip(pings, pings[1:], strict=False)]
    assert len(pings) >= 8 and all(interval <= gap <= interval + 2 * LATE for gap in gaps)
    heard = connection.lane.heard
    world.run(heard + interval + timeout - world.loop.now - STEP_SECONDS)
    assert connection.closing is None
    world.run(2 * LATE)
    assert connection.closing is HEARTBEAT_TIMEOUT


def test_a_process_that_stood_still_reads_what_was_said_before_it_ends_anybody() -> None:
    world = World()
    there, gone = world.watch(json_codec()), world.watch(json_codec())
    world.run(INTERVAL)
    world.loop.pass_time(10 * INTERVAL)
    world.heartbeat.step(world.loop.now)
    there.lane.heard = world.loop.now
    world.run(4 * STEP_SECONDS)
    assert (there.closing, gone.closing) == (None, HEARTBEAT_TIMEOUT)
