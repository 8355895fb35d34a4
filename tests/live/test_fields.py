"""Fields on a phone: none makes it zoom, and the composer is as high as its text in browsers that do not size it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, Route, expect

from .servers import Server
from .test_accessibility import no_zooming
from .windows import WAIT_MS, on_one_server

pytestmark = [pytest.mark.browser, on_one_server]

PHONE = {"viewport": {"width": 390, "height": 844}}
# A browser without `field-sizing` neither says that it has it nor heeds it.
WITHOUT = (
    "{ const has = CSS.supports.bind(CSS); CSS.supports = (...said) => said[0] !== 'field-sizing' && has(...said); }"
)
HEIGHTS = """() => { const field = document.getElementById("text");
    return { height: field.getBoundingClientRect().height, hidden: field.scrollHeight - field.clientHeight, most: innerHeight * 0.4 }; }"""
TEXTS = {
    "one line": ("x", 1),
    "three lines": ("a\nb\nc", 3),
    "a long line": ("word " * 40, 4),
    "a long word": ("x" * 200, 4),
    "Chinese": ("你好" * 60, 4),
    "an empty line at the end": ("a\n", 2),
    "more than there is place for": ("a\n" * 60, 10),
}


def heedless(route: Route) -> None:
    answer = route.fetch()
    text = answer.text()
    assert "field-sizing: content;" in text
    route.fulfill(response=answer, body=text.replace("field-sizing: content;", ""))


@pytest.fixture(params=[False, True], ids=["field-sizing", "without"])
def composer(request: pytest.FixtureRequest, browser: Browser, server: Server, room: str) -> Iterator[Page]:
    """A room's page on a phone, in a browser with and in one without `field-sizing`."""
    context = browser.new_context(**PHONE)
    page = context.new_page()
    page.set_default_timeout(WAIT_MS)
    if request.param:
        page.add_init_script(WITHOUT)
        page.route("**/chat.css", heedless)
    page.goto(server.url(f"/rooms/{room}"))
    expect(page.locator("#status")).to_have_attribute("data-state", "joined")
    yield page
    context.close()


def test_the_composer_is_as_high_as_its_text_up_to_a_limit(composer: Page) -> None:
    empty = composer.evaluate(HEIGHTS)["height"]
    for text, lines in TEXTS.values():
        composer.fill("#text", text)
        found = composer.evaluate(HEIGHTS)
        assert found["hidden"] <= 1 or found["height"] >= found["most"] - 1, (text, found)
        assert found["height"] <= found["most"] + 1, (text, found)
        assert found["height"] >= min(empty + (lines - 1) * 20, found["most"] - 1), (text, found)
        composer.fill("#text", "")
        assert composer.evaluate(HEIGHTS)["height"] == empty, text
    composer.fill("#text", "word " * 20)
    narrow = composer.evaluate(HEIGHTS)["height"]
    composer.set_viewport_size({"width": 1200, "height": 844})
    composer.wait_for_function(f"() => document.getElementById('text').getBoundingClientRect().height < {narrow}")
    composer.fill("#text", "a\nb\nc")
    composer.press("#text", "Enter")
    expect(composer.locator("#messages .message .text").last).to_have_text("a\nb\nc")
    composer.wait_for_function(f"() => document.getElementById('text').getBoundingClientRect().height === {empty}")


def test_no_field_of_a_room_makes_a_phone_zoom(composer: Page) -> None:
    composer.fill("#text", "something to react to")
    composer.press("#text", "Enter")
    message = composer.locator("#messages .message").last
    message.hover()
    composer.get_by_role("button", name="React").click()
    expect(composer.locator(".picker input")).to_be_visible()
    composer.click("#name summary")
    expect(composer.locator("#name-field")).to_be_visible()
    no_zooming(composer)
