"""Roles in the log: a change of them takes an offset, and rights are what they are in the writer's transaction."""

from __future__ import annotations

import itertools
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Group, User
from django.db.models.functions import Now

from chat.models import Invalidation, Invitation, Membership, Room
from chat.models.invitation import digest
from chat.rooms import recovery, rights
from chat.rooms.changes import Done, SetRole
from chat.rooms.permissions import Policy, Role, Standing
from chat.rooms.rights import Reader
from chat.wire.codes import WireError
from chat.wire.events import Member, Person
from tests.stores import Store, code, commit, delete, done, edit, ignore, react, store, unique, written

__all__ = ["store"]

_numbers = itertools.count(1)
GUEST = Person("guest:1", "guest-1", "guest")


class People:
    """Users with roles in one room."""

    def __init__(self, there: Store, **fields: Any) -> None:
        self.slug = there.room(**fields)
        self.room = Room.objects.get(slug=self.slug)

    def user(self, role: str = "", **fields: Any) -> Person:
        user = User.objects.create(username=f"user-{next(_numbers)}-{id(self)}", **fields)
        if role:
            Membership.objects.create(room=self.room, user=user, role=role)
        return Person(f"user:{user.pk}", user.username, "user")

    def set_role(self, author: Person, person: Person, role: Role, **fields: Any) -> SetRole:
        return SetRole(
            room=self.slug,
            author=author,
            key=unique(),
            done=ignore,
            user=rights.user_of(person),
            role=role,
            **fields,
        )

    def role(self, person: Person) -> str | None:
        rows = Membership.objects.filter(room=self.room, user=rights.user_of(person))
        return rows.values_list("role", flat=True).first()

    def digest(self, token: str) -> str:
        return digest(token + self.slug)

    def invitation(self, token: str, author: Person, hours: float = 1, **fields: Any) -> Invitation:
        return Invitation.objects.create(
            room=self.room,
            digest=self.digest(token),
            created_by_id=rights.user_of(author),
            expires_at=Now() + timedelta(hours=hours),
            **fields,
        )


@pytest.fixture
def members(store: Store) -> People:
    return People(store, kind="members")


def test_a_change_of_a_role_takes_an_offset_and_says_who_may_still_read(members: People) -> None:
    owner, ada = members.user("owner"), members.user()
    (said, came, went) = commit(
        written(members.slug, author=owner),
        members.set_role(owner, ada, Role.MODERATOR),
        members.set_role(owner, ada, Role.NONE),
    )
    epoch = members.room.epoch
    assert done(said) == (1, 1)
    assert isinstance(came, Done) and came.event == Member(ada.id, "moderator", True, 2, epoch)
    assert isinstance(went, Done) and went.event == Member(ada.id, "", False, 3, epoch)
    assert members.role(ada) is None
    assert recovery.read_head(members.slug).offset == 3  # type: ignore[union-attr]


def test_who_leaves_a_public_room_may_still_read_there(store: Store) -> None:
    people = People(store)
    ada = people.user("member")
    (went,) = commit(people.set_role(ada, ada, Role.NONE))
    assert isinstance(went, Done) and isinstance(went.event, Member) and went.event.reads


def test_a_role_that_one_has_already_takes_no_offset(members: People) -> None:
    owner, ada = members.user("owner"), members.user("member")
    (outcome,) = commit(members.set_role(owner, ada, Role.MEMBER))
    assert isinstance(outcome, Done) and outcome.event is None
    assert recovery.read_head(members.slug).offset == 0  # type: ignore[union-attr]


def test_every_process_is_told_whose_rights_have_changed(members: People) -> None:
    owner, ada = members.user("owner"), members.user()
    commit(members.set_role(owner, ada, Role.MEMBER))
    assert Invalidation.objects.filter(user=rights.user_of(ada)).count() == 1


def test_who_comes_anew_has_read_what_was_said_before(members: People) -> None:
    owner, ada = members.user("owner"), members.user()
    commit(written(members.slug, author=owner), written(members.slug, author=owner))
    commit(members.set_role(owner, ada, Role.MEMBER))
    assert Membership.objects.get(room=members.room, user=rights.user_of(ada)).read == 2


def test_what_is_said_after_a_revocation_in_the_same_group_is_refused(members: People) -> None:
    owner, ada = members.user("owner"), members.user("member")
    before, _, after = commit(
        written(members.slug, author=ada),
        members.set_role(owner, ada, Role.NONE),
        written(members.slug, author=ada),
    )
    assert (done(before), code(after)) == ((1, 1), "forbidden")


