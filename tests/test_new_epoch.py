"""`manage.py new_epoch`: logs get new names. What members of a running server notice is in live/test_keeping.py."""

from __future__ import annotations

import io
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from chat.models import Room
from chat.rooms import recovery
from chat.wire.commands import Since
from tests.saying import Turns, say

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def turns(settings: Any) -> Turns:
    settings.TURN = Turns()
    return settings.TURN


@pytest.fixture(autouse=True)
def rooms() -> None:
    Room.objects.bulk_create([Room(slug=slug, title=slug) for slug in ("tea", "milk")])


def renew(*arguments: str) -> str:
    out = io.StringIO()
    call_command("new_epoch", *arguments, stdout=out)
    return out.getvalue()


def epochs() -> dict[str, str]:
    return dict(Room.objects.values_list("slug", "epoch"))


def changed(*arguments: str) -> set[str]:
    """Return the rooms whose epoch a run changes."""
    before = epochs()
    renew(*arguments)
    return {slug for slug, epoch in epochs().items() if epoch != before[slug]}


def test_the_rooms_that_are_named_get_new_epochs_and_no_others(turns: Turns) -> None:
    assert changed("tea", "lobby") == {"tea", "lobby"}
    assert turns.count == 1
    assert renew("tea") == "rooms with new epochs: 1\n"


def test_all_get_one_each() -> None:
    assert changed("--all") == {"tea", "milk", "lobby"}
    assert len(set(epochs().values())) == 3


def test_an_unknown_room_is_refused_and_nothing_done() -> None:
    before = epochs()
    with pytest.raises(CommandError, match="There is no room 'no', 'nowhere': nothing was done"):
        renew("tea", "nowhere", "no")
    assert epochs() == before


@pytest.mark.parametrize(("arguments", "came"), [([], "neither"), (["--all", "tea"], "both")])
def test_rooms_or_all_must_be_said(arguments: list[str], came: str) -> None:
    before = epochs()
    with pytest.raises(CommandError, match=f"Expected slugs of rooms or --all, but {came} came"):
        renew(*arguments)
    assert epochs() == before


def test_the_log_goes_on_and_whoever_knew_it_by_its_old_name_starts_over() -> None:
    say("tea", "one")
    old = epochs()["tea"]
    renew("tea")
    assert say("tea", "two") == [2]
    page = recovery.recover("tea", Since(old, 1))
    assert page is not None
    assert (page.recovered, page.head.offset, len(page.messages)) == (False, 2, 2)
