"""Notes that a person has changed."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from chat import notes
from chat.models import AllowedOrigin, Invalidation
from chat.models.invalidation import KEPT
from chat.notes import LATE_SECONDS, MAX_NOTES, Notes


def test_what_was_noted_before_is_nobodys() -> None:
    heard = Notes()
    assert heard.take({7: notes.NOBODY}, 0.0) == set()
    assert heard.since == 7
    assert heard.take({8: 3, 9: 4}, 1.0) == {3, 4}


def test_a_note_is_heard_once_however_often_it_is_read() -> None:
    heard = Notes()
    heard.take({0: notes.NOBODY}, 0.0)
    assert heard.take({1: 5}, 1.0) == {5}
    assert heard.take({1: 5}, 2.0) == set()
    assert heard.take({1: 5, 2: 5}, 3.0) == {5}, "another note of the same person"


def test_a_note_that_was_committed_late_is_heard_too() -> None:
    heard = Notes()
    heard.take({0: notes.NOBODY}, 0.0)
    assert heard.take({2: 6}, 1.0) == {6}
    assert heard.since == 0
    assert heard.take({1: 5, 2: 6}, 1.0 + LATE_SECONDS / 2) == {5}


def test_what_is_long_ago_is_neither_read_again_nor_remembered() -> None:
    heard = Notes()
    heard.take({0: notes.NOBODY}, 0.0)
    for second in range(1000):
        first = (heard.since or 0) + 1
        assert heard.take({number: number for number in range(first, second + 2)}, float(second)) == {second + 1}
        assert len(heard.heard) <= LATE_SECONDS + 1
    assert heard.since == 1000 - LATE_SECONDS


@pytest.mark.django_db
def test_notes_are_read_with_the_allow_list_in_one_query(django_assert_num_queries: Any) -> None:
    AllowedOrigin.objects.bulk_create([AllowedOrigin(pattern=text) for text in ("https://a.example", "*", "http://b")])
    AllowedOrigin.objects.create(pattern="https://off.example", enabled=False)
    _, _, last = notes.read(None)
    assert last == {0: notes.NOBODY}
    first = Invalidation.of(5).pk
    assert notes.read(None)[2] == {first: notes.NOBODY}
    second = Invalidation.of(6).pk
    with django_assert_num_queries(1):
        patterns, malformed, found = notes.read(first)
    assert found == {second: 6}
    assert (patterns, malformed) == AllowedOrigin.listed()
    assert len(patterns) == 2 and malformed == ("*",)
    assert notes.read(0)[2] == {first: 5, second: 6}


@pytest.mark.django_db
def test_a_flood_of_notes_is_read_in_parts_and_hides_no_allowed_origin() -> None:
    AllowedOrigin.objects.create(pattern="https://a.example")
    Invalidation.objects.bulk_create([Invalidation(user=number) for number in range(1, 3 * MAX_NOTES)])
    heard, users = Notes(), set()
    heard.take({0: notes.NOBODY}, 0.0)
    for second in range(10):
        patterns, _, found = notes.read(heard.since)
        assert len(patterns) == 1 and len(found) <= MAX_NOTES
        users |= heard.take(found, second * LATE_SECONDS)
    assert users == set(range(1, 3 * MAX_NOTES))


@pytest.mark.django_db
def test_old_notes_are_swept_by_new_ones() -> None:
    old = Invalidation.of(1)
    Invalidation.objects.filter(pk=old.pk).update(at=timezone.now() - KEPT - timedelta(seconds=1))
    Invalidation.of(2)
    assert list(Invalidation.objects.values_list("user", flat=True)) == [2]
