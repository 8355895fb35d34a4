"""The admin in a real browser: previews while somebody types, send now, and what is live."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from .farm import Farm
from .guests import Guest
from .operators import Operator, Operators
from .redis import RedisServer
from .servers import Server
from .waiting import until
from .windows import on_one_server

pytestmark = pytest.mark.browser

SECRET = {"SECRET_KEY": "a key of the tests, the same on every node"}
# The goal is 2 s; the rest is for a machine that is busy with other tests.
GIVEN_UP_SECONDS = 8.0


@pytest.fixture(scope="module")
def operators(farm: Farm, browser: Browser) -> Operators:
    return Operators(farm, browser)


@pytest.fixture
def operator(operators: Operators) -> Iterator[Callable[[Server], Operator]]:
    """Return an operator of a server; at the end the browser's console must have been silent."""
    made: list[Operator] = []

    def sign_in(server: Server) -> Operator:
        made.append(operators.at(server))
        return made[-1]

    yield sign_in
    for one in made:
        one.leave()
    assert [error for one in made for error in one.errors] == []


def make_broadcast(page: Page, name: str, room: str, template: str) -> None:
    """Fill in and save the form, and stay on it; the clock never sends this one within a test."""
    page.fill("#id_name", name)
    page.select_option("#id_room", label=f"Room {room.removeprefix('room-')}")
    page.fill("#id_template", template)
    page.fill("#id_interval", "86400")
    page.click("input[name=_continue]")


@on_one_server
def test_what_a_pattern_lets_in_is_said_while_it_is_typed(
    server: Server, operator: Callable[[Server], Operator]
) -> None:
    page = operator(server).open("/admin/chat/allowedorigin/add/")
    expect(page.locator(".preview")).to_contain_text("An origin is https://host")
    page.locator("#id_pattern").press_sequentially("https://*.example.com")
    expect(page.locator(".preview p").first).to_contain_text("every subdomain of example.com over https on port 443")
    page.fill("#id_pattern", server.url("").rstrip("/"))
    expect(page.locator(".preview")).to_contain_text("This is this site's own origin")
    page.fill("#id_pattern", "https://*.com")
    expect(page.locator(".preview")).to_contain_text("Lets in nobody, since this is no pattern.")
    page.click("input[name=_save]")
    expect(page.locator(".errorlist")).to_contain_text("Expected a domain of two labels or more")
    expect(page.locator(".preview")).to_contain_text("Lets in nobody")
    assert page.locator(".preview").get_attribute("role") == "status"


@on_one_server
def test_a_preview_is_text_whatever_is_typed(server: Server, operator: Callable[[Server], Operator]) -> None:
    page = operator(server).open("/admin/chat/broadcast/add/")
    page.fill("#id_template", '<img src=x onerror="window.harm = 1"> {room}')
    expect(page.locator(".preview p").first).to_have_text(
        'Now the room would hear: <img src=x onerror="window.harm = 1"> the room'
    )
    page.select_option("#id_room", label="Lobby")
    expect(page.locator(".preview p").first).to_contain_text("Now Lobby would hear:")
    page.uncheck("#id_enabled")
    expect(page.locator(".preview")).to_contain_text("Off: never sent.")
    assert page.locator(".preview img").count() == 0
    assert page.evaluate("window.harm") is None


# Holds the answers to questions about anything slow, heeds no abort, and writes down all that a preview has shown.
HOLD = """
    window.held = [];
    window.shown = "";
    const real = window.fetch;
    window.fetch = async (url) => {
      const answer = await real(url);
      if (url.includes("slow")) await new Promise((release) => window.held.push(release));
      return answer;
    };
    const box = document.querySelector(".preview");
    new MutationObserver(() => (window.shown += box.textContent)).observe(box, { childList: true });
"""


