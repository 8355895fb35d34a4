"""Changes of messages on a durable room's page: edit, delete, reply, react; by mouse, finger and keyboard."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import WebSocketRoute, expect

from .axe import violations
from .between import Between
from .guests import Guest
from .lines import act, fill, line
from .servers import Server
from .windows import Window, on_one_server

pytestmark = [pytest.mark.browser, on_one_server]

SMALL: dict[str, Any] = {"viewport": {"width": 390, "height": 600}}
Open = Callable[..., Window]


def test_an_edit_is_seen_by_others_and_marked(server: Server, window: Open, room: str) -> None:
    one, two = window(server, f"/rooms/{room}").joined(), window(server, f"/rooms/{room}").joined()
    one.say("frist")
    two.shows("frist")
    act(one, "frist", "Edit")
    expect(one.page.locator("#composer-context .what")).to_have_text("Edit your message")
    one.page.fill("#text", "first")
    one.page.press("#text", "Enter")
    for each in (one, two):
        each.shows("first")
        expect(line(each, "first").locator(".edited")).to_have_text("edited")
        assert each.messages.count() == 1 and each.errors == []
    expect(one.page.locator("#text")).to_have_value("")


def test_a_deleted_message_leaves_its_place_for_everybody(server: Server, window: Open, room: str) -> None:
    one, two = window(server, f"/rooms/{room}").joined(), window(server, f"/rooms/{room}").joined()
    one.say("regrets")
    one.say("stays")
    two.shows("stays")
    act(one, "regrets", "Delete")
    one.shows("regrets")
    one.page.get_by_role("button", name="Really delete?").click()
    for each in (one, two):
        expect(each.page.locator("#messages .gone")).to_have_text(["Message deleted"])
        assert each.texts() == ["stays"]


def test_a_reply_shows_what_it_answers_and_leads_there(unlimited: Server, window: Open, room: str) -> None:
    fill(unlimited, room, 300)
    one, two = window(unlimited, f"/rooms/{room}").joined(), window(unlimited, f"/rooms/{room}").joined()
    act(one, "m300", "Reply")
    expect(one.page.locator("#composer-context")).to_contain_text("Ada: m300")
    one.say("yes")
    for each in (one, two):
        expect(line(each, "yes").locator(".quote")).to_have_text("In reply to Ada m300")
    far = Guest(unlimited.ws())
    far.join(room)
    assert far.ask("send", {"room": room, "text": "long ago", "reply_to": 20})["type"] == "ack"
    far.close()
    quote = line(two, "long ago").locator(".quote")
    expect(quote).to_have_text("In reply to Message 20 ")
    quote.click()
    expect(line(two, "m20")).to_be_focused()
    expect(line(two, "m20")).to_be_in_viewport()
    assert two.errors == []


def test_a_quote_leads_however_far_back_and_loads_no_page_twice(unlimited: Server, window: Open, room: str) -> None:
    fill(unlimited, room, 1300)
    between = Between()
    one = window(unlimited, f"/rooms/{room}", lossy=between.serve, **SMALL).joined()
    far = Guest(unlimited.ws())
    far.join(room)
    assert far.ask("send", {"room": room, "text": "long ago", "reply_to": 20})["type"] == "ack"
    line(one, "long ago").locator(".quote").click()
    expect(line(one, "m20")).to_be_focused()
    expect(line(one, "m20")).to_be_in_viewport()
    one.page.wait_for_function("() => document.querySelector('#messages .text').textContent === 'm1'")
    expect(line(one, "m20")).to_be_in_viewport()
    asked = between.all("history")
    assert asked[0]["after"] == 19 and len(asked) <= 4
    assert len({str(page) for page in asked}) == len(asked)
    texts = one.texts()
    assert texts == [f"m{number}" for number in range(1, len(texts) + 1)]
    far.close()
    one.page.locator("#messages").press("End")
    one.shows("long ago")
    assert one.errors == []


def test_reactions_are_counted_named_and_taken_back(server: Server, window: Open, room: str) -> None:
    one, two = window(server, f"/rooms/{room}").joined(), window(server, f"/rooms/{room}").joined()
    one.say("cake")
    two.shows("cake")
    act(two, "cake", "React")
    two.page.get_by_role("button", name="React with 🎉").click()
    for each, pressed in ((one, "false"), (two, "true")):
        chip = line(each, "cake").locator(".chip")
        expect(chip).to_have_text(["🎉 1"])
        expect(chip).to_have_attribute("aria-pressed", pressed)
    line(one, "cake").locator(".chip").click()
    expect(line(two, "cake").locator(".chip")).to_have_text(["🎉 2"])
    expect(line(one, "cake").locator(".chip")).to_have_attribute("title", re.compile(r"^(you and 1 other|.* and you)$"))
    line(two, "cake").locator(".chip").click()
    for each in (one, two):
        expect(line(each, "cake").locator(".chip")).to_have_text(["🎉 1"])
    act(one, "cake", "React")
    one.page.get_by_label("Another emoji").fill("words")
    one.page.keyboard.press("Enter")
    expect(line(one, "cake").locator(".state")).to_contain_text("No reaction: ")
    expect(line(one, "cake").locator(".chip")).to_have_count(1)


def test_others_messages_offer_no_edit_and_no_delete_and_ones_own_do_after_a_reload_too(
    server: Server, window: Open, room: str
) -> None:
    one, two = window(server, f"/rooms/{room}").joined(), window(server, f"/rooms/{room}").joined()
    one.say("mine")
    two.shows("mine")
    tools = "#messages .actions .act:visible"
    line(two, "mine").hover()
    expect(two.page.locator(tools)).to_have_text(["React", "Reply"])
    line(one, "mine").hover()
    expect(one.page.locator(tools)).to_have_text(["React", "Reply", "Edit", "Delete"])
    one.page.reload()
    line(one.joined(), "mine").hover()
    expect(one.page.locator(tools)).to_have_text(["React", "Reply", "Edit", "Delete"])


def test_all_of_it_goes_by_keyboard(server: Server, window: Open, room: str) -> None:
    one = window(server, f"/rooms/{room}").joined()
    for text in ("first", "second"):
        one.say(text)
        expect(line(one, text)).to_have_class(re.compile("sent"))
    press = one.page.keyboard.press
    focused = "document.activeElement.textContent"
    one.page.focus("#text")
    press("ArrowUp")
    expect(one.page.locator("#text")).to_have_value("second")
    press("Escape")
    expect(one.page.locator("#text")).to_have_value("")
    one.page.focus("#messages")
    press("ArrowUp")
    expect(line(one, "second")).to_be_focused()
    press("ArrowUp")
    expect(line(one, "first")).to_be_focused()
    press("Enter")
    assert one.page.evaluate(focused) == "React"
    press("ArrowRight")
    assert one.page.evaluate(focused) == "Reply"
    press("Escape")
    expect(line(one, "first")).to_be_focused()
    press("Enter")
    press("Enter")
    assert one.page.evaluate("document.activeElement.getAttribute('aria-label')") == "React with 👍"
    press("Enter")
    expect(line(one, "first").locator(".chip")).to_have_text(["👍 1"])
    expect(line(one, "first")).to_be_focused()
    press("Enter")
    for _ in range(2):
        press("ArrowRight")
    press("Enter")
    expect(one.page.locator("#text")).to_be_focused()
    expect(one.page.locator("#text")).to_have_value("first")
    one.page.keyboard.type(", edited")
    press("Enter")
    one.shows("first, edited")
    assert one.errors == []


def test_a_draft_outlasts_an_edit(server: Server, window: Open, room: str) -> None:
    one = window(server, f"/rooms/{room}").joined()
    one.say("said")
    expect(line(one, "said")).to_have_class(re.compile("sent"))
    one.page.fill("#text", "a draft")
    act(one, "said", "Edit")
    expect(one.page.locator("#text")).to_have_value("said")
    one.page.get_by_role("button", name="Cancel").click()
    expect(one.page.locator("#text")).to_have_value("a draft")


def test_a_finger_that_rests_on_a_message_shows_its_actions(server: Server, window: Open, room: str) -> None:
    one = window(server, f"/rooms/{room}", has_touch=True, **SMALL).joined()
    one.say("touch me")
    expect(line(one, "touch me")).to_have_class(re.compile("sent"))
    down = "(node) => node.dispatchEvent(new PointerEvent('pointerdown', {pointerType: 'touch', bubbles: true}))"
    line(one, "touch me").evaluate(down)
    expect(one.page.get_by_role("toolbar", name="Message actions")).to_be_visible()


def test_axe_finds_nothing_in_any_state(unlimited: Server, window: Open, room: str) -> None:
    routes: list[WebSocketRoute] = []

    def once(route: WebSocketRoute) -> None:
        """Let the page's first connection through to the server, and no later one."""
        routes.append(route)
        if len(routes) == 1:
            route.connect_to_server()
        else:
            route.close(code=4004)

    fill(unlimited, room, 3)
    one = window(unlimited, f"/rooms/{room}", lossy=once).joined()
    for text in ("kept", "goes"):
        one.say(text)
        expect(line(one, text)).to_have_class(re.compile("sent"))
    act(one, "m3", "Reply")
    one.say("an answer")
    expect(line(one, "an answer")).to_have_class(re.compile("sent"))
    act(one, "goes", "Delete")
    one.page.get_by_role("button", name="Really delete?").click()
    expect(one.page.locator("#messages .gone")).to_have_count(1)
    act(one, "m2", "React")
    one.page.get_by_role("button", name="React with 👍").click()
    expect(one.page.locator(".chip")).to_have_count(1)
    act(one, "kept", "Edit")
    act(one, "kept", "React")
    expect(one.page.locator(".picker")).to_be_visible()
    assert violations(one.page) == []
    routes[0].close(code=4004)
    one.is_("waiting")
    one.page.keyboard.press("Escape")
    one.page.get_by_role("button", name="Cancel").click()
    one.say("waits")
    expect(one.page.locator("#messages .waiting")).to_have_count(1)
    assert violations(one.page) == []