def test_what_is_said_after_an_admission_in_the_same_group_is_taken(members: People) -> None:
    owner, ada = members.user("owner"), members.user()
    before, _, after = commit(
        written(members.slug, author=ada),
        members.set_role(owner, ada, Role.MEMBER),
        written(members.slug, author=ada),
    )
    assert (code(before), done(after)) == ("forbidden", (1, 2))


@pytest.mark.parametrize(
    ("fields", "who", "said"),
    [
        ({}, "", "y"),
        ({"posting": "moderators"}, "", "forbidden"),
        ({"posting": "moderators"}, "moderator", "y"),
        ({"posting": "members"}, "", "forbidden"),
        ({"posting": "members"}, "member", "y"),
        ({"archived": True}, "owner", "forbidden"),
        ({"kind": "members"}, "", "forbidden"),
        ({"kind": "members"}, "member", "y"),
        ({"kind": "direct"}, "", "forbidden"),
    ],
    ids=str,
)
def test_the_right_to_write_is_what_the_database_says(store: Store, fields: Any, who: str, said: str) -> None:
    people = People(store, **fields)
    (outcome,) = commit(written(people.slug, author=people.user(who)))
    assert ("y" if isinstance(outcome, Done) else code(outcome)) == said


def test_guests_write_where_everybody_may_and_nowhere_else(store: Store) -> None:
    for fields, said in (
        ({}, "y"),
        ({"posting": "signed-in"}, "unauthenticated"),
        ({"guests": False}, "unauthenticated"),
    ):
        (outcome,) = commit(written(People(store, **fields).slug, author=GUEST))
        assert ("y" if isinstance(outcome, Done) else code(outcome)) == said


def test_a_closed_account_has_no_rights_where_not_everybody_has(members: People) -> None:
    ada = members.user("member", is_active=False)
    assert code(commit(written(members.slug, author=ada))[0]) == "forbidden"


def test_a_role_that_a_token_grants_is_one(members: People) -> None:
    stranger = Person("ext:42", "Eve", "user")
    refused, taken = commit(
        written(members.slug, author=stranger), written(members.slug, author=stranger, granted=Role.MEMBER)
    )
    assert (code(refused), done(taken)) == ("forbidden", (1, 1))


def test_site_moderators_moderate_every_room_but_direct_ones(store: Store) -> None:
    for kind, said in (("public", "y"), ("members", "y"), ("direct", "forbidden")):
        people = People(store, kind=kind)
        ada, warden = people.user("owner"), people.user()
        User.objects.get(pk=rights.user_of(warden)).groups.add(Group.objects.get(name="Site moderators"))
        commit(written(people.slug, author=ada))
        (outcome,) = commit(delete(people.slug, 1, author=warden))
        assert ("y" if isinstance(outcome, Done) else code(outcome)) == said


def test_a_moderator_deletes_what_others_wrote_and_edits_none_of_it(store: Store) -> None:
    people = People(store)
    ada, mod = people.user(), people.user("moderator")
    commit(written(people.slug, author=ada), written(people.slug, author=GUEST))
    outcomes = commit(
        edit(people.slug, 1, author=mod),
        delete(people.slug, 1, author=mod),
        delete(people.slug, 2, author=ada),
        delete(people.slug, 2, author=mod),
    )
    assert [code(outcomes[0]), done(outcomes[1]), code(outcomes[2]), done(outcomes[3])] == [
        *("forbidden", (1, 3), "forbidden", (2, 4))
    ]


def test_announcements_are_reacted_to_by_those_who_may_not_write(store: Store) -> None:
    people = People(store, posting="moderators")
    commit(written(people.slug, author=people.user("moderator")))
    by_user, by_guest = commit(react(people.slug, 1, author=people.user()), react(people.slug, 1, author=GUEST))
    assert (done(by_user), code(by_guest)) == ((1, 2), "unauthenticated")


def test_what_one_has_said_one_may_take_back_where_one_may_say_no_more(store: Store) -> None:
    people = People(store)
    ada = people.user()
    commit(written(people.slug, author=ada))
    Room.objects.filter(slug=people.slug).update(posting="moderators")
    refused, gone = commit(edit(people.slug, 1, author=ada), delete(people.slug, 1, author=ada))
    assert (code(refused), done(gone)) == ("forbidden", (1, 2))


