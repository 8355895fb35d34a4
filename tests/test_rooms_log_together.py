"""The log under writers at the same time, on both databases: threads and processes with connections of their own."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Sequence
from typing import Any

import pytest
from django.db import OperationalError, connections

from chat.rooms import log
from chat.rooms.changes import Change, Outcome, Write
from chat.rooms.writer import Writer
from tests import committing
from tests.stores import ROOT, Store, commit, done, edit, react, store, written

__all__ = ["store"]

SECONDS = 90.0


def together(*jobs: Any) -> None:
    """Run jobs at the same time, each in a thread with its own connection; the first failure is raised."""
    barrier, errors = threading.Barrier(len(jobs)), []

    def run(job: Any) -> None:
        try:
            barrier.wait(SECONDS)
            job()
        except Exception as error:
            errors.append(error)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=run, args=(job,)) for job in jobs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(SECONDS)
    if errors:
        raise errors[0]


def processes(store: Store, *arguments: tuple[str, ...]) -> list[list[list[Any]]]:
    """Run processes that commit, from one moment on; return what each was told."""
    made = [
        subprocess.Popen(
            [sys.executable, "-m", "tests.committing", *given],
            cwd=ROOT,
            env={**store.environment(), "DJANGO_SETTINGS_MODULE": "chatsite.settings"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for given in arguments
    ]
    try:
        for process in made:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
        for process in made:
            assert process.stdin is not None
            process.stdin.write(f"{committing.START}\n")
            process.stdin.flush()
        told = [process.communicate(timeout=SECONDS)[0] for process in made]
        assert [process.returncode for process in made] == [0] * len(made)
        return [json.loads(text) for text in told]
    finally:
        for process in made:
            process.kill()
            process.wait()


def check_dense(store: Store, room: str, messages: int, offsets: int) -> None:
    """See that numbers have no gap, and no offset is on two messages."""
    rows = store.rows(room)
    assert [row.number for row in rows] == list(range(1, messages + 1))
    assert len({row.offset for row in rows}) == len(rows)
    assert store.head(room) == (offsets, messages)


def test_threads_that_share_rooms_neither_lose_nor_double_nor_wait_for_each_other_in_a_circle(store: Store) -> None:
    slugs = store.rooms("one", "two", "three")
    told: list[list[Outcome]] = []

    def job(first: int) -> Any:
        def run() -> None:
            for number in range(20):
                order = [slugs[(first + number + step) % 3] for step in range(3)]
                told.append(commit(*(written(slug, f"t{first}-{number:05}-{slug}") for slug in order)))

        return run

    together(*(job(first) for first in range(3)))
    for slug in slugs:
        check_dense(store, slug, 60, 60)
        assert [row.offset for row in store.rows(slug)] == list(range(1, 61))
    assert Counter(done(outcome) for outcomes in told for outcome in outcomes) == {(n, n): 3 for n in range(1, 61)}


def test_changes_of_one_message_by_two_threads_take_an_offset_each(store: Store) -> None:
    room = store.room()
    commit(written(room))

    def edits() -> None:
        for number in range(30):
            commit(edit(room, 1, f"text {number}"))

    def reacts() -> None:
        for number in range(30):
            commit(react(room, 1, on=number % 2 == 0))

    together(edits, reacts)
    check_dense(store, room, 1, 61)
    row = store.rows(room)[0]
    assert (row.text, row.reactions) == ("text 29", "")


def test_the_same_thousand_keys_sent_to_two_processes_at_once_make_a_thousand_rows(store: Store) -> None:
    room = store.room()
    # A hundred groups of ten each, so that the processes meet in many of them.
    one, other = processes(store, (room, "user:1", "10", "same:1000"), (room, "user:1", "10", "same:1000"))
    check_dense(store, room, 1000, 1000)
    assert one == other
    assert sorted(message for _, message, _ in one) == list(range(1, 1001))
    assert {row.key: row.number for row in store.rows(room)} == {key: message for key, message, _ in one}


def test_the_same_keys_of_two_accounts_are_the_firsts_and_a_conflict_for_the_other(store: Store) -> None:
    room = store.room()
    one, other = processes(store, (room, "user:1", "5", "same:100"), (room, "user:2", "5", "same:100"))
    check_dense(store, room, 100, 100)
    owners = {row.key: row.author for row in store.rows(room)}
    for told, who in ((one, "user:1"), (other, "user:2")):
        for key, *outcome in told:
            assert (len(outcome) == 2) == (owners[key] == who), (key, outcome)


def test_two_processes_with_keys_of_their_own_share_one_room_without_a_gap(store: Store) -> None:
    room = store.room()
    one, other = processes(store, (room, "user:1", "7", "one:300"), (room, "user:2", "7", "other:300"))
    check_dense(store, room, 600, 600)
    assert sorted(message for _, message, _ in one + other) == list(range(1, 601))
    assert [message for _, message, _ in one] == sorted(message for _, message, _ in one)


@pytest.mark.parametrize("times", [2, 5])
def test_a_key_sent_by_many_threads_at_once_is_one_message(store: Store, times: int) -> None:
    room = store.room()
    told: list[Outcome] = []

    def job() -> None:
        for number in range(20):
            changes: list[Write] = [written(room, f"same-{number:05}")]
            told.extend(commit(*changes))

    together(*[job] * times)
    check_dense(store, room, 20, 20)
    assert Counter(done(outcome) for outcome in told) == {(n, n): times for n in range(1, 21)}


async def test_a_writer_whose_commits_are_not_answered_writes_each_message_once_and_tells_its_true_number(
    store: Store,
) -> None:
    room = await asyncio.to_thread(on_this_store(store.room))
    told: dict[str, Outcome] = {}
    commits = 0

    def unanswered(changes: Sequence[Change], now: int) -> list[Outcome]:
        """Commit; every other time the answer is lost on its way."""
        nonlocal commits
        commits += 1
        outcomes = log.commit(changes, now)
        if commits % 2:
            raise OperationalError("the connection was lost after the commit")
        return outcomes

    writer = Writer(unanswered, lambda answers: [change.done(outcome) for change, outcome in answers])
    for number in range(300):
        change = written(room, f"key-{number:05}")
        change.done = lambda outcome, key=change.key: told.__setitem__(key, outcome)  # type: ignore[misc]
        writer.take(change)
        if number % 50 == 0:
            await writer.flushed(SECONDS)
    await writer.flushed(SECONDS)
    writer.close()
    assert writer.thread is not None
    await asyncio.to_thread(writer.thread.join, SECONDS)
    rows = await asyncio.to_thread(on_this_store(store.rows), room)
    assert {row.key: row.number for row in rows} == {key: done(outcome)[0] for key, outcome in told.items()}
    assert [row.number for row in rows] == [row.offset for row in rows] == list(range(1, 301))
    assert commits >= 12


def on_this_store(call: Any) -> Any:
    """Return a call for another thread, which lets go of its connection after it: Django forbids queries in a loop's."""

    def run(*arguments: Any) -> Any:
        try:
            return call(*arguments)
        finally:
            connections.close_all()

    return run
