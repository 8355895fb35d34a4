"""The admin's forms: they work, and refuse what makes no sense."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Group, Permission, User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from chat import people
from chat.models import AllowedOrigin, Broadcast, Invitation, Membership, Message, Process, Room
from chat.rooms import retention
from chat.rooms.opening import open_direct
from chat.rooms.rows import INSERT
from tests.saying import Turns

pytestmark = pytest.mark.django_db


@pytest.fixture
def operator(client: Client) -> Client:
    client.force_login(User.objects.create(username="op", is_staff=True, is_superuser=True))
    return client


def page(client: Client, path: str) -> str:
    answer = client.get(f"/admin/{path}")
    assert answer.status_code == 200, answer
    return answer.content.decode()


def form(**fields: object) -> dict[str, object]:
    room = Room.objects.get(slug="lobby")
    return {"name": "News", "room": room.pk, "template": "It is {time}", "interval": 10, "time_zone": "", **fields}


@pytest.mark.parametrize(
    "path",
    [
        *("", "chat/", "chat/room/", "chat/room/add/", "chat/room/?q=lobby", "chat/broadcast/", "chat/broadcast/add/"),
        *("chat/broadcast/?q=lobby", "chat/allowedorigin/", "chat/allowedorigin/add/", "chat/allowedorigin/?q=x"),
        *("chat/process/", "auth/user/", "auth/user/add/", "auth/group/add/"),
    ],
)
def test_every_page_opens_for_an_operator_and_holds_nothing_inline(operator: Client, path: str) -> None:
    found = page(operator, path)
    assert "<style" not in found
    assert "style=" not in found
    assert "javascript:" not in found
    assert all("src=" in tag for tag in re.findall(r"<script[^>]*>", found))


def test_a_stranger_is_sent_to_sign_in(client: Client) -> None:
    assert client.get("/admin/chat/broadcast/").status_code == 302


def test_the_list_shows_the_reference_broadcast(operator: Client) -> None:
    found = page(operator, "chat/broadcast/")
    assert "Time" in found
    assert "Lobby" in found


def test_a_broadcast_is_added_changed_and_switched_off(operator: Client) -> None:
    assert operator.post("/admin/chat/broadcast/add/", form(enabled="on")).status_code == 302
    made = Broadcast.objects.get(name="News")
    assert made.enabled
    assert operator.post(f"/admin/chat/broadcast/{made.pk}/change/", form(interval=60)).status_code == 302
    made.refresh_from_db()
    assert (made.interval, made.enabled) == (60, False)


def test_the_last_tick_is_shown_and_cannot_be_set(operator: Client) -> None:
    operator.post("/admin/chat/broadcast/add/", form(last_due_0="2030-01-01", last_due_1="00:00:00"))
    made = Broadcast.objects.get(name="News")
    assert made.last_due is None
    assert "Last due" in page(operator, f"chat/broadcast/{made.pk}/change/")


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"template": "It is {tiem}"}, "{tiem} came"),
        ({"template": ""}, "This field is required"),
        ({"template": "x" * 1001}, "1000"),
        ({"interval": 0}, "greater than or equal to 1"),
        ({"interval": 86_401}, "less than or equal to 86400"),
        ({"interval": "1.5"}, "whole number"),
        ({"time_zone": "Mars/Olympus"}, "Expected a name of the time zone database"),
        ({"name": "Time"}, "already exists"),
    ],
)
def test_what_makes_no_sense_is_refused_with_a_sentence(operator: Client, fields: dict[str, object], says: str) -> None:
    answer = operator.post("/admin/chat/broadcast/add/", form(**fields))
    assert answer.status_code == 200
    assert says in answer.content.decode()
    assert Broadcast.objects.count() == 1


OPEN = {"kind": "public", "posting": "everyone", "guests": "on"}


@pytest.mark.parametrize("slug", ["Lobby", "two words", "-x", "", "x" * 65, "lobby\n", "münchen"])
def test_a_room_needs_a_slug_that_fits_in_an_address(operator: Client, slug: str) -> None:
    operator.post("/admin/chat/room/add/", {**OPEN, "slug": slug, "title": "Room"})
    assert Room.objects.filter(title="Room").count() == 0


def test_a_room_is_added(operator: Client) -> None:
    assert operator.post("/admin/chat/room/add/", {**OPEN, "slug": "tea-2", "title": "Tea"}).status_code == 302
    assert Room.objects.get(slug="tea-2").title == "Tea"


def test_nobody_is_made_to_speak_in_public_and_no_room_is_made_direct(operator: Client) -> None:
    operator.post("/admin/chat/room/add/", {**OPEN, "slug": "tea", "title": "Tea", "kind": "direct"})
    assert not Room.objects.filter(slug="tea").exists()
    room = Room.objects.create(slug="pair", title="Pair", kind="direct")
    change = {**OPEN, "slug": "pair", "title": "Another", "topic": "Ours"}
    assert operator.post(f"/admin/chat/room/{room.pk}/change/", change).status_code == 302
    room.refresh_from_db()
    assert (room.title, room.kind, room.topic) == ("Pair", "direct", "Ours")


def test_a_direct_conversation_is_called_after_its_people(operator: Client, django_assert_max_num_queries: Any) -> None:
    for name in ("ada", "bob", "cem"):
        people.begin(User.objects.create(username=name), name.capitalize())
    ada, bob, cem = User.objects.filter(username__in=["ada", "bob", "cem"]).order_by("username")
    room = open_direct(ada.pk, [bob.pk])
    lonely = open_direct(ada.pk, [cem.pk])
    lonely.memberships.all().delete()
    with django_assert_max_num_queries(9):
        page = operator.get("/admin/chat/room/").content.decode()
    assert "Ada and Bob" in page and "Direct conversation" in page and "Cem" not in page
    assert "Ada and Bob" in operator.get(f"/admin/chat/room/{room.pk}/change/").content.decode()


def main_room() -> Room:
    return Room.objects.get(slug="lobby")


def test_the_main_rooms_slug_stays(operator: Client) -> None:
    operator.post(f"/admin/chat/room/{main_room().pk}/change/", {**OPEN, "slug": "hall", "title": "Hall"})
    assert Room.objects.get(slug="lobby").title == "Hall"


def test_another_rooms_slug_may_change_and_the_form_says_what_that_does(operator: Client) -> None:
    room = Room.objects.create(slug="tea", title="Tea")
    found = page(operator, f"chat/room/{room.pk}/change/")
    assert "A new slug is a new address" in found
    assert '<a href="/rooms/tea">Open the room</a>' in found
    assert 'class="historylink"' in found
    operator.post(f"/admin/chat/room/{room.pk}/change/", {**OPEN, "slug": "coffee", "title": "Coffee"})
    assert Room.objects.filter(slug="coffee").exists()


def test_the_list_of_rooms_leads_into_them_and_to_their_broadcasts(operator: Client) -> None:
    found = page(operator, "chat/room/")
    assert 'href="/rooms/lobby"' in found
    assert f'href="/admin/chat/broadcast/?room__id__exact={main_room().pk}">1 broadcast</a>' in found
    assert "Time" in page(operator, f"chat/broadcast/?room__id__exact={main_room().pk}")


def test_the_main_room_is_not_deleted_and_the_refusal_is_a_sentence(operator: Client) -> None:
    path = f"/admin/chat/room/{main_room().pk}/delete/"
    says = "Lobby (lobby) is the main room, CHAT_DEFAULT_ROOM"
    assert says in operator.get(path).content.decode()
    assert says in operator.post(path, {"post": "yes"}).content.decode()
    assert main_room()


def test_the_main_room_is_not_deleted_among_others(operator: Client) -> None:
    other = Room.objects.create(slug="tea", title="Tea")
    chosen = {"action": "delete_selected", "_selected_action": [other.pk, main_room().pk]}
    assert "is the main room" in operator.post("/admin/chat/room/", chosen).content.decode()
    operator.post("/admin/chat/room/", {**chosen, "post": "yes"})
    assert Room.objects.count() == 2
    operator.post("/admin/chat/room/", {**chosen, "_selected_action": [other.pk], "post": "yes"})
    assert [room.slug for room in Room.objects.all()] == ["lobby"]


def test_before_a_room_is_deleted_it_is_said_what_that_does(operator: Client) -> None:
    room = Room.objects.create(slug="tea", title="Tea")
    says = "Everybody in a deleted room is put out of it within two seconds"
    assert says in page(operator, f"chat/room/{room.pk}/delete/")
    chosen = {"action": "delete_selected", "_selected_action": [room.pk]}
    assert says in operator.post("/admin/chat/room/", chosen).content.decode()
    operator.post(f"/admin/chat/room/{room.pk}/delete/", {"post": "yes"})
    assert Room.objects.filter(slug="tea").count() == 0


def fill(room: Room, count: int) -> None:
    """Let much be said in a room, and let somebody be in it."""
    rows = [
        [room.pk, number, number, f"key-{number:05}", *"cuau", "", f"text {number}", None, 0, None, False, None, ""]
        for number in range(1, count + 1)
    ]
    with connection.cursor() as cursor:
        cursor.executemany(INSERT, rows)
    user = User.objects.create(username=f"in-{room.slug}")
    Membership.objects.create(room=room, user=user)
    Invitation.objects.create(room=room, digest=room.slug, created_by=user, expires_at=timezone.now())
    Broadcast.objects.create(room=room, name="Tea time")


def test_what_goes_with_a_room_is_counted_and_no_message_is_loaded(operator: Client) -> None:
    rooms = [Room.objects.create(slug=slug, title=slug.title()) for slug in ("tea", "milk", "empty")]
    fill(rooms[0], 2000), fill(rooms[1], 1)
    for path, data, counts in (
        (f"{rooms[0].pk}/delete/", None, {"Rooms": 1, "Messages": 2000, "Memberships": 1, "Invitations": 1, "Broadcasts": 1}),
        (f"{rooms[2].pk}/delete/", None, {"Rooms": 1}),
        ("", {"action": "delete_selected", "_selected_action": [room.pk for room in rooms]},
         {"Rooms": 3, "Messages": 2001, "Memberships": 2, "Invitations": 2, "Broadcasts": 2}),
    ):  # fmt: skip
        with CaptureQueriesContext(connection) as queries:
            answer = (
                operator.post(f"/admin/chat/room/{path}", data) if data else operator.get(f"/admin/chat/room/{path}")
            )
        found = answer.content.decode()
        assert dict(re.findall(r"<li>(\w+): (\d+)</li>", found)) == {name: str(count) for name, count in counts.items()}
        assert len(found) < 20_000
        asked = [it["sql"] for it in queries if "chat_message" in it["sql"]]
        assert len(asked) == 1 and asked[0].startswith("SELECT COUNT(*)")
    assert found.count("/change/") >= 3, "each room is named"


def test_nothing_goes_with_what_goes_with_a_room() -> None:
    """Else it had to be counted too."""
    for relation in Room._meta.related_objects:
        assert not relation.related_model._meta.related_objects


def test_a_rooms_messages_are_deleted_in_batches_each_in_a_turn_of_its_own(
    operator: Client, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retention, "BATCH", 3)
    rooms = [Room.objects.create(slug=slug, title=slug.title()) for slug in ("tea", "milk", "juice")]
    for room in rooms:
        fill(room, 7)
    deleted: list[int] = []

    class Seeing(Turns):
        @contextmanager
        def __call__(self) -> Iterator[None]:
            before = Message.objects.count()
            with super().__call__():
                yield
            deleted.append(before - Message.objects.count())

    settings.TURN = Seeing()
    assert operator.post(f"/admin/chat/room/{rooms[0].pk}/delete/", {"post": "yes"}).status_code == 302
    # One turn takes the room away from everybody, and the last one takes the rest of it.
    assert deleted == [0, 3, 3, 1, 0]
    deleted.clear()
    chosen = {"action": "delete_selected", "_selected_action": [rooms[1].pk, rooms[2].pk], "post": "yes"}
    assert "Successfully deleted 2 rooms" in operator.post("/admin/chat/room/", chosen, follow=True).content.decode()
    assert deleted == [0, 3, 3, 1, 0] * 2
    assert [room.slug for room in Room.objects.all()] == ["lobby"]
    assert LogEntry.objects.count() == 3


@pytest.mark.django_db(transaction=True)
def test_no_transaction_stands_around_a_rooms_deletion(operator: Client, settings: Any) -> None:
    room = Room.objects.create(slug="tea", title="Tea")
    fill(room, 1)

    around: list[bool] = []

    @contextmanager
    def turn() -> Iterator[None]:
        around.append(connection.in_atomic_block)
        yield

    settings.TURN = turn
    operator.post(f"/admin/chat/room/{room.pk}/delete/", {"post": "yes"})
    assert around == [False] * 3
    assert not Room.objects.filter(slug="tea").exists()


def test_a_room_is_deleted_by_the_forms_token_and_by_who_may_delete_what_goes_with_it_only(operator: Client) -> None:
    room = Room.objects.create(slug="tea", title="Tea")
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(User.objects.get(username="op"))
    path = f"/admin/chat/room/{room.pk}/delete/"
    assert strict.post(path, {"post": "yes"}).status_code == 403
    user = User.objects.create(username="keeper", is_staff=True)
    user.user_permissions.add(Permission.objects.get(codename="view_room"))
    operator.force_login(user)
    assert operator.post(path, {"post": "yes"}).status_code == 403
    user.user_permissions.add(Permission.objects.get(codename="delete_room"))
    Broadcast.objects.create(room=room, name="Tea time")
    assert "your account doesn't have permission" in operator.get(path).content.decode()
    assert operator.post(path, {"post": "yes"}).status_code == 403
    user.user_permissions.add(Permission.objects.get(codename="delete_broadcast"))
    assert operator.post(path, {"post": "yes"}).status_code == 302
    assert not Room.objects.filter(slug="tea").exists()


def test_an_origin_is_added_as_browsers_write_it_and_told_in_words(operator: Client) -> None:
    fields = {"pattern": "HTTPS://App.Example.com:443", "note": "Shop", "enabled": "on"}
    assert operator.post("/admin/chat/allowedorigin/add/", fields).status_code == 302
    made = AllowedOrigin.objects.get()
    assert made.pattern == "https://app.example.com"
    says = "Lets in pages of https://app.example.com on port 443."
    assert says in page(operator, "chat/allowedorigin/")
    assert says in page(operator, f"chat/allowedorigin/{made.pk}/change/")


@pytest.mark.parametrize("pattern", ["*", "https://*", "null", "https://a.example/path", ""])
def test_an_origin_that_is_none_is_refused(operator: Client, pattern: str) -> None:
    assert operator.post("/admin/chat/allowedorigin/add/", {"pattern": pattern}).status_code == 200
    assert not AllowedOrigin.objects.exists()


def test_an_origin_comes_once(operator: Client) -> None:
    AllowedOrigin.objects.create(pattern="https://app.example.com")
    answer = operator.post("/admin/chat/allowedorigin/add/", {"pattern": "https://APP.example.com:443"})
    assert "in the list already" in answer.content.decode()


def test_a_malformed_row_breaks_no_page_and_can_be_switched_off_in_the_list(operator: Client) -> None:
    row = AllowedOrigin.objects.create(pattern="https://*.*")
    assert "Lets in nobody, since this is no pattern." in page(operator, "chat/allowedorigin/")
    assert "Lets in nobody" in page(operator, f"chat/allowedorigin/{row.pk}/change/")
    fields = {"form-TOTAL_FORMS": 1, "form-INITIAL_FORMS": 1, "form-0-id": row.pk, "_save": "Save"}
    assert operator.post("/admin/chat/allowedorigin/", fields).status_code == 302
    row.refresh_from_db()
    assert not row.enabled


# Who administers people and is no superuser.

POWERS = {"is_superuser": "on", "is_staff": "on", "groups": "1", "user_permissions": "1"}


@pytest.fixture
def clerk(client: Client) -> Client:
    """Staff that may do everything with users and groups that Django's permissions tell."""
    user = User.objects.create_user("clerk", password="x", is_staff=True)
    user.user_permissions.set(Permission.objects.filter(content_type__app_label__in=["auth", "chat"]))
    client.force_login(user)
    return client


