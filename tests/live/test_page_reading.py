"""Reading the page: scrolling, keyboard, sizes."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import expect

from .axe import violations
from .scripted import YOU, Script
from .servers import Server
from .windows import Window, on_one_server

pytestmark = [pytest.mark.browser, on_one_server]

AT = "2030-01-15T12:00:00.000Z"
TOPIC = "Where the deploy crew meets: releases on Tuesdays, incidents at any time " * 3
GAP = (
    "(() => { const list = document.getElementById('messages');"
    " return list.scrollHeight - list.scrollTop - list.clientHeight; })()"
)
Open = Callable[..., Window]


def page_of(server: Server, window: Open, lines: int) -> tuple[Window, Script]:
    """Open a page with so many lines on a small screen; return what speaks to it too."""
    script = Script(topic=TOPIC)
    one = window(server, "/rooms/lobby", lossy=script.serve, viewport={"width": 390, "height": 600}).joined()
    script.messages([f"line {number}" for number in range(lines)], AT)
    one.shows(f"line {lines - 1}")
    return one, script


@pytest.fixture
def reading(server: Server, window: Open) -> tuple[Window, Script]:
    """A page with more than fits its screen."""
    return page_of(server, window, 100)


@pytest.fixture
def full(server: Server, window: Open) -> tuple[Window, Script]:
    """A page with as many lines as it keeps."""
    return page_of(server, window, 500)


def top_of(one: Window, text: str) -> float:
    box = one.page.get_by_text(text, exact=True).bounding_box()
    assert box is not None
    return box["y"]


def read_back(one: Window, text: str) -> float:
    """Scroll to a message as a reader does; return where it stands."""
    one.page.get_by_text(text, exact=True).evaluate("(node) => node.scrollIntoView({ block: 'center' })")
    one.page.wait_for_function(f"() => {GAP} > 500")
    # The page hears of a scroll with the next frame.
    one.page.evaluate("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
    return top_of(one, text)


def test_the_list_follows_its_end_and_keeps_500_lines(full: tuple[Window, Script]) -> None:
    one, script = full
    assert one.page.evaluate(GAP) < 2
    script.messages([f"more {number}" for number in range(620)], AT)
    one.shows("more 619")
    expect(one.messages).to_have_count(500)
    assert one.texts()[0] == "more 120"
    assert one.page.evaluate(GAP) < 2


def test_who_reads_back_is_left_where_they_are_and_told_how_much_is_new(reading: tuple[Window, Script]) -> None:
    one, script = reading
    newer = one.page.locator("#newer")
    place = read_back(one, "line 50")
    script.message("one", AT)
    expect(newer).to_have_text("1 new message")
    script.messages([f"more {number}" for number in range(41)], AT)
    script.broadcast("no message", AT)
    expect(newer).to_have_text("42 new messages")
    assert abs(top_of(one, "line 50") - place) < 1
    newer.click()
    one.page.wait_for_function(f"() => {GAP} < 2")
    expect(newer).to_be_hidden()
    expect(one.page.locator("#messages")).to_be_focused()


def test_lines_that_go_above_do_not_move_what_is_read(full: tuple[Window, Script]) -> None:
    one, script = full
    place = read_back(one, "line 400")
    script.messages([f"more {number}" for number in range(4700)], AT)
    expect(one.page.locator("#newer")).to_have_text("4700 new messages")
    assert abs(top_of(one, "line 400") - place) < 1
    assert one.messages.count() == 500
    one.page.click("#newer")
    script.message("last", AT)
    one.shows("last")
    expect(one.messages).to_have_count(500)


def test_ones_own_words_lead_back_to_the_end(reading: tuple[Window, Script]) -> None:
    one, _ = reading
    read_back(one, "line 50")
    one.say("I am here")
    one.shows("I am here")
    one.page.wait_for_function(f"() => {GAP} < 2")


def test_the_keyboard_goes_everywhere_in_the_order_of_the_page(reading: tuple[Window, Script]) -> None:
    one, script = reading
    page = one.page
    read_back(one, "line 50")
    script.message("new", AT)
    expect(page.locator("#newer")).to_be_visible()
    page.focus("#topic")
    way = []
    for step in range(9):
        if step:
            page.keyboard.press("Tab")
        way.append(page.evaluate("document.activeElement.id || document.activeElement.textContent.trim()"))
        ring = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
        assert ring != "none", way[-1]
    site = ["Rooms", "Sign in", "Sign up"]
    assert way == ["topic", "You are guest-0001", *site, "messages", "newer", "text", "Send"]
    page.focus("#messages")
    page.keyboard.press("Home")
    page.wait_for_function("() => document.getElementById('messages').scrollTop === 0")
    page.keyboard.press("PageDown")
    page.wait_for_function("() => document.getElementById('messages').scrollTop > 200")
    page.keyboard.press("End")
    page.wait_for_function(f"() => {GAP} < 2")
    expect(page.locator("#newer")).to_be_hidden()


def test_escape_closes_what_was_opened_and_gives_the_focus_back(reading: tuple[Window, Script]) -> None:
    one, _ = reading
    name = one.page.locator("#name")
    name.locator("summary").press("Enter")
    expect(one.page.locator("#name-field")).to_be_focused()
    one.page.keyboard.press("Escape")
    expect(one.page.locator("#name-field")).to_be_hidden()
    expect(name.locator("summary")).to_be_focused()


def test_a_topic_that_does_not_fit_opens_and_one_that_fits_is_no_button(reading: tuple[Window, Script]) -> None:
    one, script = reading
    topic = one.page.locator("#topic")
    low = topic.bounding_box()
    topic.press("Enter")
    expect(topic).to_have_attribute("aria-expanded", "true")
    high = topic.bounding_box()
    assert low and high and high["height"] > 2 * low["height"]
    expect(topic).to_have_text(TOPIC.strip())
    topic.press("Escape")
    expect(topic).to_have_attribute("aria-expanded", "false")
    script.joined["topic"] = "Short"
    script.say("resync", room="lobby")
    expect(topic).to_have_text("Short")
    expect(topic).to_be_disabled()


def test_the_log_is_one_and_says_messages_and_nothing_else(reading: tuple[Window, Script]) -> None:
    one, script = reading
    log = one.page.get_by_role("log", name="Messages")
    script.broadcast("tick", AT)
    expect(one.broadcasts).to_have_count(1)
    quiet = log.locator("> *:not(article)").evaluate_all("(all) => all.map((line) => line.getAttribute('aria-live'))")
    assert quiet == ["off", "off", "off"]
    assert log.locator("[aria-live]:not([aria-live=off])").count() == 0


def test_axe_finds_nothing(server: Server, window: Open) -> None:
    script = Script(topic=TOPIC, limits={"message_bytes": 40})
    one = window(server, "/rooms/lobby", lossy=script.serve).joined()
    assert violations(one.page) == []
    script.message("see https://example.org/", AT)
    script.message("mine", AT, YOU)
    script.broadcast("tick", AT)
    script.answers = False
    one.say("fails")
    one.shows("fails")
    send = script.all("send")[-1]
    script.frame({"type": "error", "id": send["id"], "payload": {"code": "forbidden", "message": "not now"}})
    expect(one.page.locator(".failed")).to_be_visible()
    one.say("on its way")
    one.page.click("#name summary")
    one.page.fill("#text", "x" * 41)
    script.close(4001, retry_after_s=30)
    one.is_("waiting")
    assert violations(one.page) == []


def test_at_200_percent_nothing_is_lost(server: Server, window: Open) -> None:
    script = Script(topic=TOPIC)
    size = {"width": 720, "height": 450}
    one = window(server, "/rooms/lobby", lossy=script.serve, viewport=size, device_scale_factor=2).joined()
    script.messages([f"line {number}" for number in range(50)], AT)
    one.shows("line 49")
    for part in ("#room-title", "#topic", "#status .words", "#name summary", "#text", "#composer .submit"):
        expect(one.page.locator(part)).to_be_in_viewport(ratio=1)
    list_box = one.page.locator("#messages").bounding_box()
    assert list_box and list_box["height"] > 200
    assert one.page.evaluate("document.documentElement.scrollWidth") <= 720


def test_at_400_percent_the_page_scrolls_and_nothing_is_cut(server: Server, window: Open) -> None:
    script = Script(topic=TOPIC)
    one = window(server, "/rooms/lobby", lossy=script.serve, viewport={"width": 320, "height": 256}).joined()
    script.messages([f"line {number}" for number in range(50)], AT)
    one.shows("line 49")
    for part in ("#room-title", "#text", "#composer .submit"):
        one.page.locator(part).scroll_into_view_if_needed()
        expect(one.page.locator(part)).to_be_in_viewport(ratio=0.95)
    assert one.page.evaluate("document.documentElement.scrollWidth") <= 320


def test_nothing_moves_for_who_wants_no_motion(server: Server, window: Open) -> None:
    script = Script()
    one = window(server, "/rooms/lobby", lossy=script.serve, reduced_motion="reduce").joined()
    script.refused = {"code": "unavailable", "message": "not now", "retry_after_s": 60}
    script.close(4001)
    one.is_("stopped")
    assert one.page.evaluate("document.getAnimations().length") == 0


def test_the_page_is_never_wider_than_its_window(server: Server, window: Open, room: str) -> None:
    one = window(server, f"/rooms/{room}", viewport={"width": 1440, "height": 800}).joined()
    one.rename("W" * 40)
    expect(one.page.locator("#name .shown")).to_have_text("W" * 40)
    one.say("x" * 500)
    one.shows("x" * 500)
    for width in (1440, 390, 320):
        one.page.set_viewport_size({"width": width, "height": 800})
        one.page.wait_for_function(f"() => window.innerWidth === {width}")
        assert one.page.evaluate("document.documentElement.scrollWidth") <= width
        assert one.page.evaluate(
            "document.getElementById('messages').scrollWidth <= document.getElementById('messages').clientWidth"
        )
