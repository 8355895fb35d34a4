"""The writer: bounded, in order, and never in the event loop's way."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import sys
import threading
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import pytest
from django.db import DataError, IntegrityError, InterfaceError, OperationalError

from chat.rooms import writer
from chat.rooms.changes import Change, Done, Outcome, Write
from chat.rooms.writer import MAX_GROUP, MAX_GROUP_BYTES, MAX_WAITING_BYTES, Writer
from chat.wire.codes import WireError
from chat.wire.events import Person
from tests.stores import written

SECONDS = 10.0


class Store:
    """Commits to a list, in the writer's thread; a test may hold it, let it fail, and see the groups."""

    def __init__(self) -> None:
        self.keys: list[str] = []
        self.groups: list[list[str]] = []
        self.threads: set[str] = set()
        self.errors: list[Exception] = []
        self.bad: dict[str, Exception] = {}
        self.held = threading.Event()
        self.held.set()

    def __call__(self, changes: Sequence[Change], now: int) -> list[Outcome]:
        assert self.held.wait(SECONDS)
        keys = [change.key for change in changes]
        self.groups.append(keys)
        self.threads.add(threading.current_thread().name)
        if self.errors:
            raise self.errors.pop(0)
        for key in keys:
            if key in self.bad:
                raise self.bad[key]
        self.keys += [key for key in keys if key not in self.keys]
        return [Done(self.keys.index(key) + 1, self.keys.index(key) + 1, now / 1000) for key in keys]


class Desk:
    """A writer and what its senders were told."""

    def __init__(self, store: Store, **options: Any) -> None:
        self.store = store
        self.told: dict[str, Outcome] = {}
        self.order: list[str] = []
        self.writer = Writer(store, self.finished, **options)

    def finished(self, answers: list[tuple[Change, Outcome]]) -> None:
        assert threading.current_thread() is threading.main_thread()
        for change, outcome in answers:
            change.done(outcome)

    def take(self, key: str, room: str = "lobby", **fields: Any) -> None:
        change = written(room, key, **fields)
        change.done = lambda outcome: self.tell(key, outcome)
        self.writer.take(change)

    def tell(self, key: str, outcome: Outcome) -> None:
        assert key not in self.told or isinstance(self.told[key], WireError), "told twice"
        self.told[key] = outcome
        self.order.append(key)

    def codes(self) -> dict[str, str]:
        return {key: "done" if isinstance(told, Done) else told.code.value for key, told in self.told.items()}

    async def all_told(self, count: int) -> None:
        async with asyncio.timeout(SECONDS):
            while len(self.told) < count:
                await asyncio.sleep(0.002)


@asynccontextmanager
async def desk(**options: Any) -> AsyncIterator[Desk]:
    made = Desk(Store(), **options)
    try:
        yield made
    finally:
        made.store.held.set()
        made.writer.close()
        if made.writer.thread is not None:
            await asyncio.to_thread(made.writer.thread.join, SECONDS)
            assert not made.writer.thread.is_alive()


def keys(count: int, prefix: str = "key") -> list[str]:
    return [f"{prefix}-{number:05}" for number in range(count)]


async def test_what_is_taken_is_written_in_order_in_one_thread_and_everybody_is_told_in_the_loop() -> None:
    async with desk() as at:
        for key in keys(1200):
            at.take(key)
        await at.all_told(1200)
        assert at.store.keys == at.order == keys(1200)
        assert at.store.threads == {"chat-writer"}
        assert (at.writer.waiting, at.writer.waiting_bytes) == (0, 0)


