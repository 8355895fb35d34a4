"""The words that a form of the admin asks for while somebody types."""

from __future__ import annotations

import re

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client

from chat.models import Room

pytestmark = pytest.mark.django_db


@pytest.fixture
def operator(client: Client) -> Client:
    client.force_login(User.objects.create(username="op", is_staff=True, is_superuser=True))
    return client


def clerk(client: Client, *permissions: str) -> Client:
    """Sign in somebody of the staff who may do just this."""
    user = User.objects.create(username="clerk", is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__in=permissions))
    client.force_login(user)
    return client


def words(client: Client, path: str, **fields: object) -> list[str]:
    answer = client.get(f"/admin/chat/{path}/preview/", fields)
    assert answer.status_code == 200, answer
    return answer.json()["words"]


def test_the_preview_tells_what_a_pattern_will_let_in(operator: Client) -> None:
    assert words(operator, "allowedorigin", pattern="https://a.example")[0] == (
        "Lets in pages of https://a.example on port 443."
    )


def test_the_preview_knows_this_sites_own_origin(operator: Client) -> None:
    own = "This is this site's own origin: its pages are let in without a row."
    assert own in words(operator, "allowedorigin", pattern="http://testserver")
    assert own not in words(operator, "allowedorigin", pattern="https://testserver")


def test_the_preview_tells_what_a_broadcast_will_say(operator: Client) -> None:
    said = words(
        operator,
        "broadcast",
        template="{room}: <b>tea</b>",
        interval="60",
        time_zone="",
        room=Room.objects.get(slug="lobby").pk,
        enabled="on",
    )
    assert said[0] == "Now Lobby would hear: Lobby: <b>tea</b>"
    assert re.fullmatch(r"Every 1 minute, next at \d\d:\d\d:00 UTC\.", said[1])


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"template": "{tiem}"}, "{tiem} came"),
        ({"template": ""}, "This field cannot be blank."),
        ({"interval": ""}, "must be an integer"),
        ({"interval": "soon"}, "must be an integer"),
        ({"interval": "0"}, "greater than or equal to 1"),
        ({"interval": "9" * 30}, "less than or equal to 86400"),
        ({"time_zone": "../etc"}, "Expected a name of the time zone database"),
        ({"room": ""}, "Now the room would hear: It is"),
        ({"room": "9" * 18}, "Now the room would hear: It is"),
        ({"room": "9" * 40}, "Now the room would hear: It is"),
        ({"room": "\u0664"}, "Now the room would hear: It is"),
        ({"enabled": ""}, "Off: never sent."),
    ],
)
def test_the_preview_says_what_is_wrong_with_a_broadcast(operator: Client, fields: dict[str, str], says: str) -> None:
    typed = {"template": "It is", "interval": "5", "time_zone": "", "room": "", "enabled": "on", **fields}
    assert says in " ".join(words(operator, "broadcast", **typed))


def test_the_preview_takes_no_more_than_a_form_holds(operator: Client) -> None:
    answer = operator.get("/admin/chat/allowedorigin/preview/", {"pattern": "x" * 2001})
    assert (answer.status_code, answer.json()["words"]) == (413, ["Too long."])


def test_the_preview_is_only_asked_never_told(operator: Client) -> None:
    assert operator.post("/admin/chat/allowedorigin/preview/").status_code == 405


@pytest.mark.parametrize("path", ["allowedorigin", "broadcast"])
def test_the_preview_is_for_those_who_may_see_or_add_such_rows(client: Client, path: str) -> None:
    address = f"/admin/chat/{path}/preview/"
    assert client.get(address).status_code == 302
    assert clerk(client, "view_room").get(address).status_code == 403
    for permission in ("view", "add", "change"):
        user = User.objects.create(username=permission, is_staff=True)
        user.user_permissions.add(Permission.objects.get(codename=f"{permission}_{path}"))
        client.force_login(user)
        assert client.get(address).status_code == 200
