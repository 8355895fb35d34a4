"""`manage.py prune`: rooms keep what they are told to, and clients are told the truth about the rest."""

from __future__ import annotations

import dataclasses
import io
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import msgspec
import pytest
from django.core.management import CommandError, call_command
from django.db import OperationalError

from chat.management.commands import prune as command
from chat.models import Message, Room
from chat.rooms import recovery, retention
from chat.wire.commands import Since
from tests.saying import DAY, NOON, Turns, delete, react, say

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def turns(settings: Any) -> Turns:
    settings.TURN = Turns()
    return settings.TURN


@pytest.fixture(autouse=True)
def now(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is noon."""
    monkeypatch.setattr(command.time, "time", lambda: NOON / 1000)


def site(settings: Any, days: int) -> None:
    settings.CHAT = dataclasses.replace(settings.CHAT, retention_days=days)


def keep(slug: str, days: int | None = None, count: int | None = None) -> None:
    Room.objects.update_or_create(
        slug=slug,
        defaults={"retention_days": days, "retention_count": count},
        create_defaults={"title": slug, "retention_days": days, "retention_count": count},
    )


def ages(slug: str, *days: float) -> None:
    """Write messages that are so many days old."""
    for age in days:
        say(slug, f"{age:g} days old", at=NOON - int(age * DAY))


def kept(slug: str) -> list[int]:
    return list(Message.objects.filter(room__slug=slug).order_by("number").values_list("number", flat=True))


def prune(*arguments: str) -> str:
    out = io.StringIO()
    call_command("prune", *arguments, stdout=out, stderr=io.StringIO())
    return out.getvalue()


def test_without_a_setting_everything_is_kept() -> None:
    ages("lobby", 30_000, 1)
    assert prune() == "messages deleted: 0; rooms: 0\n"
    assert kept("lobby") == [1, 2]


@pytest.mark.parametrize(
    ("own", "days", "remain"),
    [
        (None, 0, [1, 2, 3, 4]),
        (None, 30, [3, 4]),  # A message of just that age stays.
        (10, 30, [4]),
        (100, 30, [2, 3, 4]),
        (0, 30, [1, 2, 3, 4]),
    ],
)
def test_a_rooms_own_days_stand_before_the_sites(settings: Any, own: int | None, days: int, remain: list[int]) -> None:
    site(settings, days)
    keep("lobby", days=own)
    ages("lobby", 400, 31, 30, 1)
    prune()
    assert kept("lobby") == remain


@pytest.mark.parametrize(("count", "remain"), [(None, 5), (0, 5), (1, 1), (3, 3), (5, 5), (9, 5)])
def test_a_room_keeps_so_many_of_its_newest(count: int | None, remain: int) -> None:
    keep("lobby", count=count)
    ages("lobby", 5, 4, 3, 2, 1)
    prune()
    assert kept("lobby") == [1, 2, 3, 4, 5][5 - remain :]


def test_with_days_and_a_count_either_is_enough() -> None:
    keep("lobby", days=3, count=4)
    ages("lobby", 5, 4, 2, 1, 1, 1, 1)
    prune()
    assert kept("lobby") == [4, 5, 6, 7]
    keep("lobby", days=2, count=100)
    ages("lobby", 3)
    prune()
    assert kept("lobby") == [4, 5, 6, 7]


def test_an_old_message_is_found_also_behind_a_younger_one() -> None:
    keep("lobby", days=10)
    ages("lobby", 5, 30, 5, 30)
    prune()
    assert kept("lobby") == [1, 3]


def test_only_the_room_that_is_named_is_pruned_and_others_are_each_their_own(settings: Any) -> None:
    site(settings, 10)
    keep("tea", days=50)
    keep("milk")
    for slug in ("lobby", "tea", "milk"):
        ages(slug, 60, 20, 1)
    assert prune("--room", "milk") == "milk: 2\nmessages deleted: 2; rooms: 1\n"
    assert [kept(slug) for slug in ("lobby", "tea", "milk")] == [[1, 2, 3], [1, 2, 3], [3]]
    assert prune() == "lobby: 2\ntea: 1\nmessages deleted: 3; rooms: 2\n"
    assert [kept(slug) for slug in ("lobby", "tea", "milk")] == [[3], [2, 3], [3]]


def test_days_on_the_command_line_are_the_sites_and_of_a_named_room_also_its_own() -> None:
    keep("tea", days=0)
    for slug in ("lobby", "tea"):
        ages(slug, 60, 1)
    prune("--days", "30")
    assert [kept(slug) for slug in ("lobby", "tea")] == [[2], [1, 2]]
    prune("--days", "30", "--room", "tea")
    assert kept("tea") == [2]
    prune("--days", "0", "--room", "tea")
    assert kept("tea") == [2]


def test_a_dry_run_tells_the_same_and_deletes_nothing(turns: Turns) -> None:
    keep("lobby", days=30)
    ages("lobby", 60, 40, 1)
    assert prune("--dry-run") == "lobby: 2\nmessages that would be deleted: 2; rooms: 1\n"
    assert (kept("lobby"), turns.count) == ([1, 2, 3], 0)
    assert prune() == "lobby: 2\nmessages deleted: 2; rooms: 1\n"


def test_it_deletes_in_batches_each_in_a_turn_of_its_own(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[tuple[int, int]] = []

    class Seeing(Turns):
        @contextmanager
        def __call__(self) -> Iterator[None]:
            before = len(kept("lobby"))
            with super().__call__():
                yield
            seen.append((before, len(kept("lobby"))))

    monkeypatch.setattr(retention, "BATCH", 3)
    settings.TURN = Seeing()
    keep("lobby", days=30)
    ages("lobby", *[60] * 7, 1)
    prune()
    assert seen == [(8, 5), (5, 2), (2, 1)]
    assert kept("lobby") == [8]


def test_numbers_and_offsets_are_never_given_again() -> None:
    keep("lobby", count=1)
    say("lobby", "one", "two")
    delete("lobby", 2)
    keep("lobby", days=1)
    Message.objects.update(at=0)
    prune()
    room = Room.objects.get(slug="lobby")
    assert (kept("lobby"), room.head, room.last) == ([], 3, 2)
    assert say("lobby", "three") == [3]
    assert Message.objects.get().offset == 4


def recovered(offset: int) -> tuple[bool, list[int]]:
    """Return what a client gets that held everything up to an offset: whether it recovers, and which messages."""
    page = recovery.recover("lobby", Since(Room.objects.get(slug="lobby").epoch, offset))
    assert page is not None
    return page.recovered, [msgspec.json.decode(message)["message"] for message in page.messages]


def test_who_has_read_up_to_the_last_change_of_what_was_pruned_recovers_and_who_has_not_starts_over() -> None:
    """A client that was away holds message 1 as it was written. That it was deleted since nobody could tell it."""
    keep("lobby", days=30)
    ages("lobby", 60, 60)
    delete("lobby", 1)  # Offset 3.
    ages("lobby", 1, 1)  # Offsets 4 and 5.
    assert recovered(2) == (True, [1, 3, 4])
    prune()
    assert Room.objects.get(slug="lobby").pruned == 3
    assert recovered(2) == (False, [3, 4])
    assert recovered(0) == (False, [3, 4])
    assert recovered(3) == (True, [3, 4])
    assert recovered(4) == (True, [4])
    assert recovered(5) == (True, [])


def test_how_far_was_pruned_never_goes_back() -> None:
    ages("lobby", 60, 40, 1)
    react("lobby", 1, "👍")  # Offset 4; message 2 keeps its 2.
    for days, remain in ((50, [2, 3]), (30, [3])):
        keep("lobby", days=days)
        prune()
        assert (kept("lobby"), Room.objects.get(slug="lobby").pruned) == (remain, 4)


def test_a_room_or_a_message_that_is_gone_meanwhile_is_nothing_to_delete(turns: Turns) -> None:
    say("lobby", "one")
    room = Room.objects.get(slug="lobby")
    assert retention.delete(room, [7], turns) == 0
    Room.objects.filter(pk=room.pk).delete()
    assert retention.delete(room, [1], turns) == 0


def test_an_unknown_room_is_refused() -> None:
    with pytest.raises(CommandError, match="There is no room 'nowhere'"):
        prune("--room", "nowhere")


@pytest.mark.parametrize("days", ["-1", "1.5", "x", "36501", "٣"])
def test_days_that_make_no_sense_are_refused(days: str) -> None:
    with pytest.raises(CommandError, match=f"expected a whole number from 0 to 36500, but '{days}' came"):
        prune(f"--days={days}")


def test_a_database_that_fails_is_told_with_what_was_done_before(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention, "BATCH", 2)
    before = retention.delete

    def fail(room: Room, numbers: list[int], turn: Any) -> int:
        if numbers[0] > 2:
            raise OperationalError("disk full")
        return before(room, numbers, turn)

    monkeypatch.setattr(retention, "delete", fail)
    keep("lobby", days=30)
    ages("lobby", 60, 60, 60)
    with pytest.raises(CommandError, match="The database failed after 2 messages were deleted: disk full"):
        prune()


def test_long_work_tells_how_far_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention, "BATCH", 1)
    monkeypatch.setattr("chat.management.progress.SECONDS", 0)
    keep("lobby", days=30)
    ages("lobby", 60, 60)
    err = io.StringIO()
    call_command("prune", stdout=io.StringIO(), stderr=err)
    assert err.getvalue() == "lobby: deleted: 1\nlobby: deleted: 2\n"
