"""Recovery, on both databases: what a client or a stream that fell behind reads of a log."""

from __future__ import annotations

import json
from typing import Any

import pytest

from chat.models import Room
from chat.rooms import recovery
from chat.rooms.recovery import MAX_BYTES, MAX_FILL, MAX_MESSAGES, MAX_MISSED, Head, Page
from chat.wire.commands import Since
from tests.stores import BOB, INDEX, READS_ALL, SORTS, Store, commit, delete, edit, react, statements, store, written

__all__ = ["store"]


def said(room: str, count: int, **fields: Any) -> None:
    for first in range(0, count, 500):
        commit(*(written(room, **fields) for _ in range(min(500, count - first))))


def since(room: str, offset: int | None) -> Since:
    return Since(Room.objects.get(slug=room).epoch, offset)


def recovered(room: str, wanted: Since | None = None) -> Page:
    page = recovery.recover(room, wanted)
    assert page is not None
    return page


def told(page: Page) -> list[dict[str, Any]]:
    return [json.loads(bytes(message)) for message in page.messages]


def numbers(page: Page) -> list[int]:
    return [message["message"] for message in told(page)]


# Where a log stands


def test_a_head_is_the_rooms_row_and_volatile_and_unknown_rooms_have_none(store: Store) -> None:
    room, volatile = store.room(), store.room(durable=False)
    row = Room.objects.get(slug=room)
    assert recovery.read_head(room) == Head(row.pk, row.epoch, 0, 0)
    commit(written(room), edit(room, 1), written(room))
    assert recovery.read_head(room) == Head(row.pk, row.epoch, 3, 2)
    for slug in (volatile, "nowhere"):
        assert recovery.read_head(slug) is None
        assert recovery.recover(slug, None) is None
        assert recovery.history(slug, None, None, 10) is None
        assert recovery.fill(slug, 0) is None


# Joins


def test_a_first_join_gets_the_newest_page_and_the_offset_of_the_head(store: Store) -> None:
    room = store.room()
    assert (recovered(room).messages, recovered(room).offset) == ([], 0)
    said(room, MAX_MESSAGES + 5)
    commit(edit(room, 1))
    page = recovered(room)
    assert numbers(page) == list(range(6, MAX_MESSAGES + 6))
    assert (page.offset, page.recovered, page.more) == (MAX_MESSAGES + 6, False, False)


def test_since_returns_each_message_that_changed_after_it_once_in_its_present_state(store: Store) -> None:
    room = store.room()
    said(room, 5)
    commit(
        edit(room, 2, "better"), react(room, 3), react(room, 3, author=BOB), delete(room, 4), written(room, reply_to=1)
    )
    page = recovered(room, since(room, 5))
    assert [(m["message"], m["offset"]) for m in told(page)] == [(2, 6), (3, 8), (4, 9), (6, 10)]
    assert (page.offset, page.recovered, page.more) == (10, True, False)
    edited, reacted, deleted, reply = told(page)
    assert (edited["text"], "edited_at" in edited) == ("better", True)
    assert reacted["reactions"] == {"👍": {"count": 2, "ids": ["user:1", "user:2"]}}
    assert deleted["deleted"] is True
    assert "text" not in deleted
    assert reply["reply_to"] == 1
    assert all(m["room"] == room and m["prev"] is None and m["key"] for m in told(page))


@pytest.mark.parametrize(("offset", "expected"), [(0, [1, 2, 3]), (1, [2, 3]), (3, [])])
def test_since_is_exclusive(store: Store, offset: int, expected: list[int]) -> None:
    room = store.room()
    said(room, 3)
    page = recovered(room, since(room, offset))
    assert (numbers(page), page.recovered, page.offset) == (expected, True, 3)


@pytest.mark.parametrize("wrong", ["epoch", "ahead", "volatile"])
def test_who_holds_another_log_or_a_later_one_starts_over(store: Store, wrong: str) -> None:
    room = store.room()
    said(room, 3)
    wanted = {"epoch": Since("another", 2), "ahead": since(room, 4), "volatile": Since(None, None)}[wrong]
    page = recovered(room, wanted)
    assert (numbers(page), page.recovered, page.more, page.offset) == ([1, 2, 3], False, False, 3)


