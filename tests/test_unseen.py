"""The unseen: accounts without a profile, found by what they would be called."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test.utils import CaptureQueriesContext

from chat import people
from chat.unseen import FRESH_SECONDS, Unseen
from chat.wire.skeletons import skeleton
from tests import gone
from tests.stores import READS_ALL

pytestmark = pytest.mark.django_db


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def unseen() -> Unseen:
    return Unseen(Clock())


def test_new_accounts_are_found_at_once_and_look_alikes_are_the_same(unseen: Unseen) -> None:
    assert not unseen.has(skeleton("ada"))
    user = User.objects.create(username="ada")
    User.objects.create(username="bob")
    assert unseen.has(skeleton("АDA".replace("А", "A")))
    assert unseen.has(skeleton("bob"))
    assert not unseen.has(skeleton("ada"), user.pk), "the one who may have it"


def test_who_is_seen_by_now_is_found_elsewhere(unseen: Unseen) -> None:
    user = User.objects.create(username="ada")
    assert unseen.has(skeleton("ada"))
    people.profile_of(user)
    assert not unseen.has(skeleton("ada"))
    assert people.is_shown(skeleton("ada"))


def test_a_changed_username_is_found_in_time_and_the_old_one_is_free_at_once(unseen: Unseen) -> None:
    user = User.objects.create(username="ada")
    assert unseen.has(skeleton("ada"))
    User.objects.filter(pk=user.pk).update(username="grace")
    assert not unseen.has(skeleton("ada"))
    unseen.clock.now += FRESH_SECONDS  # type: ignore[attr-defined]
    assert unseen.has(skeleton("grace"))


@pytest.mark.parametrize("change", ["delete", "replace"])
def test_numbers_that_are_used_again_are_noticed(unseen: Unseen, change: str) -> None:
    user = User.objects.create(username="ada")
    assert unseen.has(skeleton("ada"))
    gone.delete(pk=user.pk)
    if change == "replace":
        User.objects.create(pk=user.pk, username="grace")
        assert unseen.has(skeleton("grace"))
    assert not unseen.has(skeleton("ada"))


def test_2000_accounts_are_read_once_and_a_name_costs_two_index_searches_then(unseen: Unseen) -> None:
    User.objects.bulk_create(User(username=f"person-{number}") for number in range(2000))
    assert unseen.has(skeleton("person-7"))
    with CaptureQueriesContext(
        connection,
    ) as queries:
        assert not unseen.has(skeleton("Somebody New"))
    assert len(queries) == 1
    (statement,) = queries.captured_queries
    with connection.cursor() as cursor:
        cursor.execute("EXPLAIN QUERY PLAN " + statement["sql"])
        plan = " ".join(str(row[-1]) for row in cursor.fetchall())
    assert not READS_ALL.search(plan), plan


def test_skeletons_are_made_once_however_often_all_are_read(unseen: Unseen, monkeypatch: pytest.MonkeyPatch) -> None:
    User.objects.bulk_create(User(username=f"person-{number}") for number in range(50))
    made: list[str] = []
    monkeypatch.setattr("chat.unseen.skeleton_of", lambda name: made.append(name) or skeleton(name))
    for _ in range(3):
        unseen.has(skeleton("x"))
        unseen.clock.now += FRESH_SECONDS  # type: ignore[attr-defined]
    assert len(made) == 50
