"""People in the admin: who may change whom, and that to delete is to erase."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable
from typing import Any

import pytest
from django.conf import settings
from django.contrib.admin import site
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Group, Permission, User
from django.core.exceptions import SuspiciousOperation
from django.db import connection, transaction
from django.db.models import ProtectedError
from django.test import Client, RequestFactory

from chat import own_data, people
from chat.models import Erased, Message, Room
from chat.rooms.rows import INSERT

pytestmark = pytest.mark.django_db

OLD, NEW = "the old and good one", "another good and long one"
RIGHTS = {
    "superuser": None,
    "everything": ["add_user", "change_user", "delete_user", "view_user", "change_group", "delete_group", "add_group"],
    "view and change": ["view_user", "change_user"],
    "view": ["view_user"],
}
# What makes an account one that staff leaves alone; those who may all be changed are last.
POWERS: dict[str, Callable[[User], object]] = {
    "superuser": lambda user: User.objects.filter(pk=user.pk).update(is_superuser=True),
    "staff": lambda user: User.objects.filter(pk=user.pk).update(is_staff=True),
    "closed staff": lambda user: User.objects.filter(pk=user.pk).update(is_staff=True, is_active=False),
    "in a group": lambda user: user.groups.add(Group.objects.get(name="Site moderators")),
    "with a permission": lambda user: user.user_permissions.add(Permission.objects.get(codename="change_room")),
    "nobody more": lambda user: None,
}
# Each with what it asks for, and what is seen of it once it is done.
ACTIONS: dict[str, tuple[str, dict[str, object], Callable[[User], bool]]] = {
    "mail address": ("{}/change/", {"username": "ada", "email": "clerk@example.com", "is_active": "on"},
                     lambda user: user.email == "clerk@example.com"),
    "username": ("{}/change/", {"username": "eve", "is_active": "on"}, lambda user: user.username == "eve"),
    "closing": ("{}/change/", {"username": "ada"}, lambda user: not user.is_active),
    "the name shown": ("{}/change/", {"username": "ada", "is_active": "on", "profile-0-name": "Eve"},
                       lambda user: user.profile.name == "Eve"),
    "password": ("{}/password/", {"password1": NEW, "password2": NEW, "usable_password": "true"},
                 lambda user: user.check_password(NEW)),
    "no password": ("{}/password/", {"usable_password": "false", "unset-password": "x"},
                    lambda user: not user.has_usable_password()),
    "erasing": ("{}/delete/", {"post": "yes", "messages": "keep"}, lambda user: user.pk is None),
    "erasing from the list": ("", {"action": "delete_selected", "_selected_action": "{}", "post": "yes",
                                   "messages": "keep"}, lambda user: user.pk is None),
}  # fmt: skip


@pytest.fixture(autouse=True)
def fast(settings: Any) -> None:
    settings.PASSWORD_HASHERS = ["tests.hashing.Fast"]


# An account that is closed already is closed by nobody.
MATRIX = [case for case in itertools.product(RIGHTS, POWERS, ACTIONS) if case[1:] != ("closed staff", "closing")]


def somebody(client: Client, rights: str) -> User:
    """Sign in staff with these rights."""
    user = User.objects.create_user("clerk", password=OLD, is_staff=True, is_superuser=RIGHTS[rights] is None)
    user.user_permissions.set(Permission.objects.filter(codename__in=[*(RIGHTS[rights] or []), "change_profile"]))
    client.force_login(user)
    return user


def ada() -> User:
    user = User.objects.create_user("ada", "ada@example.com", OLD)
    people.begin(user, "Ada L")
    return user


def is_done(client: Client, user: User, action: str) -> bool:
    path, data, seen = ACTIONS[action]
    inline = {"profile-TOTAL_FORMS": 1, "profile-INITIAL_FORMS": 1, "profile-0-user": user.pk, "profile-0-colour": 0}
    inline |= {"profile-0-id": user.profile.pk, "profile-0-name": "Ada L"}
    filled = {name: str(value).format(user.pk) for name, value in {**inline, **data}.items()}
    client.get(f"/admin/auth/user/{path.format(user.pk)}")
    answer = client.post(f"/admin/auth/user/{path.format(user.pk)}", filled)
    assert answer.status_code in (200, 302, 403)
    return seen(User.objects.filter(pk=user.pk).select_related("profile").first() or User())


@pytest.mark.parametrize(("rights", "power", "action"), MATRIX)
def test_who_may_do_what_to_whom(client: Client, rights: str, power: str, action: str) -> None:
    somebody(client, rights)
    if action.startswith("erasing"):
        action_right = rights in ("superuser", "everything")
    else:
        action_right = rights != "view"
    user = ada()
    POWERS[power](user)
    may = action_right and (rights == "superuser" or power == "nobody more")
    assert is_done(client, user, action) is may


@pytest.mark.parametrize("path", ["{}/password/", "{}/delete/"])
@pytest.mark.parametrize("power", ["superuser", "staff", "in a group", "with a permission"])
def test_staff_does_not_even_see_the_form(client: Client, power: str, path: str) -> None:
    somebody(client, "everything")
    user = ada()
    POWERS[power](user)
    assert client.get(f"/admin/auth/user/{path.format(user.pk)}").status_code == 403
    found = client.get(f"/admin/auth/user/{user.pk}/change/").content.decode()
    assert "ada@example.com" in found and 'name="email"' not in found


def test_staff_changes_its_own_account_and_gives_itself_nothing(client: Client) -> None:
    user = somebody(client, "everything")
    people.begin(user, "Clerk")
    form = {"username": "clerk", "email": "new@example.com", "is_active": "on", "is_superuser": "on"}
    form |= {"profile-TOTAL_FORMS": "1", "profile-INITIAL_FORMS": "1", "profile-0-user": str(user.pk)}
    form |= {"profile-0-id": str(user.profile.pk), "profile-0-name": "Clerk", "profile-0-colour": "0"}
    assert client.post(f"/admin/auth/user/{user.pk}/change/", form).status_code == 302
    user.refresh_from_db()
    assert (user.email, user.is_superuser, user.is_staff) == ("new@example.com", False, True)
    assert client.post(f"/admin/auth/user/{user.pk}/delete/", {"post": "yes", "messages": "keep"}).status_code == 403


@pytest.mark.parametrize(("path", "data"), [
    ("{}/change/", {"name": "Foes"}), ("{}/delete/", {"post": "yes"}),
    ("", {"action": "delete_selected", "_selected_action": "{}", "post": "yes"}),
])  # fmt: skip
def test_groups_that_are_there_are_the_superusers(client: Client, path: str, data: dict[str, str]) -> None:
    somebody(client, "everything")
    group = Group.objects.create(name="Friends")
    filled = {name: value.format(group.pk) for name, value in data.items()}
    client.post(f"/admin/auth/group/{path.format(group.pk)}", filled)
    assert Group.objects.get(pk=group.pk).name == "Friends"


# Erasing


def says(user: User, count: int) -> Room:
    room = Room.objects.get(slug="lobby")
    rows = [
        [room.pk, number, number, f"key-{number}", "c", f"user:{user.pk}", "Ada L", "user", "", f"text {number}"]
        + [None, 0, None, False, None, ""]
        for number in range(1, count + 1)
    ]
    with connection.cursor() as cursor:
        cursor.executemany(INSERT, rows)
    Room.objects.filter(pk=room.pk).update(head=count, last=count)
    return room


def shown(room: Room) -> set[tuple[str, bool]]:
    return {(it.name, it.text is None) for it in Message.objects.filter(room=room)}


# What is no confirmation; of the list's form as of the page's.
UNCONFIRMED: list[dict[str, str]] = [
    {"x": "1"}, {"messages": "bogus"}, {"messages": "keep"}, {"messages": "remove"}, {"post": ""}, {"_popup": "1"},
    {"post": "", "messages": "keep"}, {"post": "yes"}, {"post": "yes", "messages": ""},
    {"post": "yes", "messages": "Keep"}, {"post": "yes", "messages": "keep,remove"},
]  # fmt: skip
WAYS: dict[str, Callable[[User], tuple[str, dict[str, str]]]] = {
    "by its page": lambda user: (f"{user.pk}/delete/", {"post": "yes"}),
    "by the list": lambda user: ("", {"action": "delete_selected", "_selected_action": str(user.pk), "post": "yes"}),
}


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("choice", ["keep", "remove"])
def test_to_delete_somebody_is_to_erase_them(client: Client, way: str, choice: str) -> None:
    somebody(client, "superuser")
    user = ada()
    room = says(user, 3)
    path, data = WAYS[way](user)
    asked = {name: value for name, value in data.items() if name != "post"}
    page = client.post(f"/admin/auth/user/{path}", asked) if asked else client.get(f"/admin/auth/user/{path}")
    found = page.content.decode()
    assert re.findall(r"<li>Messages: (\d+)</li>", found) == ["3"]
    assert re.findall(r'name="messages" value="(\w+)" required', found) == ["keep", "remove"]
    for wrong in ({}, {"messages": "other"}):
        answer = client.post(f"/admin/auth/user/{path}", {**data, **wrong})
        assert answer.status_code == 200 and "choose what becomes of the messages" in answer.content.decode()
        assert User.objects.filter(pk=user.pk).exists()
    assert client.post(f"/admin/auth/user/{path}", {**data, "messages": choice}).status_code == 302
    assert not User.objects.filter(pk=user.pk).exists()
    assert shown(room) == {("deleted user", choice == "remove")}
    assert Erased.objects.filter(user=user.pk).exists()


@pytest.mark.parametrize("data", UNCONFIRMED)
@pytest.mark.parametrize("action", [{}, {"action": "delete_selected"}, {"action": ""}])
@pytest.mark.parametrize("way", WAYS)
def test_nobody_is_erased_without_the_confirmation(
    client: Client, way: str, action: dict[str, str], data: dict[str, str]
) -> None:
    somebody(client, "superuser")
    user = ada()
    room = says(user, 1)
    path, asked = WAYS[way](user)
    asked = {name: value for name, value in asked.items() if name != "post"}
    answer = client.post(f"/admin/auth/user/{path}", {**action, **asked, **data})
    found = answer.content.decode()
    assert answer.status_code == 200 and 'name="messages" value="keep" required' in found
    assert ("choose what becomes of the messages" in found) is bool(data.get("post"))
    assert User.objects.filter(pk=user.pk, is_active=True).exists()
    assert shown(room) == {("Ada L", False)}
    assert not LogEntry.objects.exists()


@pytest.mark.parametrize("chosen", [{}, {"messages": "bogus"}, {"messages": ""}])
def test_what_becomes_of_messages_is_never_guessed(rf: RequestFactory, chosen: dict[str, str]) -> None:
    user = ada()
    with pytest.raises(SuspiciousOperation):
        site.get_model_admin(User).delete_model(rf.post("/", chosen), user)
    assert User.objects.filter(pk=user.pk, is_active=True).exists()


# An account that is being erased


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("rights", ["superuser", "everything"])
@pytest.mark.parametrize("action", [name for name in ACTIONS if not name.startswith("erasing")])
def test_an_account_that_is_being_erased_is_opened_by_nobody(client: Client, rights: str, action: str) -> None:
    somebody(client, rights)
    user = ada()
    own_data.close(user, settings.TURN)
    path, data, _ = ACTIONS[action]
    before = User.objects.filter(pk=user.pk).values().get()
    filled = {**data, "profile-TOTAL_FORMS": 0, "profile-INITIAL_FORMS": 0}
    assert client.post(f"/admin/auth/user/{path.format(user.pk)}", filled).status_code == 403
    assert User.objects.filter(pk=user.pk).values().get() == before
    assert client.get(f"/admin/auth/user/{user.pk}/delete/").status_code == 200, "it may be tried again"


def erased(user: User) -> None:
    own_data.erase(user, settings.TURN, lambda *told: None, keep=True)


# What another does to an account while a new password of it is hashed.
MEANWHILE: dict[str, Callable[[User], object]] = {
    "erased": erased,
    "closed to be erased": lambda user: own_data.close(user, settings.TURN),
    "made staff": POWERS["staff"],
}


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("meanwhile", MEANWHILE)
@pytest.mark.parametrize("action", ["password", "no password"])
def test_no_password_is_written_to_an_account_that_is_another_meanwhile(
    client: Client, monkeypatch: pytest.MonkeyPatch, meanwhile: str, action: str
) -> None:
    somebody(client, "everything")
    user = ada()
    name = "set_password" if action == "password" else "set_unusable_password"
    passed = getattr(User, name)

    def slow(self: User, *args: Any) -> None:
        assert not connection.in_atomic_block, "others would wait"
        passed(self, *args)
        MEANWHILE[meanwhile](User.objects.get(pk=user.pk))

    monkeypatch.setattr(User, name, slow)
    path, data, _ = ACTIONS[action]
    assert client.post(f"/admin/auth/user/{path.format(user.pk)}", data).status_code == 403
    there = User.objects.filter(pk=user.pk).first()
    assert there is None if meanwhile == "erased" else there is not None and there.password == user.password


@pytest.mark.django_db(transaction=True)
def test_a_new_accounts_password_is_hashed_once_and_before_the_transaction(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    somebody(client, "everything")
    passed, hashed = User.set_password, []

    def slow(self: User, raw: str | None) -> None:
        hashed.append(raw)
        assert not connection.in_atomic_block, "others would wait"
        passed(self, raw)

    monkeypatch.setattr(User, "set_password", slow)
    data = {"username": "eve", "password1": NEW, "password2": NEW, "usable_password": "true"}
    assert client.post("/admin/auth/user/add/", {**data, "password2": OLD}).status_code == 200
    assert hashed == []
    assert client.post("/admin/auth/user/add/", data).status_code == 302
    assert hashed == [NEW] and User.objects.get(username="eve").check_password(NEW)
    assert client.post("/admin/auth/user/add/", {"username": "fay", "usable_password": "false"}).status_code == 302
    assert not User.objects.get(username="fay").has_usable_password()


@pytest.mark.django_db(transaction=True)
def test_several_are_erased_at_once_and_the_last_administrator_is_kept(client: Client) -> None:
    clerk = somebody(client, "superuser")
    one, other = User.objects.create_user("one"), User.objects.create_user("other")
    data = {"action": "delete_selected", "post": "yes", "messages": "keep"}
    answer = client.post("/admin/auth/user/", {**data, "_selected_action": [one.pk, clerk.pk]})
    assert "This is the only administrator" in answer.content.decode()
    assert User.objects.count() == 3
    client.post("/admin/auth/user/", {**data, "_selected_action": [one.pk, other.pk]})
    assert [it.username for it in User.objects.all()] == ["clerk"]


@pytest.mark.parametrize(
    "delete", [lambda user: user.delete(), lambda user: User.objects.filter(pk=user.pk).delete(),
               lambda user: User.objects.all().delete()]
)  # fmt: skip
def test_no_other_way_of_djangos_deletes_an_account_that_is_not_erased(delete: Callable[[User], object]) -> None:
    user = ada()
    with pytest.raises(ProtectedError, match="manage.py erase_person"), transaction.atomic():
        delete(user)
    assert User.objects.filter(pk=user.pk).exists()


@pytest.mark.parametrize("words", ["Ada L", "ada l", "ada@example", "ada"])
def test_somebody_is_found_by_the_name_that_others_see(client: Client, words: str) -> None:
    somebody(client, "view")
    ada()
    User.objects.create_user("bob")
    found = client.get("/admin/auth/user/", {"q": words}).content.decode()
    assert "Ada L" in found and "bob" not in found
