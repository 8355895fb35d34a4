"""The admin's forms: they work, and refuse what makes no sense."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import User
from django.test import Client

from chat.models import Broadcast, Room

pytestmark = pytest.mark.django_db


@pytest.fixture
def operator(client: Client) -> Client:
    client.force_login(User.objects.create(username="op", is_staff=True, is_superuser=True))
    return client


def form(**fields: object) -> dict[str, object]:
    room = Room.objects.get(slug="lobby")
    return {"name": "News", "room": room.pk, "template": "It is {time}", "interval": 10, "time_zone": "", **fields}


@pytest.mark.parametrize("path", ["room/", "room/add/", "broadcast/", "broadcast/add/", "broadcast/?q=lobby"])
def test_every_page_opens_for_an_operator(operator: Client, path: str) -> None:
    assert operator.get(f"/admin/chat/{path}").status_code == 200


def test_a_stranger_is_sent_to_sign_in(client: Client) -> None:
    assert client.get("/admin/chat/broadcast/").status_code == 302


def test_the_list_shows_the_reference_broadcast(operator: Client) -> None:
    page = operator.get("/admin/chat/broadcast/").content.decode()
    assert "Time" in page
    assert "Lobby" in page


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
    assert "Last due" in operator.get(f"/admin/chat/broadcast/{made.pk}/change/").content.decode()


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
    page = operator.post("/admin/chat/broadcast/add/", form(**fields))
    assert page.status_code == 200
    assert says in page.content.decode()
    assert Broadcast.objects.count() == 1


@pytest.mark.parametrize("slug", ["Lobby", "two words", "-x", "", "x" * 65, "lobby\n", "münchen"])
def test_a_room_needs_a_slug_that_fits_in_an_address(operator: Client, slug: str) -> None:
    operator.post("/admin/chat/room/add/", {"slug": slug, "title": "Room"})
    assert Room.objects.filter(title="Room").count() == 0


def test_a_room_is_added(operator: Client) -> None:
    assert operator.post("/admin/chat/room/add/", {"slug": "tea-2", "title": "Tea"}).status_code == 302
    assert Room.objects.get(slug="tea-2").title == "Tea"
