"""Who sessions belong to."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.conf import settings
from django.contrib.auth.models import User
from django.contrib.sessions.models import Session
from django.test import Client, override_settings
from django.utils import timezone

from chat import auth
from chat.auth import Account
from chat.models import Profile
from chat.people import Gone, person_of_user
from chat.wire.events import Person
from tests import gone


def create(name: str) -> User:
    """Return a new user who has been shown already."""
    user = User.objects.create_user(name)
    person_of_user(user)
    return user


@pytest.fixture
def ada(db: None) -> User:
    return create("ada")


def signed_in(user: User) -> str:
    """Return the key of a new session."""
    client = Client()
    client.force_login(user)
    return str(client.cookies[settings.SESSION_COOKIE_NAME].value)


def test_a_session_is_its_users_person(ada: User, django_assert_num_queries: object) -> None:
    key = signed_in(ada)
    with django_assert_num_queries(2):  # type: ignore[operator]
        assert auth.read([key]) == {key: Account(ada.pk, Person(f"user:{ada.pk}", "ada", "user"))}


def test_many_sessions_are_asked_after_in_two_queries(ada: User, django_assert_num_queries: Any) -> None:
    grace = create("grace")
    keys = {signed_in(user): user.pk for user in (ada, grace, ada, grace)}
    with django_assert_num_queries(2):
        found = auth.read([*keys, "a-key-of-nobody-at-all"])
    assert {key: account.user for key, account in found.items()} == keys
    with django_assert_num_queries(1):
        assert auth.read(["a-key-of-nobody-at-all"]) == {}


def test_who_has_no_profile_gets_one(ada: User) -> None:
    Profile.objects.all().delete()
    key = signed_in(ada)
    assert auth.read([key])[key].person.name == "ada"
    assert Profile.objects.get(user=ada).name == "ada"


def test_who_has_a_profile_is_called_by_its_name(ada: User, django_assert_num_queries: Any) -> None:
    Profile.objects.update_or_create(user=ada, defaults={"name": "Ada Lovelace", "skeleton": "adalovelace"})
    key = signed_in(ada)
    with django_assert_num_queries(2):
        assert auth.read([key])[key].person.name == "Ada Lovelace"


def test_a_session_by_a_way_that_this_site_has_not_is_a_guests(ada: User) -> None:
    key = signed_in(ada)
    with override_settings(AUTHENTICATION_BACKENDS=["another.Backend"]):
        assert auth.read([key]) == {}


@pytest.mark.parametrize(
    "key", ["forged-key-that-is-long-enough", "x", "../../etc", "\u00ff" * 40, "a" * 8000, "' OR 1=1"]
)
def test_a_forged_key_is_nobodys(ada: User, key: str) -> None:
    signed_in(ada)
    assert auth.read([key]) == {}


def test_a_session_of_nobody_is_a_guests(db: None) -> None:
    client = Client()
    session = client.session
    session["theme"] = "dark"
    session.save()
    assert auth.read([str(session.session_key)]) == {}


def test_an_expired_session_is_a_guests(ada: User) -> None:
    key = signed_in(ada)
    Session.objects.update(expire_date=timezone.now() - timedelta(seconds=1))
    assert auth.read([key]) == {}


def test_who_signed_out_is_a_guest(ada: User) -> None:
    client = Client()
    client.force_login(ada)
    key = str(client.cookies[settings.SESSION_COOKIE_NAME].value)
    client.logout()
    assert auth.read([key]) == {}


def test_an_account_that_is_closed_or_gone_is_a_guests(ada: User) -> None:
    key = signed_in(ada)
    User.objects.update(is_active=False)
    assert auth.read([key]) == {}
    User.objects.update(is_active=True)
    assert auth.read([key])
    gone.delete(pk=ada.pk)
    assert auth.read([key]) == {}


def test_a_changed_password_ends_the_sessions_before_it(ada: User) -> None:
    key = signed_in(ada)
    ada.set_password("another long and good one")
    ada.save()
    assert auth.read([key]) == {}


def test_a_session_whose_data_was_tampered_with_is_a_guests(ada: User) -> None:
    key = signed_in(ada)
    Session.objects.update(session_data="eyJfYXV0aF91c2VyX2lkIjoiMSJ9:forged:signature")
    assert auth.read([key]) == {}


def test_who_is_deleted_while_they_are_asked_after_is_a_guest_and_the_others_are_who_they_are(
    ada: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    grace = create("grace")
    keys = {user: signed_in(user) for user in (ada, grace)}

    def person_of(user: User) -> Person:
        if user == ada:
            raise Gone(f"user {user.pk}")
        return person_of_user(user)

    monkeypatch.setattr(auth, "person_of_user", person_of)
    assert list(auth.read(list(keys.values()))) == [keys[grace]]
