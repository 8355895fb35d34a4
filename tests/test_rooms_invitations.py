"""Invitations: whom a link lets into a room, and until when."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.contrib.auth.models import Group, User
from django.db.models.functions import Now

from chat.models import Invitation, PutOut
from chat.rooms import invitations, rights
from chat.rooms.changes import Done, SetRole
from chat.rooms.permissions import SITE_MODERATORS, Role
from chat.wire.events import Person
from tests.stores import Store, code, commit, store
from tests.test_rooms_roles import People

__all__ = ["store"]


@pytest.fixture
def members(store: Store) -> People:
    return People(store, kind="members")


def account(person: Person) -> User:
    return User.objects.get(pk=rights.user_of(person))


def taken(people: People, person: Person, token: str = "abc") -> SetRole:
    """Somebody's wish to come in by a link."""
    return people.set_role(person, person, Role.MEMBER, invitation=people.digest(token))


# Being put out


def test_who_was_put_out_comes_back_by_no_link_that_was_made_before(members: People) -> None:
    owner, eve, bob = members.user("owner"), members.user(), members.user()
    members.invitation("abc", owner, uses=9), members.invitation("xyz", owner, uses=9)
    commit(taken(members, eve), members.set_role(owner, eve, Role.NONE))
    for token in ("abc", "xyz"):
        (outcome,) = commit(taken(members, eve, token))
        assert code(outcome) == "forbidden" and str(outcome) == invitations.PUT_OUT
    assert members.role(eve) is None
    assert Invitation.objects.get(digest=members.digest("abc")).used == 1
    assert isinstance(commit(taken(members, bob))[0], Done)
    members.invitation("new", owner)
    assert isinstance(commit(taken(members, eve, "new"))[0], Done)


def test_who_is_put_out_in_the_same_group_does_not_come_back_either(members: People) -> None:
    owner, eve = members.user("owner"), members.user("member")
    members.invitation("abc", owner, uses=9)
    _, outcome = commit(members.set_role(owner, eve, Role.NONE), taken(members, eve))
    assert code(outcome) == "forbidden"


def test_whom_a_moderator_lets_in_again_may_use_links_again(members: People) -> None:
    owner, eve = members.user("owner"), members.user("member")
    members.invitation("abc", owner, uses=9)
    commit(members.set_role(owner, eve, Role.NONE), members.set_role(owner, eve, Role.MEMBER))
    commit(members.set_role(eve, eve, Role.NONE))
    assert isinstance(commit(taken(members, eve))[0], Done)
    assert not PutOut.objects.filter(room=members.room).exists()


def test_who_left_by_themselves_may_come_back(members: People) -> None:
    owner, ada = members.user("owner"), members.user("member")
    members.invitation("abc", owner)
    commit(members.set_role(ada, ada, Role.NONE))
    assert isinstance(commit(taken(members, ada))[0], Done)


def test_who_was_not_put_out_after_all_is_not_remembered(members: People) -> None:
    owner = members.user("owner")
    members.user("member"), members.invitation("abc", owner)
    site = members.user()
    account(site).groups.add(Group.objects.get(name=SITE_MODERATORS))
    (refused,) = commit(members.set_role(site, owner, Role.NONE))
    assert code(refused) == "conflict"
    assert not PutOut.objects.filter(room=members.room).exists()


def test_where_there_is_no_invitation_nothing_has_to_be_remembered(members: People) -> None:
    owner, eve = members.user("owner"), members.user("member")
    commit(members.set_role(owner, eve, Role.NONE))
    assert not PutOut.objects.filter(room=members.room).exists()


# Whoever made it


@pytest.mark.parametrize("role", [Role.MEMBER, Role.NONE], ids=str)
def test_the_links_of_who_moderates_no_more_are_withdrawn_for_good(members: People, role: Role) -> None:
    owner, mod, ada = members.user("owner"), members.user("moderator"), members.user()
    members.invitation("abc", mod), members.invitation("xyz", owner)
    _, in_the_same_group = commit(members.set_role(owner, mod, role), taken(members, ada))
    commit(members.set_role(owner, mod, Role.MODERATOR))
    for outcome in (in_the_same_group, *commit(taken(members, ada))):
        assert code(outcome) == "not_found" and "may have been withdrawn" in str(outcome)
    assert isinstance(commit(taken(members, ada, "xyz"))[0], Done)


def test_a_moderator_who_leaves_takes_their_links_along(members: People) -> None:
    members.user("owner")
    mod = members.user("moderator")
    members.invitation("abc", mod)
    commit(members.set_role(mod, mod, Role.NONE))
    assert not Invitation.objects.filter(room=members.room).exists()


def test_an_owner_who_only_moderates_from_now_on_keeps_their_links(members: People) -> None:
    owner, other, ada = members.user("owner"), members.user("owner"), members.user()
    members.invitation("abc", other)
    commit(members.set_role(owner, other, Role.MODERATOR))
    assert isinstance(commit(taken(members, ada))[0], Done)


def close(user: User) -> None:
    User.objects.filter(pk=user.pk).update(is_active=False)


def leave_site_moderators(user: User) -> None:
    user.groups.clear()


def write_past_the_log(user: User) -> None:
    user.memberships.update(role="member")  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("role", "lose"),
    [("owner", close), ("", leave_site_moderators), ("moderator", write_past_the_log)],
    ids=["a closed account", "a site moderator no more", "by a shell"],
)
def test_a_link_holds_while_whoever_made_it_moderates(members: People, role: str, lose: Callable[[User], None]) -> None:
    mod, ada, bob = members.user(role), members.user(), members.user()
    if not role:
        account(mod).groups.add(Group.objects.get(name=SITE_MODERATORS))
    members.invitation("abc", mod, uses=9)
    assert isinstance(commit(taken(members, ada))[0], Done)
    lose(account(mod))
    (outcome,) = commit(taken(members, bob))
    assert code(outcome) == "not_found" and members.role(bob) is None


# Ended ones


def test_an_invitation_that_has_ended_is_kept_for_ninety_days(members: People) -> None:
    owner = members.user("owner")
    for token, days in (("old", 91), ("newer", 89), ("live", -1)):
        members.invitation(token, owner)
        Invitation.objects.filter(digest=members.digest(token)).update(expires_at=Now() - timedelta(days=days))
    invitations.sweep(members.room)
    kept = Invitation.objects.filter(room=members.room).order_by("pk").values_list("digest", flat=True)
    assert list(kept) == [members.digest("newer"), members.digest("live")]


def test_an_invitation_is_live_or_has_ended(members: People) -> None:
    owner = members.user("owner")
    live = members.invitation("live", owner, uses=2, used=1)
    used = members.invitation("used", owner, uses=2, used=2)
    expired = members.invitation("expired", owner, hours=-1)
    assert list(invitations.live(members.room)) == [live]
    assert {row.pk for row in invitations.ended(members.room)} == {used.pk, expired.pk}
