"""A person's own rooms, as the databases have them."""

from __future__ import annotations

import contextlib

import pytest
from django.contrib.auth.models import User

from chat.models import Membership, Profile, Room
from chat.rooms import own, rights
from chat.rooms.opening import open_direct
from chat.rooms.own import Mark, Own
from tests.stores import Store, commit, store, written
from tests.test_rooms_roles import People

__all__ = ["store"]


def test_a_persons_rooms_are_those_that_they_are_a_member_of(store: Store) -> None:
    here, there = People(store), People(store, kind="members")
    ada = here.user("moderator")
    user = rights.user_of(ada)
    Membership.objects.create(room=there.room, user_id=user, role="owner", read=0)
    commit(written(here.slug), written(here.slug))
    assert own.rooms_of([user, 999_999_999]) == {
        user: {
            here.slug: Own("room", "public", "moderator", 2, 0, False),
            there.slug: Own("room", "members", "owner", 0, 0, False),
        },
        999_999_999: {},
    }
    assert own.rooms_of([]) == {} and own.marks([]) == {}
    assert own.marks([here.slug, "nowhere"]) == {here.slug: Mark(2, "room", False)}


def test_reading_only_rises_and_never_past_what_was_said(store: Store) -> None:
    people = People(store)
    user = rights.user_of(people.user("member"))
    commit(written(people.slug), written(people.slug), written(people.slug))
    for number, known in ((2, 2), (1, 2), (4, 2), (3, 3)):
        own.mark_read([(user, people.slug, number)], contextlib.nullcontext)
        assert Membership.objects.get(user=user).read == known


def test_a_rooms_row_is_as_it_is_told(store: Store) -> None:
    people = People(store)
    user = rights.user_of(people.user("owner"))
    Room.objects.filter(slug=people.slug).update(archived=True)
    assert own.rooms_of([user])[user][people.slug].told(people.slug) == {
        **{"room": people.slug, "title": "room", "kind": "public", "role": "owner"},
        **{"last": 0, "read": 0, "archived": True},
    }


def test_many_conversations_take_no_other_room_out_of_sight(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(own, "MAX_ROOMS", 3)
    people = People(store)
    ada = rights.user_of(people.user("member"))
    begun = [open_direct(ada, [rights.user_of(people.user())]).slug for _ in range(4)]
    assert list(own.rooms_of([ada])[ada]) == [people.slug, begun[3], begun[2]]


def test_a_direct_room_is_called_after_the_others_in_it_as_they_are_called_now(store: Store) -> None:
    people = People(store)
    ada, bob, cem = (rights.user_of(people.user()) for _ in range(3))
    for number, user in enumerate((ada, bob)):
        Profile.objects.create(user_id=user, name=f"Name {number}", skeleton=f"{number} of {people.slug}")
    room = open_direct(cem, [bob, ada])
    account = User.objects.get(pk=cem).username
    titles = {ada: f"Name 1, {account}", bob: f"Name 0, {account}", cem: "Name 0, Name 1"}
    found = own.rooms_of(list(titles))
    assert {user: rooms[room.slug].title for user, rooms in found.items()} == titles
    Profile.objects.filter(user=ada).update(name="Ada")
    assert own.rooms_of([cem])[cem][room.slug].title == "Ada, Name 1"
    Membership.objects.filter(room=room).exclude(user=cem).delete()
    assert own.rooms_of([cem])[cem][room.slug].title == room.title