def test_more_than_a_page_is_told_in_parts_that_join_without_a_gap(store: Store) -> None:
    room = store.room()
    said(room, 2 * MAX_MESSAGES + 20)
    commit(edit(room, 1), edit(room, 50))
    found: list[int] = []
    wanted, pages = since(room, 10), 0
    while True:
        page = recovered(room, wanted)
        pages += 1
        assert page.recovered
        assert len(page.messages) <= MAX_MESSAGES
        found += numbers(page)
        if not page.more:
            break
        assert page.offset == told(page)[-1]["offset"]
        wanted = since(room, page.offset)
    assert pages == 3
    assert page.offset == 2 * MAX_MESSAGES + 22
    assert found == [*(n for n in range(11, 2 * MAX_MESSAGES + 21) if n != 50), 1, 50]


def test_a_full_page_exactly_is_the_whole(store: Store) -> None:
    room = store.room()
    said(room, MAX_MESSAGES)
    page = recovered(room, since(room, 0))
    assert (len(page.messages), page.more, page.offset) == (MAX_MESSAGES, False, MAX_MESSAGES)


def test_a_page_ends_before_it_grows_over_its_bytes(store: Store) -> None:
    room = store.room()
    said(room, 10, text="x" * 60_000)
    page = recovered(room, since(room, 0))
    assert (numbers(page), page.more, page.offset) == ([1, 2, 3, 4], True, 4)
    assert sum(len(bytes(message)) for message in page.messages) <= MAX_BYTES
    newest = recovered(room)
    assert (numbers(newest), newest.more, newest.offset) == ([7, 8, 9, 10], False, 10)
    page = recovery.history(room, 9, None, 200)  # type: ignore[assignment]
    assert (numbers(page), page.more) == ([5, 6, 7, 8], True)


def test_a_message_larger_than_a_page_is_a_page_of_its_own(store: Store) -> None:
    room = store.room()
    said(room, 3, data=b"\xff" * MAX_BYTES)
    page = recovered(room, since(room, 0))
    assert (numbers(page), page.more, page.offset) == ([1], True, 1)
    assert numbers(recovered(room)) == [3]
    assert numbers(recovered(room, since(room, 2))) == [3]
    assert recovered(room, since(room, 2)).more is False


def test_who_missed_more_than_so_many_changes_starts_over_and_who_missed_as_many_does_not(store: Store) -> None:
    room = store.room()
    said(room, MAX_MISSED + 1)
    assert recovered(room, since(room, 1)).recovered
    page = recovered(room, since(room, 0))
    assert (page.recovered, page.more, len(page.messages)) == (False, False, MAX_MESSAGES)
    assert numbers(page)[-1] == MAX_MISSED + 1


def test_many_changes_of_few_messages_are_few_to_tell(store: Store) -> None:
    room = store.room()
    said(room, 2)
    commit(*(edit(room, 1, f"text {number}") for number in range(MAX_MISSED + 10)))
    page = recovered(room, since(room, 2))
    assert (page.recovered, page.more, numbers(page)) == (True, False, [1])


def test_what_was_pruned_before_it_was_heard_of_makes_one_start_over(store: Store) -> None:
    room = store.room()
    said(room, 5)
    Room.objects.filter(slug=room).update(pruned=3)
    assert recovered(room, since(room, 2)).recovered is False
    assert recovered(room, since(room, 3)).recovered is True


BETWEEN = [written, lambda room: edit(room, 1), lambda room: delete(room, 2), lambda room: react(room, 3)]