def powers(user: User) -> tuple[bool, bool, int, int]:
    user.refresh_from_db()
    return user.is_superuser, user.is_staff, user.groups.count(), user.user_permissions.count()


@pytest.mark.parametrize("name", ["clerk", "ada"])
def test_who_administers_people_makes_nobody_more_than_they_are(clerk: Client, name: str) -> None:
    group = Group.objects.create(name="Group")
    user, _ = User.objects.get_or_create(username=name)
    before = powers(user)
    path = f"auth/user/{user.pk}/change/"
    found = page(clerk, path)
    assert 'name="username"' in found and not re.search(f'name="({"|".join(POWERS)})"', found)
    permission = Permission.objects.get(codename="add_logentry").pk
    form = {"username": name, "first_name": "New", "is_active": "on", **POWERS}
    form |= {"groups": str(group.pk), "user_permissions": str(permission)}
    assert clerk.post(f"/admin/{path}", form).status_code == 302
    assert powers(user) == before and user.first_name == "New"


def test_who_administers_people_adds_plain_ones(clerk: Client) -> None:
    password = "a long and good one"
    form = {"username": "eve", "password1": password, "password2": password, "usable_password": "true", **POWERS}
    assert clerk.post("/admin/auth/user/add/", form).status_code == 302
    assert powers(User.objects.get(username="eve")) == (False, False, 0, 0)