async def test_what_waits_goes_in_one_group_up_to_its_limits() -> None:
    async with desk() as at:
        at.store.held.clear()
        at.take("first-one")
        async with asyncio.timeout(SECONDS):
            while not at.writer.lines.empty():
                await asyncio.sleep(0.002)
        for key in keys(MAX_GROUP + 10):
            at.take(key)
        for key in keys(4, "large"):
            at.take(key, text="x" * (MAX_GROUP_BYTES // 2))
        at.store.held.set()
        await at.all_told(1 + MAX_GROUP + 10 + 4)
        assert [len(group) for group in at.store.groups] == [1, MAX_GROUP, 12, 2]


async def test_who_waits_for_a_transaction_that_does_not_come_back_is_told_and_the_log_says_so(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    for name, value in (("SLOW_SECONDS", 0.1), ("STUCK_SECONDS", 0.3), ("WATCH_SECONDS", 0.02)):
        monkeypatch.setattr(writer, name, value)
    async with desk() as at:
        at.store.held.clear()
        at.take("in-the-threads-hands")
        async with asyncio.timeout(SECONDS):
            while not at.writer.lines.empty():
                await asyncio.sleep(0.002)
        at.take("in-the-line")
        await at.all_told(2)
        assert at.codes() == {"in-the-threads-hands": "unavailable", "in-the-line": "unavailable"}
        assert at.writer.stuck and at.writer.waiting == 1, "the thread still has the first"
        at.take("later-one")
        assert at.codes()["later-one"] == "unavailable", "at once: nobody waits for what stands still"
        at.store.held.set()
        async with asyncio.timeout(SECONDS):
            while at.writer.stuck:
                await asyncio.sleep(0.002)
        at.take("in-the-line")
        async with asyncio.timeout(SECONDS):
            while at.codes()["in-the-line"] != "done":
                await asyncio.sleep(0.002)
        assert at.codes()["in-the-threads-hands"] == "unavailable", "nobody is told twice"
        assert at.store.keys == ["in-the-threads-hands", "in-the-line"], "what was taken back is not written"
        assert (at.writer.waiting, at.writer.waiting_bytes) == (0, 0)
    said = [record.getMessage().split(" for ")[0] for record in caplog.records if record.name == "chat.writer"]
    assert said == [
        "The database has taken no messages",
        "2 senders were told that the database does not answer",
        said[2],
    ]
    assert said[2].startswith("The database takes messages again, after ")


async def test_a_writer_that_gets_on_is_never_stuck_however_long_its_line(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (("SLOW_SECONDS", 0.1), ("STUCK_SECONDS", 0.3), ("WATCH_SECONDS", 0.02), ("MAX_GROUP", 1)):
        monkeypatch.setattr(writer, name, value)
    async with desk() as at:
        commit = at.writer.commit

        def slowly(changes: Sequence[Change], now: int) -> list[Outcome]:
            threading.Event().wait(0.05)
            return commit(changes, now)

        at.writer.commit = slowly
        for key in keys(12):
            at.take(key)
        await at.all_told(12)
        assert set(at.codes().values()) == {"done"}


@pytest.mark.parametrize(
    ("name", "value", "text"),
    [("MAX_WAITING", 5, "x"), ("MAX_WAITING_BYTES", 5 * (512 + sys.getsizeof("x" * 1000)), "x" * 1000)],
)
async def test_a_full_line_answers_unavailable_at_once_and_takes_again_when_there_is_room(
    name: str, value: int, text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer, name, value)
    async with desk() as at:
        at.store.held.clear()
        for key in keys(8):
            at.take(key, text=text)
        assert at.order == keys(8)[5:]
        assert set(at.codes().values()) == {"unavailable"}
        assert all(isinstance(told, WireError) and told.retry_after_s for told in at.told.values())
        at.store.held.set()
        await at.all_told(8)
        at.take("afterwards")
        await at.all_told(9)
        assert at.store.keys == [*keys(5), "afterwards"]


async def test_a_change_that_cannot_be_written_fails_alone(caplog: pytest.LogCaptureFixture) -> None:
    async with desk() as at:
        at.store.held.clear()
        for key in keys(9):
            at.take(key)
        at.store.bad = {
            "key-00002": DataError("no such text"),
            "key-00004": IntegrityError("no such row"),
            "key-00006": UnicodeEncodeError("utf-8", "\ud800", 0, 1, "surrogates not allowed"),
        }
        at.store.held.set()
        await at.all_told(9)
        assert [key for key, told in at.codes().items() if told == "internal"] == list(at.store.bad)
        assert at.store.keys == [key for key in keys(9) if key not in at.store.bad]
        assert at.order == keys(9)
        assert len([r for r in caplog.records if "could not be written" in r.message]) == 3
        at.take("afterwards")
        await at.all_told(10)


DOWN = [
    OperationalError("database is locked"),
    OperationalError("database or disk is full"),
    InterfaceError("connection already closed"),
    OSError(28, "No space left on device"),
]


@pytest.mark.parametrize("error", DOWN, ids=str)
async def test_a_database_that_is_down_is_unavailable_and_one_line_in_the_log_and_then_works(
    error: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    async with desk() as at:
        for key in keys(20):
            at.store.errors = [error, error]
            at.take(key)
            await at.all_told(len(at.told) + 1)
        assert set(at.codes().values()) == {"unavailable"}
        assert at.store.keys == []
        (line,) = [record for record in caplog.records if record.name == "chat.writer"]
        assert str(error.args[-1]) in line.message
        assert line.exc_info is None
        for key in keys(20):
            at.take(key)
        await at.all_told(20)
        await asyncio.wait_for(at.writer.flushed(SECONDS), SECONDS)
        assert (at.store.keys, set(at.codes().values())) == (keys(20), {"done"})


async def test_a_group_whose_outcome_is_not_known_is_made_again_at_once_and_nobody_hears_of_it(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with desk() as at:
        at.store.errors = [OperationalError("the connection was lost")]
        at.take("key-1234")
        await at.all_told(1)
        assert at.codes() == {"key-1234": "done"}
        assert at.store.groups == [["key-1234"]] * 2
        assert not [record for record in caplog.records if record.name == "chat.writer"]


async def test_a_database_that_goes_down_while_changes_are_written_one_by_one_is_asked_once_more_only() -> None:
    async with desk() as at:
        at.store.held.clear()
        for key in keys(50):
            at.take(key)
        at.store.bad = {"key-00003": DataError("bad"), "key-00010": OperationalError("gone")}
        at.store.held.set()
        await at.all_told(50)
        told = list(at.codes().values())
        assert told == ["done"] * 3 + ["internal"] + ["done"] * 6 + ["unavailable"] * 40


async def test_a_bug_in_a_commit_is_internal_and_the_thread_goes_on(caplog: pytest.LogCaptureFixture) -> None:
    async with desk() as at:
        at.store.errors = [ZeroDivisionError("a bug"), ZeroDivisionError("a bug")]
        at.take("key-1234")
        await at.all_told(1)
        assert at.codes() == {"key-1234": "internal"}
        assert "ZeroDivisionError" in caplog.text
        at.take("key-5678")
        await at.all_told(2)
        assert at.store.keys == ["key-5678"]


async def test_a_turn_is_held_around_each_transaction_and_one_that_cannot_be_had_is_unavailable() -> None:
    held: list[str] = []
    broken: list[OSError] = []

    @contextlib.contextmanager
    def turn() -> Iterator[None]:
        if broken:
            raise broken[0]
        held.append("taken")
        yield
        held.append("given")

    async with desk(turn=turn) as at:
        at.take("key-1234")
        await at.all_told(1)
        assert held == ["taken", "given"]
        broken.append(OSError(28, "No space left on device"))
        at.take("key-5678")
        await at.all_told(2)
        assert at.codes()["key-5678"] == "unavailable"


async def test_a_clean_stop_writes_what_was_accepted() -> None:
    async with desk() as at:
        for key in keys(3000):
            at.take(key)
        await at.writer.flushed(SECONDS)
        assert at.store.keys == at.order == keys(3000)


async def test_a_stop_that_cannot_wait_says_how_much_is_left(caplog: pytest.LogCaptureFixture) -> None:
    async with desk() as at:
        at.store.held.clear()
        for key in keys(3):
            at.take(key)
        await at.writer.flushed(0.01)
        assert "3 changes were not written in time" in caplog.text
        assert at.told == {}


async def test_a_close_writes_what_waits_and_ends_the_thread() -> None:
    async with desk() as at:
        for key in keys(10):
            at.take(key)
        at.writer.close()
        await at.all_told(10)


async def test_a_commit_that_stalls_for_three_seconds_does_not_delay_the_event_loop() -> None:
    async with desk() as at:
        at.store.held.clear()
        for key in keys(1000):
            at.take(key)
        threading.Timer(3.0, at.store.held.set).start()
        began, late = time.perf_counter(), []
        while (now := time.perf_counter()) < began + 2.7:
            await asyncio.sleep(0.005)
            late.append(time.perf_counter() - now - 0.005)
        assert at.told == {}
        # A loop that waited for the commit would have had one turn. Of a hundred turns a busy machine may delay one.
        assert len(late) > 100
        assert sorted(late)[len(late) * 99 // 100] < 0.25  # five times the goal
        await at.all_told(1000)
        assert time.perf_counter() - began >= 2.9


async def test_who_sends_without_a_limit_waits_until_fewer_changes_wait() -> None:
    gate = threading.Event()

    def commit(changes: Sequence[Change], now: int) -> list[Outcome]:
        gate.wait(10)
        return [Done(1, 1, 0.0) for _ in changes]

    made = Writer(commit, lambda answers: None)
    author = Person("guest:1", "Ada", "guest")
    await made.relief()
    for number in range(3):
        made.take(Write(room="a", author=author, key=f"{number:08}", done=lambda it: None, text="x" * (1 << 20)))
    assert made.crowded
    waiting = asyncio.create_task(made.relief())
    await asyncio.sleep(0)
    assert not waiting.done()
    gate.set()
    async with asyncio.timeout(10):
        await waiting
    made.close()


async def test_a_message_larger_than_the_line_is_taken_where_nothing_else_waits() -> None:
    taken: list[Outcome] = []
    made = Writer(
        lambda changes, now: [Done(1, 1, 0.0) for _ in changes], lambda answers: [c.done(o) for c, o in answers]
    )
    text = "x" * (MAX_WAITING_BYTES + 1)
    made.take(Write(room="a", author=Person("guest:1", "Ada", "guest"), key="12345678", done=taken.append, text=text))
    await made.flushed(10)
    assert taken == [Done(1, 1, 0.0)]
    made.close()
