"""Streams: one room's changes in order and without a gap, whatever the layer does."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from random import Random

import pytest

from chat.live import stream as module
from chat.live.stream import PATIENCE_SECONDS, RETRY_SECONDS, Stream
from chat.rooms.recovery import Fill, Head
from chat.wire.events import Message
from tests.fakes import message
from tests.virtual import in_virtual_time

EPOCH = "e1"


def event(offset: int, epoch: str = EPOCH, number: int | None = None) -> Message:
    return message(offset if number is None else number, offset=offset, epoch=epoch)


def head(offset: int, epoch: str = EPOCH) -> Head:
    return Head(1, epoch, offset, offset)


class Room:
    """A stream, what it carried, and the log that it reads; offsets in `superseded` are no message's any more."""

    def __init__(self) -> None:
        self.log = head(0)
        self.carried: list[int | None] = []
        self.passes: list[list[int | None]] = []
        self.restarts: list[Head] = []
        self.reads: list[int] = []
        self.superseded: set[int] = set()
        self.most = 500
        self.fails = False
        self.gate: asyncio.Event | None = None
        self.outsiders: frozenset[str] = frozenset()
        self.out: list[tuple[frozenset[str], int]] = []
        self.stream = Stream(self.carry, self.read, self.restarts.append, self.shut_out, asyncio.get_running_loop())

    def shut_out(self, people: frozenset[str]) -> None:
        self.out.append((people, len(self.carried)))

    def carry(self, events: Sequence[Message]) -> None:
        self.passes.append([event.offset for event in events])
        self.carried += [event.offset for event in events]

    async def read(self, since: int) -> Fill | None:
        self.reads.append(since)
        found = self.log
        if self.gate is not None:
            await self.gate.wait()
        if self.fails:
            return None
        offsets = [n for n in range(since + 1, found.offset + 1) if n not in self.superseded]
        events = [event(n, found.epoch) for n in offsets[: self.most]]
        return Fill(found, events, len(offsets) <= self.most, self.outsiders)

    def open(self, offset: int = 0) -> None:
        self.log = head(offset)
        assert self.stream.open(self.log)

    def offer(self, *offsets: int) -> None:
        """Offer changes that are in the log by now."""
        for offset in offsets:
            if offset > self.log.offset:
                self.log = head(offset, self.log.epoch)
            self.stream.offer(event(offset, self.log.epoch))


@in_virtual_time
async def test_changes_in_order_are_carried_at_once() -> None:
    room = Room()
    room.open(3)
    room.offer(4, 5)
    assert room.carried == [4, 5]
    assert (room.stream.position, room.stream.gaps, room.stream.timer) == (5, 0, None)


@in_virtual_time
async def test_changes_that_crossed_on_their_way_are_carried_in_order_without_a_read() -> None:
    room = Room()
    room.open()
    room.offer(3, 2, 5)
    assert room.carried == []
    await asyncio.sleep(PATIENCE_SECONDS / 2)
    room.offer(1)
    assert room.carried == [1, 2, 3]
    await asyncio.sleep(PATIENCE_SECONDS / 2)
    room.offer(4)
    await asyncio.sleep(1)
    assert (room.carried, room.reads, room.stream.gaps) == ([1, 2, 3, 4, 5], [], 0)


@in_virtual_time
async def test_what_comes_twice_is_carried_once() -> None:
    room = Room()
    room.open()
    room.offer(1, 1, 3, 3, 2, 2, 1, 3)
    await asyncio.sleep(1)
    assert room.carried == [1, 2, 3]


@in_virtual_time
async def test_a_gap_is_read_after_a_moment_of_patience_and_counted() -> None:
    room = Room()
    room.open()
    room.offer(1, 4)
    await asyncio.sleep(PATIENCE_SECONDS * 0.9)
    assert (room.carried, room.reads) == ([1], [])
    await asyncio.sleep(PATIENCE_SECONDS * 0.2)
    assert (room.carried, room.reads) == ([1, 2, 3, 4], [1])
    assert (room.stream.gaps, room.stream.filled) == (1, 3)


@in_virtual_time
async def test_patience_begins_anew_where_something_came_meanwhile() -> None:
    room = Room()
    room.open()
    room.offer(2)
    await asyncio.sleep(PATIENCE_SECONDS * 0.8)
    room.offer(1, 4)
    await asyncio.sleep(PATIENCE_SECONDS * 0.8)
    assert room.reads == []
    await asyncio.sleep(PATIENCE_SECONDS)
    assert (room.reads, room.carried) == ([2], [1, 2, 3, 4])


