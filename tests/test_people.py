"""People: everybody has a name, and nobody another's."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.management import call_command
from django.db import IntegrityError
from django.test import Client

from chat import auth, people
from chat.models import Invalidation, Profile, Room
from chat.wire.codes import Error, WireError
from chat.wire.events import Person
from chat.wire.skeletons import skeleton
from tests import gone

pytestmark = pytest.mark.django_db


def named(username: str, name: str) -> User:
    user = User.objects.create(username=username)
    people.begin(user, name)
    return user


@pytest.mark.parametrize(
    ("username", "name"),
    [
        *(("ada", "ada"), ("ada@example.com", "ada@example.com"), ("Ünï", "Ünï"), ("a" * 150, "a" * 40)),
        *(("Server", "user-{}"), ("Server admin", "user-{}"), ("Ѕеrver", "user-{}"), ("ad\u200ba", "user-{}")),
        *(("   ", "user-{}"), ("\ufe0f", "user-{}"), ("serverless", "serverless")),
        *(("user-1234567", "user-{}"), ("guest-12ab", "user-{}"), ("deleted user", "user-{}"), ("\u0301", "user-{}")),
    ],
)
def test_who_has_no_profile_yet_gets_one_when_first_asked_after(username: str, name: str) -> None:
    user = User.objects.create(username=username)
    shown = name.format(user.pk)
    assert people.person_of_user(user) == Person(f"user:{user.pk}", shown, "user")
    assert Profile.objects.get().name == shown


def test_who_has_a_profile_that_was_read_with_the_user_costs_no_query(django_assert_num_queries: Any) -> None:
    named("ada", "Ada")
    user = User.objects.select_related("profile").get()
    with django_assert_num_queries(0):
        assert people.person_of_user(user).name == "Ada"


def test_a_name_that_is_somebodys_gets_a_number() -> None:
    names = [
        named(f"user{n}", wanted).profile.name for n, wanted in enumerate(["Ada", "ada", "Аda", "A" * 40, "A" * 41])
    ]
    assert names == ["Ada", "ada 2", "Аda 3", "A" * 40, "A" * 38 + " 2"]
    assert len(set(Profile.objects.values_list("skeleton", flat=True))) == 5


def test_who_took_the_name_meanwhile_keeps_it(monkeypatch: pytest.MonkeyPatch) -> None:
    named("ada", "Ada")
    seen = iter([False, True, True, False])
    monkeypatch.setattr(people, "is_shown", lambda *asked: next(seen))
    assert named("other", "Ada").profile.name == "Ada 3"


def test_users_of_commands_have_names_too() -> None:
    call_command("createsuperuser", "--noinput", "--username", "root", "--email", "root@example.com", verbosity=0)
    assert people.person_of_user(User.objects.get()).name == "root"


def test_a_name_is_taken_in_any_spelling_but_by_its_owner() -> None:
    ada = named("ada", "Ada")
    for name in ("Ada", "ADA", "Аda", "A d a"):
        assert people.is_shown(skeleton(name))
        assert not people.is_shown(skeleton(name), ada.pk)
    assert not people.is_shown(skeleton("Eda"))


def test_a_rename_is_told_to_every_process(django_capture_on_commit_callbacks: Any) -> None:
    ada = named("ada", "Ada")
    Invalidation.objects.all().delete()
    with django_capture_on_commit_callbacks(execute=True):
        people.rename(ada.profile, " Ada  Lovelace ")
    assert Profile.objects.values_list("name", "skeleton").get() == ("Ada Lovelace", skeleton("Ada Lovelace"))
    assert [row.user for row in Invalidation.objects.all()] == [ada.pk]


@pytest.mark.parametrize(
    ("name", "code"),
    [("", Error.BAD_FRAME), ("Server", Error.FORBIDDEN), ("Grace", Error.CONFLICT), ("Grасе", Error.CONFLICT)],
)
def test_a_rename_to_what_may_not_be_is_refused_and_changes_nothing(name: str, code: Error) -> None:
    named("grace", "Grace")
    ada = named("ada", "Ada")
    with pytest.raises(WireError) as caught:
        people.rename(ada.profile, name)
    assert caught.value.code is code
    assert Profile.objects.get(user=ada).name == "Ada"


def test_a_rename_that_comes_second_is_refused_by_the_database(monkeypatch: pytest.MonkeyPatch) -> None:
    named("grace", "Grace")
    ada = named("ada", "Ada")
    monkeypatch.setattr(people, "is_shown", lambda *asked: False)
    with pytest.raises(WireError, match="just now"):
        people.rename(ada.profile, "Grace")
    assert Profile.objects.get(user=ada).name == "Ada"


def test_who_is_new_has_the_main_room_among_their_own_with_nothing_unread_where_all_may_read_it() -> None:
    room = Room.objects.get(slug="lobby")
    Room.objects.filter(pk=room.pk).update(last=7)
    ada, bob = User.objects.create_user("ada"), User.objects.create_user("bob")
    people.person_of_user(ada)
    people.person_of_user(ada)
    assert [(it.role, it.read) for it in room.memberships.all()] == [("member", 7)]
    assert Room.objects.get(pk=room.pk).head == room.head + 1, "a change of membership takes an offset"
    Room.objects.filter(pk=room.pk).update(kind=Room.Kind.MEMBERS)
    people.person_of_user(bob)
    assert room.memberships.count() == 1


def test_a_new_name_is_told_to_every_process_once() -> None:
    ada = named("ada", "Ada")
    people.begin(ada, "Ada")
    assert [row.user for row in Invalidation.objects.all()] == [ada.pk]
    assert people.skeletons_of([ada.pk, ada.pk + 1]) == {skeleton("Ada")}


@pytest.mark.django_db(transaction=True)
def test_who_is_deleted_before_they_have_a_name_gets_none_and_nobody_waits_for_it() -> None:
    user = User.objects.create(username="ada")
    gone.delete(pk=user.pk)
    with pytest.raises(people.Gone):
        people.person_of_user(user)
    assert people.time_zone_of(user) == ""
    assert not Profile.objects.exists()


def test_what_the_database_refuses_for_another_reason_is_not_tried_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    tried: list[str] = []

    def make(user: User, name: str) -> Profile:
        tried.append(name)
        raise IntegrityError("the room is no more")

    monkeypatch.setattr(people, "make", make)
    with pytest.raises(IntegrityError, match="the room"):
        named("ada", "Ada")
    assert tried == ["Ada"]


def test_where_every_name_is_somebodys_an_end_is_made_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    user = User.objects.create(username="ada")
    monkeypatch.setattr(people, "is_shown", lambda *asked: True)
    with pytest.raises(IntegrityError, match="gets no name"):
        people.begin(user, "Ada")
    tried = list(people.names_like("Ada", 7))
    assert (len(tried), tried[0], tried[1], tried[-1]) == (2 * people.MOST_ALIKE, "Ada", "Ada 2", "user-7 100")


@pytest.mark.parametrize("name", ["root", "ROOT", "r o o t", "R00T"])
def test_the_username_of_an_account_that_nobody_has_seen_yet_is_not_free_but_for_its_owner(name: str) -> None:
    root = User.objects.create(username="root")
    with pytest.raises(WireError) as caught:
        people.check_free(name)
    assert caught.value.code is Error.CONFLICT
    people.check_free(name, root.pk)
    assert people.person_of_user(root).name == "root"


@pytest.fixture
def deleted_at_once(monkeypatch: pytest.MonkeyPatch, client: Client) -> Client:
    """A browser whose account is deleted while its profile is made."""

    def make(user: User, name: str) -> Profile:
        gone.delete(pk=user.pk)
        raise IntegrityError("FOREIGN KEY constraint failed")

    client.force_login(User.objects.create(username="ada"))
    monkeypatch.setattr(people, "make", make)
    return client


def test_who_is_deleted_while_a_page_is_made_is_a_guest_there(deleted_at_once: Client) -> None:
    assert deleted_at_once.get("/").status_code == 200


def test_who_is_deleted_while_their_own_page_is_made_is_asked_to_sign_in(deleted_at_once: Client) -> None:
    answer = deleted_at_once.get("/accounts/profile/")
    assert (answer.status_code, answer["Location"].split("?")[0]) == (302, "/accounts/sign-in/")


def test_who_is_deleted_while_a_token_is_issued_gets_none(deleted_at_once: Client) -> None:
    own = {"Origin": "http://testserver"}
    answer = deleted_at_once.post("/api/v1/tokens", "{}", content_type="application/json", headers=own)
    assert (answer.status_code, answer.json()["error"]["code"]) == (401, "unauthenticated")


def test_who_is_deleted_while_their_session_is_asked_after_is_nobody(deleted_at_once: Client) -> None:
    assert auth.read([str(deleted_at_once.session.session_key)]) == {}
