"""Rooms that people make, and conversations that they begin."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path

import pytest
from django.apps import apps
from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.auth.models import User
from django.contrib.contenttypes.models import ContentType

from chat import migrations
from chat.models import Invalidation, Membership, Profile, Room
from chat.rooms import opening, own
from chat.rooms.opening import Wanted, open_direct, open_room, party_of
from chat.rooms.titles import counted_names, title_for
from chat.wire.codes import Error, WireError

pytestmark = pytest.mark.django_db


def user(name: str, **fields: object) -> int:
    """Make an account whose display name is the account's, with a capital."""
    made = User.objects.create(username=name, **fields)
    Profile.objects.create(user=made, name=name.capitalize(), skeleton=name)
    return made.pk


def users(*names: str) -> list[int]:
    return [user(name) for name in names]


def refused(error: pytest.ExceptionInfo[WireError]) -> tuple[Error, str]:
    return error.value.code, error.value.message


def test_a_new_room_is_its_makers_own_and_they_hear_of_it() -> None:
    ada = user("ada")
    room = open_room(ada, Wanted(slug="tea", title="Tea", topic="Leaves", kind="members", guests=False))
    assert (room.title, room.topic, room.kind, room.posting, room.guests) == (
        *("Tea", "Leaves", "members", "everyone", False),
    )
    assert list(room.memberships.values_list("user", "role", "read")) == [(ada, "owner", 0)]
    assert list(Invalidation.objects.values_list("user", flat=True)) == [ada]


@pytest.mark.parametrize("slug", ["lobby", "new"])
def test_an_address_that_leads_elsewhere_is_refused(slug: str) -> None:
    before = Room.objects.count()
    with pytest.raises(WireError) as error:
        open_room(user("ada"), Wanted(slug=slug, title="Mine"))
    assert refused(error) == (
        Error.CONFLICT,
        f"/rooms/{slug} is taken: expected an address that no other room has.",
    )
    assert (Room.objects.count(), Membership.objects.count()) == (before, 0)


def test_somebody_who_was_faster_is_told_as_taken_too(monkeypatch: pytest.MonkeyPatch) -> None:
    checks: list[str] = []
    real = opening.check_free

    def blind_at_first(slug: str) -> None:
        checks.append(slug)
        if len(checks) > 1:
            real(slug)

    monkeypatch.setattr(opening, "check_free", blind_at_first)
    with pytest.raises(WireError, match="/rooms/lobby is taken"):
        open_room(user("ada"), Wanted(slug="lobby", title="Mine"))
    assert checks == ["lobby", "lobby"]


