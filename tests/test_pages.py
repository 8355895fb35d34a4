"""The pages that somebody sees when something is not as it should be."""

from __future__ import annotations

import re

import pytest
from django.contrib.auth.models import Permission, User
from django.template.loader import render_to_string
from django.test import Client, RequestFactory
from django.views.defaults import permission_denied, server_error

from chat.models import Room

pytestmark = pytest.mark.django_db


def body(answer: object) -> str:
    return answer.content.decode()  # type: ignore[attr-defined]


def test_a_room_that_does_not_exist_is_named_and_the_way_to_the_main_room_is_shown(client: Client) -> None:
    answer = client.get("/rooms/tea-time")
    assert answer.status_code == 404
    assert "There is no room <bdi>tea-time</bdi>" in body(answer)
    assert 'href="/"' in body(answer)
    assert "/admin/" not in body(answer)


def test_who_may_make_rooms_is_led_to_where_this_one_is_made(client: Client) -> None:
    user = User.objects.create(username="op", is_staff=True)
    client.force_login(user)
    assert "Make this room" not in body(client.get("/rooms/tea-time"))
    user.user_permissions.add(Permission.objects.get(codename="add_room"))
    assert 'href="/admin/chat/room/add/?slug=tea-time"' in body(client.get("/rooms/tea-time"))
    assert 'value="tea-time"' in body(client.get("/admin/chat/room/add/?slug=tea-time"))


def test_an_address_that_is_no_rooms_is_told_as_text(client: Client) -> None:
    answer = client.get("/<b>nowhere</b>")
    assert answer.status_code == 404
    assert "Nothing is found at <code>/&lt;b&gt;nowhere&lt;/b&gt;</code>" in body(answer)


def test_the_main_room_that_was_deleted_is_told_too(client: Client) -> None:
    Room.objects.all().delete()
    answer = client.get("/")
    assert answer.status_code == 404
    assert "There is nothing here" in body(answer)


def test_a_stranger_who_finds_nothing_costs_no_query(client: Client, django_assert_num_queries: object) -> None:
    with django_assert_num_queries(0):  # type: ignore[operator]
        client.get("/nowhere")


def test_a_form_without_its_token_is_told_to_be_out_of_date() -> None:
    answer = Client(enforce_csrf_checks=True).post("/admin/login/", {"username": "op", "password": "op"})
    assert answer.status_code == 403
    assert "This form is out of date" in body(answer)
    assert "TRUSTED_PROXIES" in body(answer)


def test_a_host_that_is_not_allowed_is_told_in_the_projects_look(client: Client) -> None:
    answer = client.get("/", headers={"host": "elsewhere.example"})
    assert answer.status_code == 400
    assert "This request makes no sense" in body(answer)
    assert "chat/chat.css" in body(answer)


def test_who_is_not_allowed_is_told_who_they_are() -> None:
    request = RequestFactory().get("/")
    request.user = User(username="<eve>")
    assert "You are signed in as <bdi>&lt;eve&gt;</bdi>" in body(permission_denied(request, Exception("no")))


def test_a_failure_is_told_without_context_or_database(django_assert_num_queries: object) -> None:
    with django_assert_num_queries(0):  # type: ignore[operator]
        answer = server_error(RequestFactory().get("/"))
    assert answer.status_code == 500
    assert "Something went wrong here" in body(answer)


@pytest.mark.parametrize("name", ["400", "403", "403_csrf", "404", "500"])
def test_no_page_needs_anything_inline_or_from_elsewhere(name: str) -> None:
    page = render_to_string(f"{name}.html")
    assert "<style" not in page
    assert not re.search(r'<script(?![^>]* src="/static/)', page)
    assert "style=" not in page
    assert "//" not in page.replace("<!doctype", "")


SLASHES = {
    "/rooms/lobby/": "/rooms/lobby",
    "/rooms/lobby/?x=1": "/rooms/lobby?x=1",
    "/rooms/nowhere/": "/rooms/nowhere",
    "/rooms": "/rooms/",
    "/rooms/new": "/rooms/new/",
    "/rooms/lobby/members": "/rooms/lobby/members/",
    "/rooms/lobby/settings": "/rooms/lobby/settings/",
    "/rooms/lobby/invitations": "/rooms/lobby/invitations/",
    "/direct/new": "/direct/new/",
    "/invitations/some-token": "/invitations/some-token/",
    "/accounts": "/accounts/",
    "/accounts/sign-in": "/accounts/sign-in/",
    "/accounts/sign-in?next=/": "/accounts/sign-in/?next=/",
    "/accounts/password/reset": "/accounts/password/reset/",
    "/accounts/password/reset/Mg/some-token": "/accounts/password/reset/Mg/some-token/",
    "/admin": "/admin/",
}


@pytest.mark.parametrize("path", SLASHES)
def test_a_slash_at_the_end_too_much_or_too_few_leads_to_the_page(client: Client, path: str) -> None:
    answer = client.get(path)
    assert (answer.status_code in (301, 302), answer.headers["location"]) == (True, SLASHES[path])


@pytest.mark.parametrize("path", ["/api/v1/tokens", "/api/v1/tickets"])
def test_what_writes_is_the_same_with_a_slash(client: Client, path: str) -> None:
    plain, slashed = client.post(path), client.post(f"{path}/")
    assert plain.status_code == slashed.status_code != 404 and plain.content == slashed.content