def test_nobody_is_made_the_owner_of_more_rooms_than_they_may_own(
    members: People, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("chat.rooms.membership.MAX_OWNED", 1)
    owner, ada = members.user("owner"), members.user("member")
    other = Room.objects.create(slug=f"{members.slug}-other", title="Other")
    theirs = Membership.objects.create(room=other, user_id=rights.user_of(ada), role="owner")
    (refused,) = commit(members.set_role(owner, ada, Role.OWNER))
    assert (code(refused), members.role(ada)) == ("forbidden", "member")
    theirs.delete()
    (made,) = commit(members.set_role(owner, ada, Role.OWNER))
    assert isinstance(made, Done) and members.role(ada) == "owner"


def test_the_last_owner_stays_while_there_are_others(members: People) -> None:
    owner, ada = members.user("owner"), members.user("member")
    assert code(commit(members.set_role(owner, owner, Role.NONE))[0]) == "conflict"
    commit(members.set_role(owner, ada, Role.OWNER))
    assert isinstance(commit(members.set_role(owner, owner, Role.NONE))[0], Done)
    assert isinstance(commit(members.set_role(ada, ada, Role.NONE))[0], Done)


def test_a_closed_account_is_nobody_to_leave_a_room_to(members: People) -> None:
    owner, _closed, ada = members.user("owner"), members.user("owner", is_active=False), members.user("member")
    assert code(commit(members.set_role(owner, owner, Role.NONE))[0]) == "conflict"
    commit(members.set_role(owner, ada, Role.NONE))
    assert isinstance(commit(members.set_role(owner, owner, Role.NONE))[0], Done)


@pytest.mark.parametrize("was", ["member", "moderator", "owner"])
def test_a_closed_account_may_be_put_out_and_not_let_in_again(members: People, was: str) -> None:
    owner, gone = members.user("owner"), members.user(was, is_active=False)
    went, again = commit(members.set_role(owner, gone, Role.NONE), members.set_role(owner, gone, Role.MEMBER))
    assert isinstance(went, Done) and went.event == Member(gone.id, "", False, 1, members.room.epoch)
    assert code(again) == "not_found"
    assert members.role(gone) is None
    assert code(commit(members.set_role(owner, gone, Role.MEMBER))[0]) == "not_found"


def test_a_closed_account_may_become_less_and_not_more(members: People) -> None:
    owner, gone = members.user("owner"), members.user("moderator", is_active=False)
    outcomes = commit(members.set_role(owner, gone, Role.OWNER), members.set_role(owner, gone, Role.MEMBER))
    assert code(outcomes[0]) == "not_found" and isinstance(outcomes[1], Done)
    assert members.role(gone) == "member"


def test_who_may_not_put_out_others_puts_out_no_closed_account_either(members: People) -> None:
    ada, gone = members.user("member"), members.user("member", is_active=False)
    assert code(commit(members.set_role(ada, gone, Role.NONE))[0]) == "forbidden"


def test_nobody_can_be_made_a_member_who_is_not_there(members: People) -> None:
    nobody = Person("user:999999999", "Nobody", "user")
    assert code(commit(members.set_role(members.user("owner"), nobody, Role.MEMBER))[0]) == "not_found"


def test_a_volatile_rooms_roles_change_without_an_offset(store: Store) -> None:
    people = People(store, kind="members", durable=False)
    owner, ada = people.user("owner"), people.user("member")
    (outcome,) = commit(people.set_role(owner, ada, Role.NONE))
    assert isinstance(outcome, Done) and outcome.event == Member(ada.id, "", False)
    assert people.role(ada) is None


# Invitations


def test_an_invitation_lets_in_as_many_as_it_is_for(members: People) -> None:
    owner = members.user("owner")
    members.invitation("abc", owner, uses=2)
    people = [members.user() for _ in range(3)]
    outcomes = [
        commit(members.set_role(person, person, Role.MEMBER, invitation=members.digest("abc")))[0] for person in people
    ]
    assert [isinstance(it, Done) for it in outcomes] == [True, True, False]
    assert code(outcomes[2]) == "conflict" and "used already" in str(outcomes[2])


def test_who_is_in_already_uses_up_no_invitation(members: People) -> None:
    owner = members.user("owner")
    made = members.invitation("abc", owner)
    assert isinstance(commit(members.set_role(owner, owner, Role.MEMBER, invitation=members.digest("abc")))[0], Done)
    made.refresh_from_db()
    assert (made.used, members.role(owner)) == (0, "owner")


@pytest.mark.parametrize(
    ("token", "hours", "said", "words"),
    [("abc", -1, "conflict", "expired"), ("xyz", 1, "not_found", "no such invitation")],
)
def test_an_invitation_that_does_not_hold_says_why(
    members: People, token: str, hours: float, said: str, words: str
) -> None:
    members.invitation("abc", members.user("owner"), hours)
    ada = members.user()
    (outcome,) = commit(members.set_role(ada, ada, Role.MEMBER, invitation=members.digest(token)))
    assert code(outcome) == said and words in str(outcome)
    assert members.role(ada) is None


def test_an_invitation_to_an_archived_room_is_not_used_up(members: People) -> None:
    made = members.invitation("abc", members.user("owner"))
    Room.objects.filter(pk=members.room.pk).update(archived=True)
    ada = members.user()
    assert code(commit(members.set_role(ada, ada, Role.MEMBER, invitation=members.digest("abc")))[0]) == "forbidden"
    made.refresh_from_db()
    assert made.used == 0


def test_a_token_opens_no_direct_conversation(store: Store) -> None:
    people = People(store, kind="direct")
    stranger = Person("ext:42", "Eve", "user")
    assert code(commit(written(people.slug, author=stranger, granted=Role.OWNER))[0]) == "forbidden"
    reader = Reader(stranger, Role.OWNER)
    assert recovery.fill(people.slug, 0, [reader]).outsiders == {stranger.id}  # type: ignore[union-attr]
    assert rights.read(people.slug, [reader])[1] == {stranger.id: Standing()}
    with pytest.raises(WireError):
        recovery.enter(people.slug, reader)


def test_an_invitation_to_one_room_leads_into_no_other(store: Store) -> None:
    here, there = People(store, kind="members"), People(store, kind="members")
    here.invitation("abc", here.user("owner"))
    ada = there.user()
    assert code(commit(there.set_role(ada, ada, Role.MEMBER, invitation=here.digest("abc")))[0]) == "not_found"


def test_nobody_is_let_in_as_more_than_a_member(members: People) -> None:
    members.invitation("abc", members.user("owner"))
    ada = members.user()
    assert code(commit(members.set_role(ada, ada, Role.OWNER, invitation=members.digest("abc")))[0]) == "forbidden"


# Reading


def test_who_may_not_read_gets_nothing_of_the_log(members: People) -> None:
    ada, eve = members.user("member"), members.user()
    commit(written(members.slug, author=ada))
    assert recovery.recover(members.slug, None, reader=Reader(ada)).messages  # type: ignore[union-attr]
    for read in (
        lambda who: recovery.recover(members.slug, None, reader=who),
        lambda who: recovery.history(members.slug, None, None, 10, who),
        lambda who: recovery.enter(members.slug, who),
    ):
        for who, said in ((eve, "forbidden"), (GUEST, "unauthenticated")):
            with pytest.raises(Exception) as raised:
                read(Reader(who))
            assert code(raised.value) == said  # type: ignore[arg-type]


def test_filling_a_stream_tells_who_may_hear_of_it_no_more(members: People) -> None:
    ada, eve = members.user("member"), members.user()
    stranger = Person("ext:42", "Sam", "user")
    asked = [Reader(ada), Reader(eve), Reader(GUEST), Reader(stranger, Role.MEMBER)]
    assert recovery.fill(members.slug, 0, asked).outsiders == {eve.id, GUEST.id}  # type: ignore[union-attr]


def test_where_everybody_may_read_nobodys_rights_are_asked_for(store: Store, django_assert_num_queries: Any) -> None:
    people = People(store)
    ada = people.user()
    with django_assert_num_queries(2):
        recovery.fill(people.slug, 0, [Reader(ada)])


def test_a_room_and_what_people_are_in_it_are_read_together(members: People) -> None:
    mod = members.user("moderator")
    policy, standings = rights.read(members.slug, [Reader(mod), Reader(GUEST)])
    assert policy == Policy("members")
    assert standings == {mod.id: Standing(Role.MODERATOR), GUEST.id: Standing()}
    assert rights.read("no-such-room", [])[0].kind == "members"


@pytest.mark.parametrize("id", ["user:", "user:x", "guest:5", "ext:5", "user:-1", "5", "user:٣"])
def test_only_an_account_has_a_number(id: str) -> None:
    assert rights.user_of(Person(id, "", "user")) == 0
