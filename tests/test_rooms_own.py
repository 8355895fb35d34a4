"""A person's own rooms, as the databases have them."""

from __future__ import annotations

import contextlib

from chat.models import Membership, Room
from chat.rooms import own, rights
from chat.rooms.own import Own
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
    assert own.rooms_of([]) == {} and own.lasts([]) == {}
    assert own.lasts([here.slug, "nowhere"]) == {here.slug: 2}


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
