"""Erasing: what somebody wrote is nobody's, or no more, and every client hears of it."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import OperationalError
from hypothesis import given, settings
from hypothesis import strategies as st

from chat.models import Membership, Message, Room
from chat.rooms import erasing, recovery
from chat.rooms.changes import React, Write
from chat.rooms.erasing import Erasure
from chat.rooms.rows import Row
from chat.wire import json
from chat.wire.commands import Since
from chat.wire.events import Person
from tests.saying import NOON, Turns, make

pytestmark = pytest.mark.django_db

ADA, BOB, CYD = (Person(f"user:{number}", name, "user") for number, name in ((5, "Ada"), (55, "Bob"), (6, "Cyd")))
_keys = (f"erasing-{number:05d}" for number in itertools.count(1))


@pytest.fixture
def tea() -> Room:
    return Room.objects.create(slug="tea", title="Tea")


def say(author: Person, text: str, slug: str = "tea") -> int:
    change = Write(room=slug, author=author, key=next(_keys), done=print, text=text, address="192.0.2.1:4000")
    return make(change).message


def react(author: Person, message: int, emoji: str = "👍") -> None:
    make(React(room="tea", author=author, key=next(_keys), done=print, message=message, emoji=emoji, on=True))


def erasure(*, keep: bool) -> Erasure:
    return Erasure(ADA.id, "gone:1", "erase:1", keep, NOON + 1)


def erase(*, keep: bool, turn: Any = None) -> list[int]:
    return list(erasing.erase(erasure(keep=keep), turn or Turns()))


def states(slug: str = "tea") -> list[tuple[str, str | None, bool, str]]:
    rows = Message.objects.filter(room__slug=slug).order_by("number")
    return list(rows.values_list("author", "text", "deleted", "reactions"))


def test_messages_that_are_kept_are_a_deleted_users(tea: Room) -> None:
    say(ADA, "one"), say(BOB, "two"), say(ADA, "three")
    assert erase(keep=True) == [2]
    assert states() == [("gone:1", "one", False, ""), (BOB.id, "two", False, ""), ("gone:1", "three", False, "")]
    ours = Message.objects.filter(author="gone:1")
    assert set(ours.values_list("name", "address", "kind", "edited_at")) == {("deleted user", "", "user", None)}


def test_messages_that_are_removed_are_deleted_ones_of_a_deleted_user(tea: Room) -> None:
    one = say(ADA, "one")
    react(BOB, one), say(BOB, "two")
    assert erase(keep=False) == [1]
    assert states() == [("gone:1", None, True, ""), (BOB.id, "two", False, "")]
    assert Message.objects.values_list("edited_at", flat=True).get(author="gone:1") == NOON + 1


@pytest.mark.parametrize("keep", [True, False])
def test_their_reactions_go_and_those_of_others_stay(tea: Room, keep: bool) -> None:
    two = say(BOB, "two")
    react(ADA, two, "👍"), react(CYD, two, "👍"), react(ADA, two, "🎉")
    erase(keep=keep)
    assert states() == [(BOB.id, "two", False, '{"👍":["user:6"]}')]


def test_nobody_whose_id_only_begins_alike_is_concerned(tea: Room) -> None:
    react(BOB, say(BOB, "mine"))
    head = Room.objects.get(slug="tea").head
    assert erase(keep=False) == []
    assert states() == [(BOB.id, "mine", False, '{"👍":["user:55"]}')]
    assert Room.objects.get(slug="tea").head == head


def test_every_change_takes_an_offset_and_who_was_away_hears_exactly_of_them(tea: Room) -> None:
    for number in range(5):
        say(ADA if number % 2 else BOB, str(number))
    before = Room.objects.get(slug="tea")
    erase(keep=True)
    after = Room.objects.get(slug="tea")
    assert (after.head, after.last, after.epoch) == (before.head + 2, before.last, before.epoch)
    page = recovery.recover("tea", Since(epoch=before.epoch, offset=before.head))
    assert page is not None
    assert page.recovered
    told = [json.msgspec.json.decode(message) for message in page.messages]
    assert [(it["message"], it["offset"]) for it in told] == [(2, before.head + 1), (4, before.head + 2)]
    assert {it["author"]["name"] for it in told} == {"deleted user"}


def test_it_goes_in_short_transactions_each_under_a_turn(tea: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(erasing, "BATCH", 2)
    Room.objects.create(slug="coffee", title="Coffee")
    for _ in range(5):
        say(ADA, "x")
    say(ADA, "y", "coffee")
    turns = Turns()
    assert sorted(erase(keep=False, turn=turns)) == [1, 1, 2, 2]
    assert turns.count == 4


def test_what_failed_half_way_is_done_by_the_next_run(tea: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(erasing, "BATCH", 2)
    for _ in range(5):
        say(ADA, "x")
    going = erasing.erase(erasure(keep=True), Turns())
    next(going)
    going.close()
    assert [author for author, *_ in states()].count(ADA.id) == 3
    erase(keep=True)
    assert {author for author, *_ in states()} == {"gone:1"}


def test_a_change_that_fails_is_undone_whole(tea: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    say(ADA, "x")
    head = Room.objects.get(slug="tea").head

    def fail(row: Row) -> Any:
        raise OperationalError("disk full")

    monkeypatch.setattr(erasing, "parameters", fail)
    with pytest.raises(OperationalError):
        erase(keep=False)
    assert (states()[0][0], Room.objects.get(slug="tea").head) == (ADA.id, head)


def test_a_room_that_is_deleted_meanwhile_is_passed_by(tea: Room) -> None:
    say(ADA, "x")
    assert erasing.change(tea.pk + 1000, [1], erasure(keep=True), Turns()) == 0


def test_a_message_that_was_deleted_before_loses_its_name_only(tea: Room) -> None:
    say(ADA, "x")
    Message.objects.filter(room=tea).update(text=None, deleted=True, edited_at=NOON)
    erase(keep=False)
    assert Message.objects.values_list("author", "edited_at").get() == ("gone:1", NOON)


def test_leaving_every_room_takes_an_offset_in_each() -> None:
    user = User.objects.create(username="ada")
    rooms = [Room.objects.create(slug=slug, title=slug) for slug in ("a", "b", "c")]
    for room in rooms[:2]:
        Membership.objects.create(room=room, user=user, role="owner")
    turns = Turns()
    assert erasing.leave(user.pk, turns) == 2
    assert turns.count == 2
    assert [Room.objects.get(pk=room.pk).head for room in rooms] == [1, 1, 0]
    assert not Membership.objects.exists()


def test_who_is_left_alone_in_a_conversation_is_told_that_the_other_is_erased_and_other_titles_stay() -> None:
    user = User.objects.create(username="ada")
    for slug, kind in (("pair", "direct"), ("tea", "members")):
        Membership.objects.create(room=Room.objects.create(slug=slug, title="Ours", kind=kind), user=user)
    erasing.leave(user.pk, Turns())
    assert dict(Room.objects.exclude(slug="lobby").values_list("slug", "title")) == {
        "pair": "deleted user",
        "tea": "Ours",
    }


ids = st.sampled_from([ADA.id, BOB.id, CYD.id, "guest:user:5"])


@settings(max_examples=60, deadline=None)
@given(
    author=ids,
    reactions=st.dictionaries(st.sampled_from("👍🎉🙂"), st.lists(ids, min_size=1, unique=True)),
    text=st.none() | st.text(max_size=5),
    deleted=st.booleans(),
    keep=st.booleans(),
)
def test_afterwards_nothing_of_theirs_is_left_and_others_things_are_as_they_were(
    author: str, reactions: dict[str, list[str]], text: str | None, deleted: bool, keep: bool
) -> None:
    stored = erasing.reactions_text(reactions)
    row = Row(1, 1, 1, "key-0001", "key-0001", author, "N", "user", "a", text, None, NOON, None, deleted, None, stored)
    after = erasure(keep=keep).of(row)
    assert ADA.id not in (after.author, *(id for there in after.reacted().values() for id in there))
    if author != ADA.id:
        assert after._replace(reactions="") == row._replace(reactions="")
        assert (after == row) == (ADA.id not in itertools.chain(*reactions.values()))
        assert {e: [i for i in there if i != ADA.id] for e, there in reactions.items()} == {
            e: after.reacted().get(e, []) for e in reactions
        }