def test_superusers_are_changed_by_superusers_alone(clerk: Client) -> None:
    root = User.objects.create_superuser("root", "root@example.com", "the old one")
    form = {"username": "root", "email": "clerk@example.com", "is_active": "on"}
    password = {"password1": "another good one", "password2": "another good one", "usable_password": "true"}
    assert "root@example.com" in page(clerk, f"auth/user/{root.pk}/change/"), "they are seen"
    assert clerk.post(f"/admin/auth/user/{root.pk}/change/", form).status_code == 403
    assert clerk.get(f"/admin/auth/user/{root.pk}/password/").status_code == 403
    assert clerk.post(f"/admin/auth/user/{root.pk}/password/", password).status_code == 403
    assert clerk.post(f"/admin/auth/user/{root.pk}/delete/", {"post": "yes"}).status_code == 403
    chosen = {"action": "delete_selected", "_selected_action": [root.pk], "post": "yes"}
    assert clerk.post("/admin/auth/user/", chosen).status_code in (200, 403)
    root.refresh_from_db()
    assert root.email == "root@example.com" and root.check_password("the old one")
    ada = User.objects.create_user("ada", password="the old one")
    assert clerk.post(f"/admin/auth/user/{ada.pk}/password/", password).status_code == 302
    ada.refresh_from_db()
    assert ada.check_password("another good one")


