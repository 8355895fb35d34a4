"""The page of a durable room: history, and what outlasts a server and a reload."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import WebSocketRoute, expect

from .axe import violations
from .between import Between
from .guests import Guest
from .lines import act, fill, line, online
from .servers import Server
from .waiting import until
from .windows import Window, on_one_server

pytestmark = [pytest.mark.browser, on_one_server]

SMALL: dict[str, Any] = {"viewport": {"width": 390, "height": 600}}
GAP = (
    "(() => { const list = document.getElementById('messages');"
    " return list.scrollHeight - list.scrollTop - list.clientHeight; })()"
)
# The top of the first message that is wholly in sight, and its text: again and again, before each frame that is drawn.
WATCH_PLACE = """
    (text) => {
        const places = (window.places = []);
        const all = () => [...document.querySelectorAll("#messages .text")];
        const look = () => {
            const node = all().find((one) => one.textContent === text);
            places.push(node ? node.getBoundingClientRect().top : null);
            window.looking = requestAnimationFrame(look);
        };
        look();
    }
"""
# A page that lets go soon, and a room that is longer than what it holds.
SIZES = {"MAX_LINES": 200, "STEP_LINES": 50, "MAX_HELD": 400}
LONG = 1100
# What the page does by itself it has done after so many frames.
STAND_STILL = """
    new Promise((done) => {
        let frames = 90;
        const draw = () => ((frames -= 1) > 0 ? requestAnimationFrame(draw) : done());
        draw();
    })