def test_nobody_fills_the_list_by_a_script(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("chat.rooms.membership.MAX_OWNED", 2)
    ada = user("ada")
    for slug in ("one", "two"):
        open_room(ada, Wanted(slug=slug, title=slug))
    with pytest.raises(WireError) as error:
        open_room(ada, Wanted(slug="three", title="three"))
    assert refused(error) == (Error.FORBIDDEN, "Expected at most 2 rooms of one owner: hand one over first.")
    assert open_room(user("bob"), Wanted(slug="three", title="three")).slug == "three"


def test_the_same_people_always_meet_in_the_same_room() -> None:
    ada, bob, cem = users("ada", "bob", "cem")
    room = open_direct(ada, [bob])
    assert (room.kind, room.guests, room.title) == ("direct", False, "Direct conversation")
    assert room.slug.startswith("direct-")
    assert sorted(room.memberships.values_list("user", "role")) == [(ada, "member"), (bob, "member")]
    for who, others in ((bob, [ada]), (ada, [bob, bob]), (ada, [ada, bob])):
        assert open_direct(who, others) == room
    assert open_direct(ada, [bob, cem]) != room
    assert set(Invalidation.objects.values_list("user", flat=True)) == {ada, bob, cem}


def test_a_party_is_a_set() -> None:
    assert party_of([3, 1, 2]) == party_of([1, 2, 3, 3])
    assert len({party_of([1, 23]), party_of([12, 3]), party_of([1, 2, 3]), party_of([123])}) == 4


def test_who_has_left_a_conversation_is_in_it_again_and_has_read_what_was_said() -> None:
    ada, bob = users("ada", "bob")
    room = open_direct(ada, [bob])
    Room.objects.filter(pk=room.pk).update(last=7)
    Membership.objects.filter(user=bob).delete()
    Invalidation.objects.all().delete()
    head = Room.objects.get(pk=room.pk).head
    assert open_direct(ada, [bob]) == room
    assert Room.objects.get(pk=room.pk).head == head + 1
    assert open_direct(ada, [bob]) == room
    assert Room.objects.get(pk=room.pk).head == head + 1
    assert Membership.objects.get(user=bob).read == 7
    assert Membership.objects.get(user=ada).read == 0
    assert list(Invalidation.objects.values_list("user", flat=True)) == [bob]


def test_conversations_with_oneself_with_too_many_and_with_nobody_known_are_refused() -> None:
    ada = user("ada")
    gone = user("gone", is_active=False)
    many = [user(f"user{number}") for number in range(20)]
    table = [
        ([], Error.BAD_FRAME, "Expected at least one other person, got none."),
        ([ada], Error.BAD_FRAME, "Expected at least one other person, got none."),
        (
            many,
            Error.BAD_FRAME,
            "Expected at most 20 people with yourself, got 21: make a room for so many.",
        ),
        ([gone], Error.NOT_FOUND, "Somebody of these has no account here any more: choose again."),
        ([999_999_999], Error.NOT_FOUND, "Somebody of these has no account here any more: choose again."),
    ]
    for others, code, sentence in table:
        with pytest.raises(WireError) as error:
            open_direct(ada, others)
        assert refused(error) == (code, sentence)
    assert not Room.objects.filter(kind="direct").exists()
    assert open_direct(ada, many[:19]).memberships.count() == 20


def test_a_conversation_is_called_after_the_others_in_it() -> None:
    ada, bob, cem = users("ada", "bob", "cem")
    User.objects.create(username="plain")
    plain = User.objects.get(username="plain").pk
    room = open_direct(ada, [bob, plain])
    pair = open_direct(cem, [ada])
    table = {ada: ["Bob, plain", "Cem"], bob: ["Ada, plain"], plain: ["Ada, Bob"], cem: ["Ada"]}
    for who, titles in table.items():
        mine = own.rooms_of([who])[who]
        assert [mine[it.slug].title for it in (room, pair) if it.slug in mine] == titles
        assert [title_for(it, who) for it in (room, pair) if it.slug in mine] == titles
    Membership.objects.filter(room=pair, user=ada).delete()
    assert title_for(pair, cem) == own.rooms_of([cem])[cem][pair.slug].title == "Direct conversation"


def test_a_conversation_is_called_after_the_others_by_the_names_that_they_have_now() -> None:
    ada, bob = users("ada", "bob")
    room = open_direct(ada, [bob])
    Profile.objects.filter(user=bob).update(name="Robert")
    room.refresh_from_db()
    assert title_for(room, ada) == own.rooms_of([ada])[ada][room.slug].title == "Robert"
    assert "Bob" not in room.title


def test_titles_of_older_conversations_lose_their_names_and_so_does_the_admins_history() -> None:
    ada, bob = users("ada", "bob")
    room, tea = open_direct(ada, [bob]), Room.objects.create(slug="tea", title="Tea")
    Room.objects.filter(pk=room.pk).update(title="Ada and Bob")
    kind = ContentType.objects.get_for_model(Room)
    for row, name in ((room, "Ada and Bob"), (tea, "Tea")):
        LogEntry.objects.create(
            user_id=ada, content_type=kind, object_id=str(row.pk), object_repr=name, action_flag=CHANGE
        )
    (path,) = Path(migrations.__path__[0]).glob("*_leaving.py")
    import_module(f"chat.migrations.{path.stem}").take_names_away(apps, None)
    assert dict(Room.objects.exclude(slug="lobby").values_list("pk", "title")) == {
        room.pk: "Direct conversation",
        tea.pk: "Tea",
    }
    assert list(LogEntry.objects.order_by("pk").values_list("object_repr", flat=True)) == ["Direct conversation", "Tea"]


@pytest.mark.parametrize(
    ("names", "shown"),
    [
        (["a"], "a"),
        (["a", "b"], "a and b"),
        (["a", "b", "c", "d"], "a, b, c and d"),
        (["a", "b", "c", "d", "e"], "a, b, c and 2 others"),
    ],
)
def test_of_many_names_the_first_are_told(names: list[str], shown: str) -> None:
    assert counted_names(names) == shown