def test_what_a_group_may_do_is_said_by_superusers_alone(clerk: Client) -> None:
    group = Group.objects.create(name="Group")
    permission = Permission.objects.get(codename="add_logentry").pk
    form = {"name": "Renamed", "permissions": permission}
    assert clerk.post(f"/admin/auth/group/{group.pk}/change/", form).status_code == 403
    assert clerk.post("/admin/auth/group/add/", {**form, "name": "Another"}).status_code == 302
    assert clerk.post(f"/admin/auth/group/{group.pk}/delete/", {"post": "yes"}).status_code == 403
    assert [Group.objects.get(name=name).permissions.count() for name in ("Group", "Another")] == [0, 0]


def test_superusers_give_powers(operator: Client) -> None:
    group = Group.objects.create(name="Group")
    user = User.objects.create_user("ada", password="x")
    permission = Permission.objects.get(codename="add_logentry").pk
    form = {"username": "ada", "is_active": "on", **POWERS, "groups": group.pk, "user_permissions": permission}
    assert operator.post(f"/admin/auth/user/{user.pk}/change/", form).status_code == 302
    assert powers(user) == (True, True, 1, 1)
    assert operator.post(f"/admin/auth/group/{group.pk}/change/", {"name": "Group", "permissions": permission})
    assert group.permissions.count() == 1


