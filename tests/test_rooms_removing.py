"""Removing a room: it is gone for everybody at once, and what was said in it a little later."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import OperationalError

from chat.models import Broadcast, Membership, Message, Room
from chat.rooms import opening, retention
from chat.rooms.changes import Write
from chat.rooms.log import commit
from chat.rooms.permissions import Policy
from chat.rooms.removing import remove
from chat.wire.codes import Error, WireError
from chat.wire.events import Person
from tests.saying import ANN, Turns, say

pytestmark = pytest.mark.django_db


@pytest.fixture
def room(monkeypatch: pytest.MonkeyPatch) -> Room:
    monkeypatch.setattr(retention, "BATCH", 2)
    made = Room.objects.create(slug="tea", title="Tea")
    say("tea", *"abcde")
    return made


def test_it_is_deleted_a_few_messages_at_a_time_and_other_rooms_stay(room: Room) -> None:
    say("lobby", "here")
    turns = Turns()
    assert list(remove(room, turns)) == [2, 2, 1]
    assert turns.count == 5
    assert [(it.slug, it.messages.count()) for it in Room.objects.all()] == [("lobby", 1)]


def test_who_writes_meanwhile_is_told_that_there_is_no_such_room(room: Room) -> None:
    going = remove(room, Turns())
    next(going)
    (outcome,) = commit([Write(room="tea", author=ANN, key="key-of-mine", done=print, text="x")], 0)
    assert isinstance(outcome, WireError) and outcome.code is Error.NOT_FOUND
    assert list(going) == [2, 1]


def test_what_is_left_of_it_meanwhile_is_nobodys_and_is_not_called_as_it_was(room: Room) -> None:
    Membership.objects.create(room=room, user=User.objects.create(username="ann"))
    Broadcast.objects.create(room=room, name="Tea time")
    going = remove(room, Turns())
    next(going)
    left = Room.objects.get(pk=room.pk)
    assert left.slug.startswith("removed-") and left.title == "Tea"
    policy = Policy(left.kind, left.posting, left.guests, left.archived)
    assert not policy.open and policy.archived
    assert not left.memberships.exists() and not left.broadcasts.exists()


def test_another_room_may_be_made_in_its_place_meanwhile_and_stays(room: Room) -> None:
    going = remove(room, Turns())
    next(going)
    Room.objects.create(slug="tea", title="Another")
    assert say("tea", "new") == [1]
    assert list(going) == [2, 1]
    assert [it.title for it in Room.objects.order_by("slug")] == ["Lobby", "Another"]
    assert Message.objects.get().text == "new"


def test_the_people_of_a_direct_conversation_may_begin_another_one_meanwhile() -> None:
    ann, bob = (User.objects.create(username=name).pk for name in ("ann", "bob"))
    old = opening.open_direct(ann, [bob])
    say_as(old.slug, ann)
    going = remove(old, Turns())
    next(going)
    new = opening.open_direct(ann, [bob])
    assert new.pk != old.pk
    list(going)
    assert [it.pk for it in Room.objects.filter(kind="direct")] == [new.pk]


def say_as(slug: str, user: int) -> None:
    author = Person(f"user:{user}", "Ann", "user")
    (outcome,) = commit([Write(room=slug, author=author, key="key-of-mine", done=print, text="x")], 0)
    assert not isinstance(outcome, WireError), outcome


def test_what_a_failure_left_is_removed_by_the_next_removal(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    before = retention.delete

    def fail(room: Room, numbers: list[int], turn: Any) -> int:
        if numbers[0] > 2:
            raise OperationalError("disk full")
        return before(room, numbers, turn)

    monkeypatch.setattr(retention, "delete", fail)
    with pytest.raises(OperationalError):
        list(remove(room, Turns()))
    assert Message.objects.count() == 3
    monkeypatch.setattr(retention, "delete", before)
    assert list(remove(Room.objects.get(pk=room.pk), Turns())) == [2, 1]
    assert not Room.objects.filter(pk=room.pk).exists()


def test_a_room_that_is_gone_meanwhile_is_nothing_to_remove(room: Room) -> None:
    Room.objects.filter(pk=room.pk).delete()
    assert list(remove(room, Turns())) == []
