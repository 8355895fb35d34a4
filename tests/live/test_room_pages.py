"""Rooms of one's own in real browsers: invitation, members, what is unread, direct conversations, being put out."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from .farm import Farm
from .servers import Server
from .test_accessibility import DESK, PHONE, check, no_sideways_scrolling
from .windows import Window, on_one_server

pytestmark = [pytest.mark.browser, on_one_server]

# Makes people, and prints a session of each.
PEOPLE = """
import json
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.contrib.auth.models import User
from django.contrib.sessions.backends.db import SessionStore
from chat.models import Profile
sessions = {}
for number, name in enumerate(("Ada", "Bob", "Cem")):
    user, _ = User.objects.get_or_create(username=f"pages-{name.lower()}")
    profile = dict(name=f"{name} of the pages", skeleton=f"pages-{name}", colour=number)
    Profile.objects.update_or_create(user=user, defaults=profile)
    session = SessionStore()
    session[SESSION_KEY], session[HASH_SESSION_KEY] = str(user.pk), user.get_session_auth_hash()
    session[BACKEND_SESSION_KEY] = "django.contrib.auth.backends.ModelBackend"
    session.save()
    sessions[name] = session.session_key
print(json.dumps(sessions))
"""


@pytest.fixture(scope="module")
def sessions(farm: Farm, shared: Callable[..., Server]) -> dict[str, str]:
    return json.loads(farm.manage(shared().var_dir, "shell", "-v0", "-c", PEOPLE).stdout)


@pytest.fixture
def signed_in(server: Server, window: Callable[..., Window], sessions: dict[str, str]) -> Callable[..., Window]:
    """Open `signed_in(name, path)`, a window of somebody with a session."""

    def open_window(name: str, path: str, **options: Any) -> Window:
        cookie = {"name": "sessionid", "value": sessions[name], "url": server.url()}
        return window(server, path, storage_state={"cookies": [cookie], "origins": []}, **options)

    return open_window


def side(page: Page, title: str) -> Any:
    """Return a room's line beside the messages."""
    return page.locator("#sidebar li", has_text=title)


def make_room(page: Page, title: str) -> str:
    """Make a room for members by its form; return its path."""
    page.fill("#id_title", title)
    page.get_by_label("Members only").check()
    expect(page.locator("#id_guests")).to_be_hidden()
    page.get_by_role("button", name="Make the room").click()
    expect(page.locator("#room-title")).to_have_text(title)
    return page.url


def test_a_room_is_made_somebody_comes_by_a_link_and_is_put_out_again(
    server: Server, signed_in: Callable[..., Window]
) -> None:
    ada, bob = signed_in("Ada", "/rooms/new/"), signed_in("Bob", "/rooms/lobby")
    page = ada.page
    make_room(page, "Quiet corner")
    assert page.url == server.url("/rooms/quiet-corner")
    ada.joined().say("Is anybody there?")
    page.goto(server.url("/rooms/quiet-corner/invitations/"))
    page.get_by_role("button", name="Make the link").click()
    link = page.locator("#link").input_value()
    check(page)

    bob.page.goto(server.url("/rooms/quiet-corner"))
    expect(bob.page.locator("h1")).to_have_text("This room is for its members.")
    bob.errors.clear()  # The browser itself tells of the 403.
    bob.page.goto(link)
    bob.page.get_by_role("button", name="Join the room").click()
    bob.joined().shows("Is anybody there?")

    ada.page.goto(server.url("/rooms/lobby"))
    ada.joined()
    bob.say("I am.")
    expect(side(ada.page, "Quiet corner").locator(".badge")).to_have_text("1 unread")
    expect(ada.page).to_have_title("(1) Lobby")
    other = signed_in("Ada", "/rooms/quiet-corner").joined()
    other.shows("I am.")
    expect(side(ada.page, "Quiet corner").locator(".badge")).to_be_hidden()
    expect(ada.page).to_have_title("Lobby")

    page.goto(server.url("/rooms/quiet-corner/members/"))
    page.locator(".people li", has_text="Bob of the pages").locator("summary").click()
    check(page)
    page.get_by_role("button", name="Put out").click()
    expect(page.locator(".flash")).to_have_text("Bob of the pages is no longer in this room.")
    expect(bob.page.locator("#closed h2")).to_have_text("This room is for its members.")
    expect(bob.page.locator("#messages")).to_be_hidden()
    expect(side(bob.page, "Quiet corner")).to_have_count(0)
    expect(bob.page.locator("#notices")).to_contain_text("You are no longer in “Quiet corner”.")
    expect(bob.page.locator("#composer")).to_be_hidden()
    other.say("Alone again.")
    other.shows("Alone again.")
    assert "Alone again." not in bob.texts()
    assert [*ada.errors, *bob.errors, *other.errors] == []


# What holds a person's words in a line of a page, and lets marks on them draw over the neighbours of that line.
UNCLIPPED = """() => [...document.querySelectorAll("bdi, h1, .flash p")].filter((node) => {
  for (let box = node; !box.matches("ul, form, section, nav, main, body"); box = box.parentElement)
    if (/clip|hidden/.test(getComputedStyle(box).overflowY)) return false;
  return true;
}).map((node) => node.outerHTML)"""