@in_virtual_time
async def test_events_that_race_with_a_fill_are_neither_lost_nor_doubled() -> None:
    room = Room()
    room.open()
    room.gate = asyncio.Event()
    room.offer(2)
    await asyncio.sleep(2 * PATIENCE_SECONDS)
    assert room.reads == [0]
    room.offer(1)  # The fill reads up to 2, this and the next pass it.
    room.offer(3, 5)
    assert room.carried == [1, 2, 3]
    room.gate.set()
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    room.offer(4)
    await asyncio.sleep(1)
    assert room.carried == [1, 2, 3, 4, 5]


@in_virtual_time
async def test_what_a_later_change_took_the_place_of_is_passed_over() -> None:
    room = Room()
    room.open()
    room.superseded = {2, 3, 6}
    room.offer(1, 6)
    await asyncio.sleep(1)
    assert (room.carried, room.stream.position) == ([1, 4, 5], 6)
    room.offer(7)
    assert room.carried == [1, 4, 5, 7]


@in_virtual_time
async def test_a_fill_that_is_too_much_goes_on_until_all_is_there() -> None:
    room = Room()
    room.open()
    room.most = 10
    room.stream.seen(head(35), 0)
    room.log = head(35)
    await asyncio.sleep(1.5 * PATIENCE_SECONDS)
    assert room.carried == list(range(1, 36)), "at once: patience is for what may come by itself"
    assert room.reads == [0, 10, 20, 30]
    assert (room.stream.gaps, room.stream.filled) == (1, 35)


@in_virtual_time
async def test_a_database_that_does_not_say_is_asked_again_until_it_does() -> None:
    room = Room()
    room.open()
    room.fails = True
    room.offer(3)
    await asyncio.sleep(5 * (RETRY_SECONDS + PATIENCE_SECONDS))
    assert 4 <= len(room.reads) <= 6
    assert room.carried == []
    room.fails = False
    await asyncio.sleep(RETRY_SECONDS + 2 * PATIENCE_SECONDS)
    assert room.carried == [1, 2, 3]


@in_virtual_time
async def test_a_fill_that_raises_is_logged_and_tried_again(caplog: pytest.LogCaptureFixture) -> None:
    room = Room()
    room.open()
    read, room.stream.read = room.stream.read, lambda since: 1 / 0  # type: ignore[assignment, return-value]
    room.offer(2)
    await asyncio.sleep(2 * PATIENCE_SECONDS)
    assert "a stream could not be filled: ZeroDivisionError" in caplog.text
    room.stream.read = read
    await asyncio.sleep(3 * PATIENCE_SECONDS)
    assert room.carried == [1, 2]


@in_virtual_time
async def test_more_than_may_be_held_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_HELD", 5)
    room = Room()
    room.open()
    room.offer(*range(2, 30))
    assert len(room.stream.held) == 5
    await asyncio.sleep(1)
    assert room.carried == list(range(1, 30))
    assert room.stream.held == {}


# Where the log stands


@in_virtual_time
async def test_a_look_that_saw_more_gives_it_a_moment_and_then_reads_it() -> None:
    room = Room()
    room.open(1)
    room.log = head(3)
    room.stream.seen(room.log, 1)
    assert room.reads == []
    await asyncio.sleep(2 * PATIENCE_SECONDS)
    assert (room.reads, room.carried) == ([1], [2, 3])


@in_virtual_time
async def test_a_look_that_began_before_newer_changes_came_restarts_nothing() -> None:
    room = Room()
    room.open(1)
    room.offer(2, 3)
    room.stream.seen(head(1), 1)
    room.stream.seen(head(2), 1)
    await asyncio.sleep(1)
    assert (room.reads, room.restarts, room.carried) == ([], [], [2, 3])


@in_virtual_time
async def test_a_look_that_began_before_another_epoch_was_known_restarts_nothing() -> None:
    room = Room()
    room.open(100)
    room.log = head(5, "e2")
    room.stream.offer(event(5, "e2"))
    await asyncio.sleep(1)
    assert room.restarts == [head(5, "e2")]
    room.stream.seen(head(100), 100)
    room.stream.seen(head(5, "e2"), 100)
    await asyncio.sleep(1)
    assert (room.restarts, room.stream.epoch, room.stream.position) == ([head(5, "e2")], "e2", 5)


