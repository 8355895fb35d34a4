"""Outboxes."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chat.live.outbox import Outbox
from chat.wire.frames import Batch, Frame, Opcode
from tests.fakes import FakeLane

LIMIT = 1000


class Owner:
    """Counts how often an outbox was full."""

    def __init__(self) -> None:
        self.full = 0

    def on_full(self) -> None:
        self.full += 1


def batch(number: int = 0, size: int = 100, frames: int = 1) -> Batch:
    """Return a batch of `size` bytes on the wire that tells its number."""
    rest = [Frame(Opcode.BINARY, b"")] * (frames - 1)
    header = 2 if size < 128 else 4
    first = f"{number:06}".encode().ljust(size - header - 2 * len(rest), b".")
    made = Batch([Frame(Opcode.BINARY, first), *rest])
    assert len(made.wire) == size
    return made


def number(written: Batch) -> int:
    return int(written.frames[0].payload[:6])


@pytest.fixture
def lane() -> FakeLane:
    return FakeLane()


@pytest.fixture
def owner() -> Owner:
    return Owner()


@pytest.fixture
def outbox(lane: FakeLane, owner: Owner) -> Outbox:
    return Outbox(lane, LIMIT, owner.on_full)


def test_a_lane_that_is_ready_gets_each_batch_at_once(outbox: Outbox, lane: FakeLane) -> None:
    outbox.put(batch(1, frames=3))
    outbox.put(batch(2))
    assert [number(b) for b in lane.batches] == [1, 2]
    assert (outbox.bytes, outbox.sent) == (0, 4)


def test_what_a_lane_does_not_take_waits_and_follows_in_order(outbox: Outbox, lane: FakeLane) -> None:
    lane.pause()
    for count in range(5):
        outbox.put(batch(count))
    assert lane.batches == []
    assert outbox.bytes == 500
    lane.resume()
    assert [number(b) for b in lane.batches] == [0, 1, 2, 3, 4]
    assert outbox.bytes == 0


def test_a_new_batch_does_not_overtake_those_that_wait_though_the_lane_is_ready(outbox: Outbox, lane: FakeLane) -> None:
    lane.pause()
    outbox.put(batch(1))
    lane.ready = True
    outbox.put(batch(2))
    outbox.flush()
    assert [number(b) for b in lane.batches] == [1, 2]


def test_flushing_stops_where_the_lane_does(outbox: Outbox, lane: FakeLane, monkeypatch: pytest.MonkeyPatch) -> None:
    lane.pause()
    for count in range(5):
        outbox.put(batch(count))
    write = lane.write

    def write_and_stall(written: Batch) -> None:
        write(written)
        if number(written) == 1:
            lane.pause()

    monkeypatch.setattr(lane, "write", write_and_stall, raising=False)
    lane.resume()
    assert [number(b) for b in lane.batches] == [0, 1]
    assert outbox.bytes == 300


def test_one_byte_over_its_limit_an_outbox_says_so_once_and_takes_no_more(
    outbox: Outbox, lane: FakeLane, owner: Owner
) -> None:
    lane.pause()
    for count in range(9):
        outbox.put(batch(count))
    outbox.put(batch(9, size=LIMIT - outbox.bytes - 10))
    assert owner.full == 0
    for _ in range(3):
        outbox.put(batch(10, size=11))
    assert (owner.full, outbox.closed, outbox.bytes) == (1, True, 0)
    lane.resume()
    assert lane.batches == []


def test_from_half_full_on_what_nobody_misses_is_shed_and_counted(outbox: Outbox, lane: FakeLane) -> None:
    lane.pause()
    outbox.put(batch(1, size=500))
    outbox.put_or_shed(batch(2), batch(3), 1)
    assert outbox.shed == 0
    outbox.put_or_shed(batch(4), batch(5), 2)
    outbox.put_or_shed(batch(6), None, 3)
    assert outbox.shed == 5
    lane.resume()
    assert [number(b) for b in lane.batches] == [1, 2, 5]


def test_a_write_that_fails_ends_its_connection_and_nothing_else(
    outbox: Outbox, lane: FakeLane, caplog: pytest.LogCaptureFixture
) -> None:
    lane.broken = OSError("gone")
    outbox.put(batch(1))
    assert (outbox.closed, lane.aborted) == (True, True)
    assert "a write failed" in caplog.text


def test_a_write_that_fails_in_the_midst_of_flushing_ends_the_flush(outbox: Outbox, lane: FakeLane) -> None:
    lane.pause()
    for count in range(3):
        outbox.put(batch(count))
    lane.broken = OSError("gone")
    lane.resume()
    assert (outbox.closed, lane.aborted, len(outbox.waiting), outbox.bytes) == (True, True, 0, 0)


ACTIONS = st.lists(
    st.one_of(
        st.tuples(st.just("put"), st.integers(8, 127) | st.integers(130, 600)),
        st.tuples(st.just("shed"), st.integers(8, 127) | st.integers(130, 600)),
        st.tuples(st.just("stall"), st.just(0)),
        st.tuples(st.just("ready"), st.just(0)),
        st.tuples(st.just("ready, unsaid"), st.just(0)),
    ),
    max_size=60,
)


@given(ACTIONS)
def test_an_outbox_never_holds_more_than_its_limit_never_reorders_and_loses_nothing_until_it_is_full(
    actions: list[tuple[str, int]],
) -> None:
    lane, owner = FakeLane(), Owner()
    outbox = Outbox(lane, LIMIT, owner.on_full)
    lasting: list[int] = []
    for count, (action, size) in enumerate(actions):
        match action:
            case "put":
                outbox.put(batch(count, size))
                lasting.append(count)
            case "shed":
                outbox.put_or_shed(batch(count, size), None, 1)
            case "stall":
                lane.pause()
            case "ready":
                lane.resume()
            case _:
                lane.ready = True
        assert outbox.bytes <= LIMIT
        assert outbox.bytes == sum(len(b.wire) for b in outbox.waiting)
    if not outbox.closed:
        lane.resume()
    written = [number(b) for b in lane.batches]
    assert written == sorted(set(written))
    assert outbox.sent == len(written)
    assert owner.full == int(outbox.closed)
    told = [count for count in written if count in lasting]
    assert told == (lasting[: len(told)] if outbox.closed else lasting)


def test_an_outbox_listens_to_its_lane(lane: FakeLane, outbox: Outbox) -> None:
    listener: Callable[[], None] | None = lane.on_ready
    assert listener == outbox.flush
