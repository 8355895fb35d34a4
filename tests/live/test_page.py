"""The room's page in a real browser, against the real servers: what is written, names, the page's own rules."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import expect

from .guests import Guest
from .servers import Server
from .windows import Window, on_one_server

pytestmark = pytest.mark.browser

TEXTS = {
    "markup": '<b>bold</b> <img src=x onerror="window.harm = 1"> </p><script>window.harm = 1</script> &amp; &lt;',
    "emoji": "👩‍👩‍👧‍👦 🏳️‍🌈 👍🏽 🇪🇺 #️⃣",
    "right to left": "مرحبا بالعالم — שלום, abc",
    "bidi overrides": "user\u202egnp.exe\u202c \u2067isolated",
    "scripts": "漢字かな 한국어 ไทย ελληνικά русский हिन्दी",
    "combining": "Z\u0351\u036b\u0343\u036a\u0302\u033d\u0319\u0324 e\u0301 \u00e9 \ufeffBOM",
    "lines and spaces": "one\n\n  two\tthree   four",
    "json": '{"type":"error","payload":{}} \\n \\u0041 \u2028 "quoted"',
}


def test_two_windows_exchange_messages_and_show_the_broadcast(ticking: Server, window: Callable[..., Window]) -> None:
    one, two = window(ticking, "/rooms/ticks").joined(), window(ticking, "/rooms/ticks").joined()
    one.say("hello from one")
    two.say("hello from two")
    for each in (one, two):
        each.shows("hello from one")
        each.shows("hello from two")
        expect(each.broadcasts.first).to_have_text(re.compile(r"^Server broadcast: tick \d\d:\d\d:\d\d$"))
        expect(each.page.locator("#messages .own .text")).to_have_text(
            ["hello from one" if each is one else "hello from two"]
        )
        assert each.errors == []


@on_one_server
def test_the_front_page_is_the_default_room(server: Server, window: Callable[..., Window]) -> None:
    front, lobby = window(server, "/").joined(), window(server, "/rooms/lobby").joined()
    front.say("to the lobby")
    lobby.shows("to the lobby")


@on_one_server
def test_text_arrives_as_typed_and_as_text(server: Server, window: Callable[..., Window], room: str) -> None:
    one, two = window(server, f"/rooms/{room}").joined(), window(server, f"/rooms/{room}").joined()
    for text in TEXTS.values():
        one.say(text)
    for each in (one, two):
        for text in TEXTS.values():
            each.shows(text)
        assert each.texts() == list(TEXTS.values())
        assert each.page.locator("#messages .text *").count() == 0
        assert each.page.evaluate("window.harm") is None
        assert each.errors == []


@on_one_server
def test_enter_sends_shift_enter_makes_a_line_and_an_input_method_is_left_alone(
    server: Server, window: Callable[..., Window], room: str
) -> None:
    one = window(server, f"/rooms/{room}").joined()
    one.page.focus("#text")
    one.page.keyboard.type("first")
    one.page.keyboard.press("Shift+Enter")
    one.page.keyboard.type("second")
    for event in ("{isComposing: true}", "{keyCode: 229}"):
        taken = one.page.evaluate(
            f"!document.getElementById('text').dispatchEvent(new KeyboardEvent('keydown', {{key: 'Enter', cancelable: true, bubbles: true, ...{event}}}))"
        )
        assert taken is False
    expect(one.page.locator("#text")).to_have_value("first\nsecond")
    one.page.keyboard.press("Enter")
    one.shows("first\nsecond")
    expect(one.page.locator("#text")).to_have_value("")
    assert one.texts() == ["first\nsecond"]


@on_one_server
def test_nothing_and_too_much_are_refused_with_a_word_and_kept(
    shared: Callable[..., Server], window: Callable[..., Window], room: str
) -> None:
    one = window(shared(CHAT_MAX_MESSAGE_BYTES="64"), f"/rooms/{room}").joined()
    note = one.page.locator("#composer-note")
    one.say("   ")
    expect(note).to_have_text("There is nothing to send yet.")
    one.say("é" * 33)
    expect(note).to_have_text("Too long: 66 bytes of at most 64.")
    expect(one.page.locator("#text")).to_have_value("é" * 33)
    one.say("é" * 32)
    one.shows("é" * 32)
    expect(note).to_have_text("")


@on_one_server
def test_too_long_is_said_while_typing_in_bytes_and_nothing_is_sent(
    shared: Callable[..., Server], window: Callable[..., Window], room: str
) -> None:
    one = window(shared(CHAT_MAX_MESSAGE_BYTES="64"), f"/rooms/{room}").joined()
    text, note, counter = (one.page.locator(part) for part in ("#text", "#composer-note", "#composer-counter"))
    text.fill("é" * 25)
    expect(counter).to_have_text("")
    text.press_sequentially("éé")
    expect(counter).to_have_text("54 of 64 bytes")
    expect(note).to_have_text("")
    text.press_sequentially("éééééé")
    expect(counter).to_have_text("66 of 64 bytes")
    expect(note).to_have_text("This is too long to send.")
    expect(text).to_have_attribute("aria-invalid", "true")
    text.press("Backspace")
    expect(counter).to_have_text("64 of 64 bytes")
    expect(note).to_have_text("")
    text.press("Enter")
    one.shows("é" * 32)
    expect(counter).to_have_text("")


@on_one_server
def test_web_addresses_are_links_that_say_what_was_typed(
    server: Server, window: Callable[..., Window], room: str
) -> None:
    one = window(server, f"/rooms/{room}").joined()
    typed = "see (https://Example.org/a_(b)?c=<d>), http://127.0.0.1:1/, https://me@example.org or javascript:alert(1)"
    one.say(typed)
    one.shows(typed)
    links = one.page.locator("#messages .text a")
    assert links.all_text_contents() == ["https://Example.org/a_(b)?c=", "http://127.0.0.1:1/"]
    wanted = {"target": "_blank", "rel": "noopener noreferrer nofollow"}
    for link, href in zip(links.all(), ["https://example.org/a_(b)?c=", "http://127.0.0.1:1/"], strict=True):
        attributes = link.evaluate(
            "(node) => Object.fromEntries([...node.attributes].map((it) => [it.name, it.value]))"
        )
        assert attributes == {**wanted, "href": href}


@on_one_server
def test_a_guest_takes_a_name_that_others_see_and_that_stays(
    server: Server, window: Callable[..., Window], room: str
) -> None:
    one, two = window(server, f"/rooms/{room}").joined(), window(server, f"/rooms/{room}").joined()
    one.rename("Ada <Lovelace>")
    expect(one.page.locator("#name .shown")).to_have_text("Ada <Lovelace>")
    one.say("hi")
    expect(two.page.locator("#messages .author")).to_have_text(["Ada <Lovelace>"])
    one.page.reload()
    expect(one.page.locator("#name .shown")).to_have_text("Ada <Lovelace>")


@on_one_server
def test_a_name_that_passes_for_the_server_is_refused_with_a_word(
    server: Server, window: Callable[..., Window], room: str
) -> None:
    one = window(server, f"/rooms/{room}").joined()
    was = one.page.locator("#name .shown").text_content() or ""
    one.rename("Server broadcast")
    expect(one.page.locator("#name-note")).to_contain_text("Server")
    expect(one.page.locator("#name-field")).to_have_value("Server broadcast")
    expect(one.page.locator("#name .shown")).to_have_text(was)


@on_one_server
def test_a_binary_message_is_a_small_line(
    server: Server, window: Callable[..., Window], guest: Callable[..., Guest], room: str
) -> None:
    one = window(server, f"/rooms/{room}").joined()
    sender = guest(server, room)
    sender.ask("send", {"room": room, "data": "AAECAw=="})
    expect(one.page.locator("#messages .binary")).to_have_text(["binary, 4 bytes"])


@on_one_server
def test_nothing_of_the_page_needs_more_than_its_policy_and_its_own_origin(
    ticking: Server, window: Callable[..., Window]
) -> None:
    policy = ticking.get("/rooms/ticks").headers["content-security-policy"]
    assert "script-src 'self'" in policy.split("; ") and "unsafe" not in policy
    one = window(ticking, "/rooms/ticks").joined()
    one.say("under a strict policy")
    one.shows("under a strict policy")
    assert one.errors == []
    elsewhere = "performance.getEntriesByType('resource').filter((it) => !it.name.startsWith(location.origin)).length"
    assert one.page.evaluate(elsewhere) == 0


@on_one_server
def test_a_room_that_is_not_there_says_so_and_leads_back(server: Server, window: Callable[..., Window]) -> None:
    page = window(server, "/rooms/no-such-room").page
    expect(page.locator("h1")).to_contain_text("no-such-room")
    page.get_by_role("link", name="Go to the main room").click()
    expect(page.locator("#status")).to_have_attribute("data-state", "joined")
