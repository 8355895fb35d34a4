"""axe-core finds nothing on any page, nothing scrolls sideways, and the browser's console is silent.

A page is looked at wide and light by all rules, then narrow and dark by those about colours and scrolling: the others
look at what is in the page, which is the same.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe, AxeResults
from playwright.sync_api import Browser, Page, WebSocketRoute, expect

from .conftest import QUIET
from .farm import Farm
from .operators import Operator, Operators
from .servers import Server
from .windows import Window, on_one_server

pytestmark = [pytest.mark.browser, on_one_server]

DESK = {"color_scheme": "light", "viewport": {"width": 1280, "height": 800}}
PHONE = {"width": 390, "height": 844}
AGAIN = {
    "resultTypes": ["violations"],
    "runOnly": ["color-contrast", "link-in-text-block", "scrollable-region-focusable"],
}
# Makes a row of each kind, and prints their keys.
ROWS = """
import json
from chat.models import AllowedOrigin, Broadcast, Process, Room
from django.contrib.auth.models import Group, User
room, _ = Room.objects.get_or_create(slug="axe", defaults={"title": "Axe", "topic": "A room of the tests"})
rows = [
    room,
    Broadcast.objects.get_or_create(room=room, name="Axe", defaults={"interval": 86400, "enabled": False})[0],
    AllowedOrigin.objects.get_or_create(pattern="https://*.axe.example", defaults={"note": "A row of the tests"})[0],
    Group.objects.get_or_create(name="Axe")[0],
    User.objects.get_or_create(username="axe")[0],
    Process.objects.first(),
]
print(json.dumps({row._meta.model_name: row.pk for row in rows if row}))
"""
ADMIN = [
    *("", "chat/", "chat/process/", "chat/process/{process}/change/"),
    *("chat/room/?q=axe", "chat/room/add/", "chat/room/{room}/change/", "chat/room/{room}/delete/"),
    *("chat/room/{room}/history/", "chat/room/?q=nothing-is-called-so"),
    *("chat/broadcast/?q=axe", "chat/broadcast/add/", "chat/broadcast/{broadcast}/change/"),
    *("chat/broadcast/{broadcast}/delete/", "chat/allowedorigin/", "chat/allowedorigin/add/"),
    *("chat/allowedorigin/{allowedorigin}/change/", "chat/allowedorigin/{allowedorigin}/delete/"),
    *("auth/user/", "auth/user/add/", "auth/user/{user}/change/", "auth/user/{user}/password/"),
    *("auth/group/", "auth/group/add/", "auth/group/{group}/change/"),
]


def no_violations(response: Any) -> None:
    """Fail with axe-core's own words where it found anything."""
    found = AxeResults(response)
    assert found.violations_count == 0, found.generate_report()


def no_sideways_scrolling(page: Page) -> None:
    assert page.evaluate("() => document.documentElement.scrollWidth - window.innerWidth") <= 0


# Fields with letters under 16 pixels, which phones zoom into.
SMALL = """() => [...document.querySelectorAll("input:not([type=hidden], [type=submit], [type=button], [type=checkbox], [type=radio]), select, textarea")]
    .filter((field) => parseFloat(getComputedStyle(field).fontSize) < 16).map((field) => field.outerHTML)"""


def no_zooming(page: Page) -> None:
    assert page.evaluate(SMALL) == []


def check(page: Page) -> None:
    """Look at a page wide and light, then narrow and dark, and leave it as it was."""
    no_sideways_scrolling(page)
    no_violations(Axe().run(page).response)
    page.emulate_media(color_scheme="dark", reduced_motion="reduce")
    page.set_viewport_size(PHONE)  # type: ignore[arg-type]
    no_sideways_scrolling(page)
    no_zooming(page)
    no_violations(page.evaluate("(options) => window.axe.run(options)", AGAIN))
    page.emulate_media(color_scheme="light")
    page.set_viewport_size(DESK["viewport"])  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def operator(farm: Farm, kind: str, browser: Browser) -> Iterator[Operator]:
    """An operator of a server with few rooms, so that axe-core has less to look at."""
    var_dir = farm.var_dir()
    farm.few_rooms(var_dir)
    server = farm.server(kind, var_dir=var_dir, **QUIET)
    made = Operators(farm, browser).at(server, reduced_motion="reduce", **DESK)
    yield made
    made.leave()
    farm.end([server])


@pytest.fixture(scope="module")
def keys(farm: Farm, operator: Operator) -> dict[str, int]:
    """The keys of a row of each kind."""
    return json.loads(farm.manage(operator.server.var_dir, "shell", "-v0", "-c", ROWS).stdout)


@pytest.fixture
def stranger(browser: Browser) -> Iterator[Page]:
    context = browser.new_context(reduced_motion="reduce", **DESK)
    yield context.new_page()
    context.close()


@pytest.mark.parametrize("path", ADMIN)
def test_the_admin(operator: Operator, keys: dict[str, int], path: str) -> None:
    operator.errors.clear()
    page = operator.open(f"/admin/{path.format(**keys)}")
    assert operator.server.url("/admin/") in page.url
    # Before axe-core, whose own styles the CSP refuses.
    assert operator.errors == []
    check(page)


def test_a_form_of_the_admin_with_mistakes(operator: Operator) -> None:
    page = operator.open("/admin/chat/broadcast/add/")
    page.click("input[name=_save]")
    expect(page.locator(".errornote")).to_be_visible()
    check(page)


def test_a_room_with_nothing_said_and_then_with_messages_and_the_name_form(
    server: Server, window: Callable[..., Window], room: str
) -> None:
    here = window(server, f"/rooms/{room}", reduced_motion="reduce", **DESK).joined()
    check(here.page)
    here.say("a message of one's own")
    window(server, f"/rooms/{room}").joined().say("a message of somebody else's, with https://example.com/ in it")
    here.shows("a message of somebody else's, with https://example.com/ in it")
    check(here.page)
    here.page.click("#name summary")
    expect(here.page.locator("#name-field")).to_be_visible()
    check(here.page)


def test_a_room_with_broadcasts(ticking: Server, window: Callable[..., Window]) -> None:
    here = window(ticking, "/rooms/ticks", reduced_motion="reduce", **DESK).joined()
    expect(here.broadcasts.first).to_be_visible()
    check(here.page)


def test_a_room_without_a_connection(server: Server, window: Callable[..., Window]) -> None:
    def refuse(route: WebSocketRoute) -> None:
        route.close(code=1012)

    here = window(server, "/rooms/lobby", refuse, reduced_motion="reduce", **DESK)
    here.is_("waiting")
    check(here.page)


@pytest.mark.parametrize("path", ["/nowhere", "/rooms/nowhere", "/admin/login/", "/accounts/sign-in/"])
def test_a_strangers_pages(server: Server, stranger: Page, path: str) -> None:
    stranger.goto(server.url(path))
    check(stranger)


def test_a_sign_in_that_fails_and_a_form_that_is_out_of_date(server: Server, stranger: Page) -> None:
    stranger.goto(server.url("/admin/login/"))
    stranger.fill("#id_username", "nobody")
    stranger.fill("#id_password", "nothing")
    stranger.click("input[type=submit]")
    expect(stranger.locator(".errornote")).to_be_visible()
    check(stranger)
    stranger.context.clear_cookies()
    stranger.fill("#id_password", "nothing")
    stranger.click("input[type=submit]")
    expect(stranger.locator("h1")).to_have_text("This form is out of date")
    check(stranger)