@pytest.mark.parametrize("change", BETWEEN)
def test_what_changes_between_the_head_and_the_rows_is_covered_and_told_whole(
    store: Store, change: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    room = store.room()
    said(room, 3)
    wanted, streamed = since(room, 1), recovery.streamed

    def streamed_late(condition: str, values: Any) -> Any:
        commit(change(room))
        return streamed(condition, values)

    monkeypatch.setattr(recovery, "streamed", streamed_late)
    page = recovered(room, wanted)
    assert page.offset == page.head.offset == 4
    assert [message["offset"] for message in told(page)][-1] == 4, "a reaction alone would be told live"
    assert {2, 3} <= {message["message"] for message in told(page)}
    assert page.head.number == max(3, *numbers(page))
    found = recovery.fill(room, 1)
    assert found is not None
    known = recovery.read_head(room)
    assert known is not None
    assert found.head.offset == found.events[-1].offset == known.offset
    newest = recovered(room)
    assert newest.offset == known.offset, "what changed before is known now, what changes beside is not"
    assert {m["message"] for m in told(newest)} <= set(range(1, newest.head.number + 1))


# History


@pytest.mark.parametrize(
    ("before", "after", "limit", "expected", "more"),
    [
        (None, None, 3, [8, 9, 10], True),
        (None, None, 200, list(range(1, 11)), False),
        (8, None, 3, [5, 6, 7], True),
        (4, None, 3, [1, 2, 3], False),
        (3, None, 3, [1, 2], False),
        (1, None, 3, [], False),
        (0, None, 3, [], False),
        (10**6, None, 2, [9, 10], True),
        (None, 0, 3, [1, 2, 3], True),
        (None, 7, 3, [8, 9, 10], False),
        (None, 8, 3, [9, 10], False),
        (None, 10, 3, [], False),
        (None, 10**15, 3, [], False),
    ],
)
def test_history_is_before_or_after_a_number_in_order(
    store: Store, before: int | None, after: int | None, limit: int, expected: list[int], more: bool
) -> None:
    room = store.room()
    said(room, 10)
    page = recovery.history(room, before, after, limit)
    assert page is not None
    assert (numbers(page), page.more) == (expected, more)


def test_history_tells_present_states(store: Store) -> None:
    room = store.room()
    said(room, 2)
    commit(edit(room, 1, "better"), delete(room, 2))
    page = recovery.history(room, None, None, 10)
    assert page is not None
    first, second = told(page)
    assert (first["text"], first["offset"], second["deleted"], second["offset"]) == ("better", 3, True, 4)


# Fills


def test_a_fill_is_what_a_stream_has_missed_by_offset(store: Store) -> None:
    room = store.room()
    said(room, 5)
    commit(edit(room, 2, "better"))
    found = recovery.fill(room, 3)
    assert found is not None
    assert [(event.message, event.offset) for event in found.events] == [(4, 4), (5, 5), (2, 6)]
    assert (found.whole, found.head.offset) == (True, 6)
    assert {event.epoch for event in found.events} == {found.head.epoch}
    again = recovery.fill(room, 6)
    assert again is not None
    assert (again.events, again.whole) == ([], True)


def test_a_fill_that_is_too_much_says_so_and_goes_on_from_its_end(store: Store) -> None:
    room = store.room()
    said(room, MAX_FILL + 1)
    first = recovery.fill(room, 0)
    assert first is not None
    assert (len(first.events), first.whole, first.events[-1].offset) == (MAX_FILL, False, MAX_FILL)
    rest = recovery.fill(room, MAX_FILL)
    assert rest is not None
    assert (len(rest.events), rest.whole) == (1, True)


# What it costs


def test_every_query_finds_its_rows_by_an_index(store: Store) -> None:
    store.crowd()
    room = store.room()
    said(room, 30)
    Room.objects.filter(slug=room).update(head=MAX_MISSED + 100)
    with statements() as found:
        recovered(room)
        recovered(room, since(room, 5))
        recovered(room, since(room, MAX_MISSED + 90))
        for before, after in ((None, None), (10, None), (None, 10)):
            recovery.history(room, before, after, 5)
        recovery.fill(room, 5)
    looked = {sql: values for sql, values in found if sql.startswith("SELECT")}
    assert len(looked) >= 7
    for sql, values in looked.items():
        plan = store.plan(sql, values)
        assert not READS_ALL.search(plan) and not SORTS.search(plan), f"{sql}\n{plan}"
        assert "chat_message" not in sql or INDEX.search(plan), f"{sql}\n{plan}"


def test_a_recovery_takes_two_statements_and_one_more_where_much_was_missed(store: Store) -> None:
    room = store.room()
    said(room, 5)
    wanted = since(room, 2)
    for question in (None, wanted):
        with statements() as found:
            recovered(room, question)
        assert len([sql for sql, _ in found if "PRAGMA" not in sql]) == 2