@in_virtual_time
@pytest.mark.parametrize("known", ["by a change", "by a look", "by a join", "by a fill"])
async def test_another_epoch_starts_everybody_over_once_and_goes_on_from_there(known: str) -> None:
    room = Room()
    room.open(7)
    room.log = head(3, "e2")
    if known == "by a change":
        room.stream.offer(event(3, "e2"))
    elif known == "by a look":
        room.stream.seen(room.log, 7)
    elif known == "by a join":
        assert room.stream.open(room.log) is False
    else:
        room.stream.offer(event(9))
    await asyncio.sleep(1)
    assert (room.restarts, room.stream.position) == ([head(3, "e2")], 3)
    room.stream.offer(event(9))  # Of the log that is no more.
    await asyncio.sleep(1)
    room.offer(4)
    assert (room.carried, room.restarts) == ([4], [head(3, "e2")])


@in_virtual_time
async def test_a_log_that_went_back_starts_everybody_over() -> None:
    room = Room()
    room.open(7)
    room.log = head(5)
    room.stream.seen(room.log, 7)
    await asyncio.sleep(1)
    assert (room.restarts, room.stream.position) == ([head(5)], 5)
    room.offer(6)
    assert room.carried == [6]


# Opening and closing


@in_virtual_time
async def test_what_comes_before_the_position_is_known_is_held_and_carried_from_there() -> None:
    room = Room()
    room.offer(3, 5, 4, 2)
    room.stream.seen(head(5), 0)
    await asyncio.sleep(1)
    assert (room.carried, room.reads) == ([], [])
    room.log = head(3)
    assert room.stream.open(room.log)
    assert room.carried == [4, 5]


@in_virtual_time
async def test_a_gap_in_what_was_held_before_the_position_was_known_is_read_without_a_look() -> None:
    room = Room()
    room.offer(3, 6)
    assert room.stream.open(head(3))
    await asyncio.sleep(2 * PATIENCE_SECONDS)
    assert room.carried == [4, 5, 6]


@in_virtual_time
async def test_another_epochs_changes_that_came_before_the_position_was_known_are_forgotten() -> None:
    room = Room()
    room.stream.offer(event(4, "e0"))
    room.open(3)
    await asyncio.sleep(1)
    assert (room.carried, room.stream.head) == ([], 3)


@in_virtual_time
async def test_who_joins_and_has_read_more_than_came_makes_it_read() -> None:
    room = Room()
    room.open(1)
    room.log = head(4)
    assert room.stream.open(room.log)
    assert (room.stream.position, room.reads) == (1, [])
    await asyncio.sleep(2 * PATIENCE_SECONDS)
    assert room.carried == [2, 3, 4]


@in_virtual_time
async def test_a_closed_stream_does_nothing_more() -> None:
    waiting, filling = Room(), Room()
    for room in (waiting, filling):
        room.open()
    filling.gate = asyncio.Event()
    filling.offer(2)
    await asyncio.sleep(2 * PATIENCE_SECONDS)
    waiting.offer(2)
    waiting.stream.close()
    filling.stream.close()
    await asyncio.sleep(5)
    assert (waiting.reads, waiting.carried, filling.reads, filling.carried) == ([], [], [0], [])


@pytest.mark.parametrize("seed", range(50))
def test_whatever_order_they_come_in_each_change_is_carried_once_and_in_order(seed: int) -> None:
    @in_virtual_time
    async def scenario() -> None:
        random, room = Random(seed), Room()
        room.open()
        room.log = head(40)
        loop = asyncio.get_running_loop()
        for offset in range(1, 41):
            for _ in range(random.choice((0, 1, 1, 2))):
                loop.call_later(random.uniform(0, 0.5), room.stream.offer, event(offset))
        loop.call_later(1, room.stream.seen, room.log, 0)
        await asyncio.sleep(2)
        assert room.carried == list(range(1, 41))

    scenario()


@in_virtual_time
async def test_where_the_log_is_another_one_who_may_read_no_more_is_put_out_before_the_others_start_over() -> None:
    room = Room()
    room.open(3)
    room.outsiders = frozenset({"user:7"})
    room.log = head(1, "e2")
    room.stream.seen(room.log, 3)
    out_at: list[int] = []
    room.stream.start_over = lambda _: out_at.append(len(room.out))
    await asyncio.sleep(1)
    assert (room.out, out_at) == ([(frozenset({"user:7"}), 0)], [1])