@on_one_server
def test_a_late_answer_to_an_older_question_is_dropped(server: Server, operator: Callable[[Server], Operator]) -> None:
    page = operator(server).open("/admin/chat/allowedorigin/add/")
    page.evaluate(HOLD)
    page.fill("#id_pattern", "https://slow.example")
    page.wait_for_function("() => window.held.length === 1")
    page.fill("#id_pattern", "https://quick.example")
    expect(page.locator(".preview p").first).to_contain_text("quick.example")
    page.evaluate("window.held[0]()")
    # Whatever the late answer does, it has done when a later one is shown.
    page.fill("#id_pattern", "https://last.example")
    expect(page.locator(".preview p").first).to_contain_text("last.example")
    assert "slow" not in page.evaluate("window.shown")


def test_send_now_is_heard_in_the_room_exactly_once(
    server: Server, operator: Callable[[Server], Operator], guest: Callable[..., Guest], room: str
) -> None:
    here, elsewhere = guest(server, room), guest(server, "lobby")
    by = operator(server)
    page = by.open("/admin/chat/broadcast/add/")
    make_broadcast(page, f"News of {room}", room, "News for {room}")
    page.click("text=Send now, as saved")
    by.told("success", f"“News of {room}” was sent to")
    heard = here.expect("broadcast")["payload"]
    assert heard["text"] == f"News for Room {room.removeprefix('room-')}"
    assert [it for it in here.settle() if it["type"] == "broadcast"] == []
    assert [it for it in elsewhere.settle() if it["type"] == "broadcast"] == []
    page.click("text=History")
    expect(page.locator("#change-history")).to_contain_text("Sent now.")


@on_one_server
def test_a_redis_that_hangs_is_told_and_one_that_is_back_is_used(
    fresh: Callable[..., Server],
    redis_server: RedisServer,
    operator: Callable[[Server], Operator],
    guest: Callable[..., Guest],
) -> None:
    server = fresh(REDIS_URL=redis_server.start().url, **SECRET)
    listener = guest(server, "room-399")
    by = operator(server)
    page = by.open("/admin/chat/broadcast/add/")
    make_broadcast(page, "News", "room-399", "News")
    redis_server.freeze()
    began = time.monotonic()
    page.click("text=Send now, as saved")
    by.told("error", "“News” was not sent: The channel layer does not answer")
    assert time.monotonic() - began < GIVEN_UP_SECONDS
    redis_server.thaw()
    until(lambda: server.ready()["layer"] == "up", "the layer is up again", 30)
    page.click("text=Send now, as saved")
    by.told("success", "“News” was sent to Room 399.")
    assert listener.expect("broadcast")["payload"]["text"] == "News"


@on_one_server
def test_the_index_tells_what_is_live_and_goes_on_telling(
    fresh: Callable[..., Server], operator: Callable[[Server], Operator], guest: Callable[..., Guest]
) -> None:
    server = fresh()
    by = operator(server)
    page = by.page
    page.clock.install()
    by.open("/admin/")
    expect(page.locator(".now")).to_contain_text("in 1 server process.")
    assert "2 connections" not in page.locator(".now").text_content()
    guest(server, "lobby"), guest(server, "lobby")

    def told() -> bool:
        page.clock.run_for(5_000)
        return "2 connections in 1 server process." in page.locator(".now").text_content()

    until(told, "the panel tells of two connections", 40)
    server.kill()
    until(lambda: page.clock.run_for(5_000) or page.locator(".now.old").count(), "the panel says that it is old", 40)
    expect(page.locator(".old-note")).to_be_visible()
    # That the server is gone is what the console complains of.
    by.errors[:] = [error for error in by.errors if "Failed to load resource" not in error]


@on_one_server
def test_the_theme_toggle_still_works(server: Server, operator: Callable[[Server], Operator]) -> None:
    page = operator(server).open("/admin/")
    ground = "getComputedStyle(document.body).backgroundColor"
    light = page.evaluate(ground)
    page.click("#user-tools .theme-toggle")
    assert page.evaluate("document.documentElement.dataset.theme") == "dark"
    assert page.evaluate(ground) != light
    page.reload()
    assert page.evaluate(ground) != light
    page.click("#user-tools .theme-toggle")
    assert page.evaluate(ground) == light