"""
Open = Callable[..., Window]


def scroll_up(one: Window) -> None:
    """Scroll as a wheel does that is turned fast."""
    one.page.locator("#messages").hover()
    one.page.mouse.wheel(0, -2000)


def numbers(one: Window) -> list[int]:
    return [int(text[1:]) for text in one.texts() if re.fullmatch(r"m\d+", text)]


def without_a_hole(one: Window) -> list[int]:
    found = numbers(one)
    assert found == list(range(found[0], found[-1] + 1)), "a hole, or out of order"
    assert one.messages.count() <= SIZES["MAX_LINES"]
    return found


def read_to_the_beginning(one: Window) -> None:
    def at_the_beginning() -> bool:
        scroll_up(one)
        top = one.page.evaluate("document.getElementById('messages').scrollTop")
        return without_a_hole(one)[0] == 1 and top == 0

    until(at_the_beginning, "the first message", 60)
    expect(one.page.locator("#messages .head")).to_have_text("This is where the room begins.")


def say_as_somebody_else(server: Server, room: str, text: str) -> None:
    other = Guest(server.ws())
    other.join(room)
    assert other.ask("send", {"room": room, "text": text})["type"] == "ack"
    other.close()


# History


def test_a_reader_scrolls_back_to_where_the_room_begins_and_nothing_jumps(
    unlimited: Server, window: Open, room: str
) -> None:
    fill(unlimited, room, 720)
    one = window(unlimited, f"/rooms/{room}", **SMALL).joined()
    one.shows("m720")
    assert one.page.evaluate(GAP) < 2
    head = one.page.locator("#messages .head")

    def at_the_beginning() -> bool:
        scroll_up(one)
        found = numbers(one)
        assert found == list(range(found[0], found[-1] + 1)), "a hole, or out of order"
        assert one.messages.count() <= 500
        return found[0] == 1 and one.page.evaluate("document.getElementById('messages').scrollTop") == 0

    until(at_the_beginning, "the first message", 60)
    expect(head).to_have_text("This is where the room begins.")
    assert one.errors == []
    # And down again, through what was let go.
    until(
        lambda: (one.page.mouse.wheel(0, 3000), one.page.evaluate(GAP) < 2 and numbers(one)[-1] == 720)[1],
        "the end",
        60,
    )
    assert one.messages.count() <= 500


def test_the_line_that_one_reads_stays_while_older_ones_load(unlimited: Server, window: Open, room: str) -> None:
    fill(unlimited, room, 400)
    one = window(unlimited, f"/rooms/{room}", **SMALL).joined()
    one.shows("m400")
    text = one.texts()[0]  # Before the scrolling: what is older may come at once.
    one.page.evaluate("document.getElementById('messages').scrollTop = 0")
    one.page.evaluate(WATCH_PLACE, text)
    # Both what is loaded and what the window moves to.
    one.page.wait_for_function("(text) => document.querySelector('#messages .text').textContent !== text", arg=text)
    one.page.wait_for_function("() => window.places.length > 20")
    one.page.evaluate("cancelAnimationFrame(window.looking)")
    places = one.page.evaluate("window.places")
    assert None not in places
    assert max(places) - min(places) <= 2, places


def test_who_reads_back_further_than_the_page_holds_comes_to_the_beginning_stays_there_and_comes_down_again(
    unlimited: Server, window: Open, room: str
) -> None:
    fill(unlimited, room, LONG)
    between = Between()
    one = window(unlimited, f"/rooms/{room}", lossy=between.serve, sizes=SIZES, **SMALL).joined()
    one.shows(f"m{LONG}")
    read_to_the_beginning(one)
    pages = [asked["before"] for asked in between.all("history")]
    assert len(pages) == len(set(pages)) <= LONG / 50, "no page is loaded twice"
    one.page.evaluate(STAND_STILL)
    assert len(between.all("history")) == len(pages), "nobody has touched it"
    say_as_somebody_else(unlimited, room, "meanwhile")
    expect(one.page.locator("#newer")).to_have_text("1 new message")
    assert without_a_hole(one)[0] == 1

    def at_the_end() -> bool:
        one.page.mouse.wheel(0, 3000)
        without_a_hole(one)
        return one.texts()[-1] == "meanwhile" and one.page.evaluate(GAP) < 2

    until(at_the_end, "the end", 60)
    expect(one.page.locator("#newer")).to_be_hidden()
    expect(one.page.locator("#messages .foot")).to_have_count(0)
    pages = [str(asked) for asked in between.all("history")]
    assert len(pages) == len(set(pages))
    say_as_somebody_else(unlimited, room, "last")
    one.shows("last")
    assert one.errors == []


def test_far_back_one_key_and_ones_own_words_lead_to_the_newest(unlimited: Server, window: Open, room: str) -> None:
    fill(unlimited, room, LONG)
    between = Between()
    one = window(unlimited, f"/rooms/{room}", lossy=between.serve, sizes=SIZES, **SMALL).joined()
    one.shows(f"m{LONG}")
    read_to_the_beginning(one)
    asked = len(between.all("history"))
    one.page.locator("#messages").press("End")
    one.shows(f"m{LONG}")
    one.page.wait_for_function(f"() => {GAP} < 2")
    without_a_hole(one)
    one.page.evaluate(STAND_STILL)
    assert len(between.all("history")) == asked
    read_to_the_beginning(one)
    say_as_somebody_else(unlimited, room, "unseen")
    expect(one.page.locator("#newer")).to_have_text("1 new message")
    one.page.click("#newer")
    mark = one.page.get_by_role("separator", name="New messages")
    assert mark.evaluate("(node) => node.nextElementSibling.querySelector('.text').textContent") == "unseen"
    read_to_the_beginning(one)
    one.say("mine")
    expect(one.page.locator("#messages .sent .text").last).to_have_text("mine")
    one.page.wait_for_function(f"() => {GAP} < 2")
    assert one.texts()[-2:] == ["unseen", "mine"]


def test_newer_messages_that_are_not_loaded_are_said_to_be_missing(unlimited: Server, window: Open, room: str) -> None:
    fill(unlimited, room, LONG)
    between = Between()
    one = window(unlimited, f"/rooms/{room}", lossy=between.serve, sizes=SIZES, **SMALL).joined()
    one.shows(f"m{LONG}")
    read_to_the_beginning(one)
    between.refused = {"history", "join"}
    foot = one.page.locator("#messages .foot")
    until(lambda: (one.page.mouse.wheel(0, 3000), foot.count() == 1 and one.page.evaluate(GAP) < 2)[-1], "the foot", 60)
    expect(foot).to_contain_text("Not now.")
    one.page.evaluate(STAND_STILL)
    assert [asked["after"] for asked in between.all("history") if "after" in asked] == [400], "once"
    one.say("mine")
    one.shows("mine")
    expect(one.page.locator("#messages .foot + .waiting .text")).to_have_text("mine")
    assert violations(one.page) == []
    between.refused = set()
    one.page.reload()
    one.joined()
    expect(one.page.locator("#messages .sent .text").last).to_have_text("mine")


def test_older_messages_that_cannot_be_loaded_are_asked_for_once_and_again_by_hand(
    unlimited: Server, window: Open, room: str
) -> None:
    fill(unlimited, room, 300)
    between = Between()
    between.refused = {"history"}
    one = window(unlimited, f"/rooms/{room}", lossy=between.serve, **SMALL).joined()
    one.shows("m300")
    head = one.page.locator("#messages .head")
    until(lambda: (scroll_up(one), "Not now." in (head.text_content() or ""))[-1], "the refusal", 60)
    scroll_up(one)
    one.page.evaluate(STAND_STILL)
    assert len(between.all("history")) == 1
    between.refused = set()
    head.get_by_role("button", name="Try again").click()
    until(lambda: (scroll_up(one), numbers(one)[0] == 1)[-1], "the first message", 60)


def test_messages_that_came_unseen_begin_at_a_mark(unlimited: Server, window: Open, room: str) -> None:
    one, two = window(unlimited, f"/rooms/{room}", **SMALL).joined(), window(unlimited, f"/rooms/{room}").joined()
    fill(unlimited, room, 30)
    one.shows("m30")
    one.page.locator("#messages").hover()
    one.page.mouse.wheel(0, -300)
    one.page.wait_for_function(f"() => {GAP} > 100")
    two.say("unseen")
    one.shows("unseen")
    expect(one.page.locator("#newer")).to_have_text("1 new message")
    mark = one.page.get_by_role("separator", name="New messages")
    assert mark.evaluate("(node) => node.nextElementSibling.querySelector('.text').textContent") == "unseen"
    one.page.click("#newer")
    expect(mark).to_be_visible()
    one.say("seen")
    expect(mark).to_have_count(0)


# What outlasts what


def test_what_was_written_while_the_server_was_down_appears_once_after_it_is_back_in_a_page_loaded_anew_too(
    fresh: Callable[..., Server], window: Open, room: str
) -> None:
    server = fresh()
    one, two = window(server, f"/rooms/{room}").joined(), window(server, f"/rooms/{room}").joined()
    one.say("before")
    two.shows("before")
    server.kill()
    one.is_("waiting")
    for text in ("meanwhile 1", "meanwhile 2"):
        one.say(text)
    expect(one.page.locator("#messages .waiting")).to_have_count(2)
    one.page.goto("about:blank")
    server.start()
    one.page.goto(server.url(f"/rooms/{room}"))
    for each in (one, two):
        online(each).joined()
    expect(one.page.locator("#messages .sent")).to_have_count(3)
    wanted = ["before", "meanwhile 1", "meanwhile 2"]
    two.shows(wanted[-1])
    assert one.texts() == two.texts() == wanted
    late = window(server, f"/rooms/{room}").joined()
    late.shows(wanted[-1])
    assert late.texts() == wanted


def test_a_page_loaded_anew_while_only_the_socket_is_down_shows_what_waits(
    server: Server, window: Open, room: str
) -> None:
    routes: list[WebSocketRoute] = []
    refuse = [False]

    def gate(route: WebSocketRoute) -> None:
        routes.append(route)
        if refuse[0]:
            route.close(code=4004)
        else:
            route.connect_to_server()

    one = window(server, f"/rooms/{room}", lossy=gate).joined()
    refuse[0] = True
    routes[0].close(code=4004)
    one.is_("waiting")
    one.say("patience")
    one.page.reload()
    expect(one.page.locator("#messages .waiting .text")).to_have_text(["patience"])
    refuse[0] = False
    online(one).joined()
    expect(one.page.locator("#messages .sent .text")).to_have_text(["patience"])


def test_changes_that_are_not_acknowledged_outlast_a_reload(server: Server, window: Open, room: str) -> None:
    between = Between()
    one = window(server, f"/rooms/{room}", lossy=between.serve).joined()
    for text in ("frist", "goes"):
        one.say(text)
        expect(line(one, text)).to_have_class(re.compile("sent"))
    between.refused = {"edit", "delete"}
    act(one, "frist", "Edit")
    one.page.fill("#text", "first")
    one.page.press("#text", "Enter")
    act(one, "goes", "Delete")
    one.page.get_by_role("button", name="Really delete?").click()
    expect(line(one, "first").locator(".state")).to_have_text("Saving…")
    expect(line(one, "goes").locator(".state")).to_have_text("Deleting…")
    between.refused = set()
    one.page.reload()
    expect(line(one.joined(), "first").locator(".edited")).to_have_text("edited")
    expect(one.page.locator("#messages .gone")).to_have_count(1)
    one.page.reload()
    expect(line(one.joined(), "first").locator(".state")).to_have_text("")
    assert len(between.all("edit")) == 2


def test_a_kill_amid_twenty_messages_leaves_each_once_and_in_order(
    fresh: Callable[..., Server], window: Open, room: str
) -> None:
    server = fresh()
    one, two = window(server, f"/rooms/{room}").joined(), window(server, f"/rooms/{room}").joined()
    texts = [f"m{number}" for number in range(20)]
    for number, text in enumerate(texts):
        one.say(text)
        if number == 9:
            server.kill()
    server.start()
    for each in (one, two):
        online(each).joined()
        each.shows(texts[-1])
    expect(one.page.locator("#messages .sent")).to_have_count(20)
    assert one.texts() == two.texts() == texts


def test_what_was_missed_while_away_is_there_afterwards(fresh: Callable[..., Server], window: Open, room: str) -> None:
    server = fresh()
    one, two = window(server, f"/rooms/{room}").joined(), window(server, f"/rooms/{room}").joined()
    one.say("will change")
    two.shows("will change")
    two.page.context.set_offline(True)
    two.page.evaluate("window.dispatchEvent(new Event('offline'))")
    server.kill()
    server.start()
    online(one).joined()
    one.say("missed")
    one.shows("missed")
    two.page.context.set_offline(False)
    online(two).joined()
    two.shows("missed")
    assert two.texts() == ["will change", "missed"]


def test_two_windows_of_one_browser_do_not_send_each_others_messages(
    fresh: Callable[..., Server], window: Open, room: str
) -> None:
    server = fresh()
    one = window(server, f"/rooms/{room}").joined()
    page = one.page.context.new_page()
    page.clock.install()
    beside = Window(page, server.url(f"/rooms/{room}")).joined()
    server.kill()
    one.is_("waiting")
    one.say("mine")
    # It looks every five seconds for what others have left.
    page.clock.fast_forward(6_000)
    expect(beside.page.locator("#messages .message")).to_have_count(0)
    one.page.close()
    expect(beside.page.locator("#messages .waiting .text")).to_have_text(["mine"])
    server.start()
    online(beside).joined()
    expect(beside.page.locator("#messages .sent .text")).to_have_text(["mine"])
