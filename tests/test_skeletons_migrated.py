"""The migration that recomputes the skeletons of names that people have."""

from __future__ import annotations

import importlib

import pytest
from django.apps import apps
from django.contrib.auth.models import User

from chat import people
from chat.models import Profile
from chat.wire.skeletons import MAX_SKELETON_CHARACTERS, skeleton

pytestmark = pytest.mark.django_db
migration = importlib.import_module("chat.migrations.0006_skeletons_of_names")


def stored(*rows: tuple[str, str]) -> list[int]:
    """Make profiles with names and skeletons as an earlier version has stored them; return their numbers."""
    made = []
    for name, old in rows:
        user = User.objects.create(username=f"somebody {User.objects.count()}")
        made.append(Profile.objects.create(user=user, name=name, skeleton=old).pk)
    return made


def found(numbers: list[int]) -> list[tuple[str, str]]:
    rows = Profile.objects.in_bulk(numbers)
    return [(rows[number].name, rows[number].skeleton) for number in numbers]


def test_a_stored_skeleton_becomes_that_of_the_name_and_the_name_stays() -> None:
    numbers = stored(("Ada", skeleton("Ada")), ("Di\u0307do", "dl\u0307do"))
    migration.recompute(apps, None)
    assert found(numbers) == [("Ada", skeleton("Ada")), ("Di\u0307do", skeleton("Dido"))]


def test_of_names_that_are_alike_by_now_the_one_without_tricks_has_the_skeleton_and_nobody_gets_either() -> None:
    numbers = stored(("Bi\u0307ll", "bl\u0307ll"), ("Bill", "blll"), ("Bil\u0307l", "bll\u0307l"))
    for _ in range(2):  # A second time changes nothing.
        migration.recompute(apps, None)
        assert found(numbers) == [
            ("Bi\u0307ll", f"blll {numbers[0]}"),
            ("Bill", "blll"),
            ("Bil\u0307l", f"blll {numbers[2]}"),
        ]
    for name in ("Bill", "Bi\u0307ll", "Bil\u0307l"):
        assert people.is_shown(skeleton(name))


def test_skeletons_that_change_places_do_not_get_into_each_others_way() -> None:
    numbers = stored(("Ada", skeleton("Bob")), ("Bob", skeleton("Cem")), ("Cem", skeleton("Ada")))
    migration.recompute(apps, None)
    assert found(numbers) == [(name, skeleton(name)) for name in ("Ada", "Bob", "Cem")]


def test_the_longest_skeletons_stay_apart_and_fit() -> None:
    wide = "x" * MAX_SKELETON_CHARACTERS
    assert len(migration.apart(wide, 7)) == MAX_SKELETON_CHARACTERS
    numbers = stored(("M" * 40, "a"), ("M" * 40, "b"))
    migration.recompute(apps, None)
    assert len({row[1] for row in found(numbers)}) == 2