def test_a_broadcast_that_cannot_be_told_breaks_no_page(operator: Client) -> None:
    row = Broadcast.objects.get()
    Broadcast.objects.update(time_zone="Mars/Olympus")
    assert "Nothing: " in page(operator, "chat/broadcast/")
    assert "Expected a name of the time zone database" in page(operator, f"chat/broadcast/{row.pk}/change/")


def test_the_list_of_broadcasts_says_what_each_says_now_and_when_it_does_next(operator: Client) -> None:
    Broadcast.objects.update(template="{room}, here is the news", interval=90)
    found = page(operator, "chat/broadcast/")
    assert "Lobby, here is the news" in found
    assert "90 seconds" in found
    assert re.search(r'field-next_tick">\d\d:\d\d:\d\d UTC<', found)
    Broadcast.objects.update(enabled=False)
    assert 'field-next_tick">Off<' in page(operator, "chat/broadcast/")


def test_processes_are_to_be_looked_at_only(operator: Client) -> None:
    Process.tell("n1", "host:1", 3, 2, "up")
    row = Process.objects.get()
    assert "host:1" in page(operator, "chat/process/")
    assert "host:1" in page(operator, f"chat/process/{row.pk}/change/")
    assert operator.get("/admin/chat/process/add/").status_code == 403
    assert operator.post(f"/admin/chat/process/{row.pk}/change/", {"place": "x"}).status_code == 403
    assert operator.post(f"/admin/chat/process/{row.pk}/delete/", {"post": "yes"}).status_code == 403


def test_permissions_are_given_by_checkboxes(operator: Client) -> None:
    user = User.objects.create(username="eve")
    path = f"/admin/auth/user/{user.pk}/change/"
    assert 'type="checkbox" name="user_permissions"' in operator.get(path).content.decode()
    wanted = Permission.objects.get(codename="view_process")
    operator.post(path, {"username": "eve", "is_active": "on", "user_permissions": [wanted.pk]})
    assert list(user.user_permissions.all()) == [wanted]