def test_marks_in_a_name_draw_over_no_neighbour_on_any_page_of_a_room(
    server: Server, signed_in: Callable[..., Window]
) -> None:
    page = signed_in("Ada", "/rooms/new/").page
    page.fill("#id_topic", "topic" + "\u0301" * 60)
    page.fill("#id_slug", "piled-up")
    url = make_room(page, "Piled up" + "\u0301" * 60)
    page.goto(f"{url}/invitations/")
    page.get_by_role("button", name="Make the link").click()
    link = page.locator("#link").input_value()
    guest = signed_in("Bob", "/rooms/").page
    guest.goto(link)
    assert guest.evaluate(UNCLIPPED) == []
    for path in ("invitations", "members", "settings"):
        page.goto(f"{url}/{path}/")
        assert page.evaluate(UNCLIPPED) == [], path
    for path in ("/rooms/", "/direct/new/", "/accounts/profile/"):
        page.goto(server.url(path))
        assert page.evaluate(UNCLIPPED) == [], path


def test_a_conversation_appears_beside_the_messages_of_the_other(
    server: Server, signed_in: Callable[..., Window]
) -> None:
    ada, cem = signed_in("Ada", "/rooms/lobby").joined(), signed_in("Cem", "/direct/new/")
    cem.page.fill("#q", "ada of")
    expect(cem.page.locator(".found > li:visible")).to_have_count(1)
    check(cem.page)
    cem.page.get_by_label("Ada of the pages").check()
    cem.page.get_by_role("button", name="Begin").click()
    cem.joined().say("Do you have a minute?")
    expect(side(ada.page, "Cem of the pages").locator(".badge")).to_have_text("1 unread")
    expect(ada.page.locator("#notices")).to_contain_text("You have a conversation with “Cem of the pages” now.")
    ada.page.get_by_role("button", name="Put away").click()
    expect(ada.page.locator("#notices p")).to_have_count(0)
    side(ada.page, "Cem of the pages").locator("a").click()
    ada.joined().shows("Do you have a minute?")
    expect(ada.page).to_have_title("Cem of the pages")
    expect(ada.page.locator("#room-title")).to_have_text("Cem of the pages")
    ada.say("One.")
    cem.shows("One.")
    assert ada.errors == cem.errors == []


def test_who_is_in_a_room_sees_that_it_is_archived_and_open_again(
    server: Server, signed_in: Callable[..., Window]
) -> None:
    ada, there = signed_in("Ada", "/rooms/new/"), "/rooms/short-lived"
    make_room(ada.page, "Short-lived")
    other = signed_in("Ada", there).joined()
    for button, is_barred in (("Archive the room", True), ("Open the room again", False)):
        ada.page.goto(server.url(f"{there}/settings/"))
        ada.page.get_by_role("button", name=button).click()
        expect(other.page.locator("#barred")).to_be_visible(visible=is_barred)
        expect(other.page.locator("#composer")).to_be_visible(visible=not is_barred)
    other.say("Back.")
    other.shows("Back.")
    assert ada.errors == other.errors == []


def test_times_are_those_of_the_zone_that_one_has_chosen(
    server: Server, farm: Farm, signed_in: Callable[..., Window]
) -> None:
    code = "from chat.models import Profile; Profile.objects.filter(user__username='pages-cem').update(time_zone={!r})"
    shown = []
    # Kiritimati is a day ahead of Pago Pago, always.
    for zone in ("Pacific/Kiritimati", "Pacific/Pago_Pago", "Moon/Base"):
        farm.manage(server.var_dir, "shell", "-v0", "-c", code.format(zone))
        here = signed_in("Cem", "/rooms/lobby").joined()
        here.say("What time is it?")
        shown.append(here.page.locator("#messages .own footer > time").last.get_attribute("title"))
        assert here.errors == []
    farm.manage(server.var_dir, "shell", "-v0", "-c", code.format(""))
    assert len(set(shown)) == 3 and all(shown), "a zone that the browser does not know is its own"


def test_a_phone_has_ones_rooms_in_a_drawer(server: Server, signed_in: Callable[..., Window]) -> None:
    here = signed_in("Cem", "/rooms/lobby", viewport=PHONE).joined()
    sidebar = here.page.locator("#sidebar")
    expect(sidebar).to_be_hidden()
    here.page.get_by_role("button", name="Rooms").click()
    expect(sidebar).to_be_visible()
    no_sideways_scrolling(here.page)
    here.page.keyboard.press("Escape")
    expect(sidebar).to_be_hidden()
    here.page.get_by_role("button", name="Rooms").click()
    here.page.get_by_role("link", name="New room").click()
    here.page.fill("#id_title", "Röom of my own!")
    expect(here.page.locator("#id_slug")).to_have_value("room-of-my-own")
    assert here.errors == []


@pytest.mark.parametrize(
    "path", ["/rooms/", "/rooms/new/", "/rooms/ours", "/rooms/ours/settings/", "/rooms/ours/invitations/"]
)
def test_axe_finds_nothing(server: Server, farm: Farm, signed_in: Callable[..., Window], path: str) -> None:
    code = """
from chat.models import Membership, Room
from django.contrib.auth.models import User
room, _ = Room.objects.get_or_create(slug="ours", defaults={"title": "Ours", "kind": "members", "last": 3})
Membership.objects.get_or_create(room=room, user=User.objects.get(username="pages-ada"), defaults={"role": "owner"})
"""
    if path == "/rooms/":
        farm.manage(server.var_dir, "shell", "-v0", "-c", code)
    here = signed_in("Ada", path, reduced_motion="reduce", **DESK)
    if path == "/rooms/ours":
        here.joined().page.click("#menu summary")
    check(here.page)
    assert here.errors == []
