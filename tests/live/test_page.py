"""The room's page and the reference tutorial's page in a real browser, against the real servers."""

from __future__ import annotations

import json
import os
import re
import shutil
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, Route, WebSocketRoute, expect, sync_playwright

from .guests import Guest
from .servers import Server
from .services import require

pytestmark = pytest.mark.browser

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
# No sandbox: CI's containers have none to give. The rest keeps the browser from talking to anybody else.
ARGUMENTS = [
    "--no-sandbox",
    "--disable-quic",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
WAIT_MS = 30_000
# What happens in the page alone need not be seen on both servers.
on_one_server = pytest.mark.parametrize("kind", ["daphne"], indirect=True, scope="session")
# The tutorial's page dials this port, whatever port it came from.
TUTORIAL_PORT = 8080
TUTORIAL = Path(__file__).with_name("tutorial_client.html")

TEXTS = {
    "markup": '<b>bold</b> <img src=x onerror="window.harm = 1"> </p><script>window.harm = 1</script> &amp; &lt;',
    "emoji": "👩‍👩‍👧‍👦 🏳️‍🌈 👍🏽 🇪🇺 #️⃣",
    "right to left": "مرحبا بالعالم — שלום, abc",
    "bidi overrides": "user\u202egnp.exe\u202c \u2067isolated",
    "scripts": "漢字かな 한국어 ไทย ελληνικά русский हिन्दी",
    "combining": "Z͑ͫ̓ͪ̂ͫ̽͏̴̙̤̞͉ e\u0301 \u00e9 \ufeffBOM",
    "lines and spaces": "one\n\n  two\tthree   four",
    "json": '{"type":"error","payload":{}} \\n \\u0041 \u2028 "quoted"',
}

WATCH_STATUS = """
    window.said = [];
    const words = document.querySelector("#status .words");
    const watch = new MutationObserver(() => window.said.push(words.textContent));
    watch.observe(words, { childList: true, characterData: true, subtree: true });
"""


class Window:
    """One window on a room's page; it writes down what went wrong in it."""

    def __init__(self, page: Page, url: str) -> None:
        self.page, self.errors = page, []
        page.set_default_timeout(WAIT_MS)
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.on("console", lambda said: self.errors.append(said.text) if said.type == "error" else None)
        page.goto(url)
        self.messages = page.locator("#messages .message")
        self.broadcasts = page.locator("#messages .broadcast")
        self.status = page.locator("#status")

    def joined(self) -> Window:
        """Wait until the room is joined."""
        self.is_("joined")
        return self

    def is_(self, state: str) -> None:
        """Wait for a state of the connection."""
        expect(self.status).to_have_attribute("data-state", state)

    def say(self, text: str) -> None:
        """Write a message and send it with Enter."""
        self.page.fill("#text", text)
        self.page.press("#text", "Enter")

    def shows(self, text: str, times: int = 1) -> None:
        """Wait until exactly so many messages have this text, character for character."""
        self.page.wait_for_function(
            "([text, times]) => [...document.querySelectorAll('#messages .message .text')]"
            ".filter((node) => node.textContent === text).length === times",
            arg=[text, times],
        )

    def texts(self) -> list[str]:
        """Return the texts of all messages, as they are, not as they are laid out."""
        return self.page.locator("#messages .message .text").evaluate_all(
            "(nodes) => nodes.map((node) => node.textContent)"
        )


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Run a headless Chromium: one on PATH, else playwright's own."""
    expect.set_options(timeout=WAIT_MS)
    with sync_playwright() as playwright:
        own = playwright.chromium.executable_path
        found = next(filter(None, map(shutil.which, NAMES)), own if os.path.exists(own) else None)
        require(found, f"no browser: none of {', '.join(NAMES)} is on PATH and playwright has not installed its own")
        browser = playwright.chromium.launch(executable_path=found, args=ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture
def window(browser: Browser) -> Iterator[Callable[..., Window]]:
    """Open `window(server, path)`: each has a profile of its own; `lossy` stands between it and the server."""
    contexts = []

    def open_window(
        server: Server, path: str, lossy: Callable[[WebSocketRoute], None] | None = None, **options: Any
    ) -> Window:
        contexts.append(browser.new_context(**options))
        page = contexts[-1].new_page()
        if lossy:
            page.route_web_socket("**/ws", lossy)
        return Window(page, server.url(path))

    yield open_window
    for context in contexts:
        context.close()


@pytest.fixture
def ticking(shared: Callable[..., Server]) -> Server:
    """A server that ticks its broadcasts by itself."""
    return shared(CHAT_EMBEDDED_BROADCAST="1")


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


def test_after_a_kill_the_page_reconnects_and_what_was_typed_meanwhile_arrives_once(
    fresh: Callable[..., Server], window: Callable[..., Window], room: str
) -> None:
    server = fresh()
    one, two = window(server, f"/rooms/{room}").joined(), window(server, f"/rooms/{room}").joined()
    one.say("before")
    two.shows("before")
    server.kill()
    one.is_("waiting")
    expect(one.status).to_contain_text("Offline")
    one.say("meanwhile 1")
    one.say("meanwhile 2")
    expect(one.page.locator("#messages .waiting")).to_have_count(2)
    server.start()
    for each in (one, two):
        each.page.evaluate("window.dispatchEvent(new Event('online'))")
        each.joined()
    one.say("after")
    # The other window may come back later than what was said meanwhile; a volatile room keeps nothing for it.
    one.shows("after")
    expect(one.page.locator("#messages .sent")).to_have_count(4)
    assert one.texts() == ["before", "meanwhile 1", "meanwhile 2", "after"]
    two.shows("after")
    assert len(set(two.texts())) == len(two.texts())


@on_one_server
def test_a_message_whose_ack_is_lost_is_sent_again_and_shown_once(
    server: Server, window: Callable[..., Window], room: str
) -> None:
    two = window(server, f"/rooms/{room}").joined()
    sent: list[str] = []

    def lossy(route: WebSocketRoute) -> None:
        """Let the first message through to the server, and end the connection before its answer."""
        upstream = route.connect_to_server()
        heard = len(sent) > 0

        def up(frame: str | bytes) -> None:
            upstream.send(frame)
            if '"type":"send"' in str(frame):
                sent.append(str(frame))
                if not heard and len(sent) == 1:
                    route.close(code=4002, reason="slow_consumer")

        def down(frame: str | bytes) -> None:
            if heard or not sent:
                route.send(frame)

        route.on_message(up)
        upstream.on_message(down)

    one = window(server, f"/rooms/{room}", lossy=lossy).joined()
    one.say("once")
    two.shows("once")
    expect(one.page.locator("#messages .sent .text")).to_have_text(["once"])
    one.say("after")
    two.shows("after")
    keys = [json.loads(frame)["payload"]["key"] for frame in sent]
    assert keys[0] == keys[1] != keys[2]
    assert one.texts() == two.texts() == ["once", "after"]


@on_one_server
def test_a_drained_server_says_so_and_the_page_comes_back(
    fresh: Callable[..., Server], window: Callable[..., Window], room: str
) -> None:
    server = fresh()
    one = window(server, f"/rooms/{room}").joined()
    # Written down as it changes: the next try, while nobody listens, has another cause.
    one.page.evaluate(WATCH_STATUS)
    server.terminate()
    one.page.wait_for_function("window.said.some((words) => words.includes('the server restarts'))")
    server.start()
    one.joined()


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
def test_a_guest_takes_a_name_that_others_see_and_that_stays(
    server: Server, window: Callable[..., Window], room: str
) -> None:
    one, two = window(server, f"/rooms/{room}").joined(), window(server, f"/rooms/{room}").joined()
    rename(one, "Ada <Lovelace>")
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
    rename(one, "Server broadcast")
    expect(one.page.locator("#name-note")).to_contain_text("Server")
    expect(one.page.locator("#name-field")).to_have_value("Server broadcast")
    expect(one.page.locator("#name .shown")).to_have_text(was)


def rename(window: Window, name: str) -> None:
    window.page.click("#name summary")
    window.page.fill("#name-field", name)
    window.page.press("#name-field", "Enter")


@on_one_server
def test_a_binary_message_is_a_small_line(
    server: Server, window: Callable[..., Window], guest: Callable[..., Guest], room: str
) -> None:
    one = window(server, f"/rooms/{room}").joined()
    sender = guest(server, room)
    sender.ask("send", {"room": room, "data": "AAECAw=="})
    expect(one.page.locator("#messages .binary")).to_have_text(["binary, 4 bytes"])


@on_one_server
def test_the_list_follows_its_end_only_when_the_reader_is_there_and_keeps_500_lines(
    unlimited: Server, window: Callable[..., Window], guest: Callable[..., Guest], room: str
) -> None:
    one = window(unlimited, f"/rooms/{room}", viewport={"width": 390, "height": 600}).joined()
    sender = guest(unlimited, room)

    def send(first: int, last: int) -> None:
        for number in range(first, last):
            sender.send(room, f"line {number}")

    gap = "(() => { const list = document.getElementById('messages'); return list.scrollHeight - list.scrollTop - list.clientHeight; })()"
    send(0, 40)
    one.shows("line 39")
    assert one.page.evaluate(gap) < 2
    one.page.evaluate("document.getElementById('messages').scrollTop = 0")
    one.page.wait_for_function(f"{gap} > 500")
    send(40, 45)
    one.shows("line 44")
    assert one.page.evaluate("document.getElementById('messages').scrollTop") == 0
    one.page.click("#newer")
    one.page.wait_for_function(f"{gap} < 2")
    expect(one.page.locator("#newer")).to_be_hidden()
    send(45, 620)
    one.shows("line 619")
    expect(one.messages).to_have_count(500)
    assert one.texts()[0] == "line 120"
    assert one.page.evaluate(gap) < 2


def answering_context(browser: Browser) -> BrowserContext:
    """Return a context in which the test answers for the server.

    Such an answer comes from no address, so Chromium takes its page for one of the public internet, which may not
    dial the loopback without being allowed to; a page that the server itself sent may.
    """
    return browser.new_context(permissions=["local-network-access"])


@on_one_server
def test_nothing_of_the_page_needs_more_than_its_own_origin(ticking: Server, browser: Browser) -> None:
    context = answering_context(browser)
    page = context.new_page()

    def strict(route: Route) -> None:
        answer = route.fetch()
        route.fulfill(response=answer, headers={**answer.headers, "content-security-policy": "default-src 'self'"})

    page.route("**/rooms/ticks", strict)
    one = Window(page, ticking.url("/rooms/ticks")).joined()
    one.say("under a strict policy")
    one.shows("under a strict policy")
    assert one.errors == []
    assert (
        page.evaluate(
            "performance.getEntriesByType('resource').filter((it) => !it.name.startsWith(location.origin)).length"
        )
        == 0
    )
    context.close()


@on_one_server
@pytest.mark.parametrize("width", [320, 390, 1440])
def test_the_page_is_never_wider_than_its_window(
    server: Server, window: Callable[..., Window], room: str, width: int
) -> None:
    one = window(server, f"/rooms/{room}", viewport={"width": width, "height": 800}).joined()
    rename(one, "W" * 40)
    expect(one.page.locator("#name .shown")).to_have_text("W" * 40)
    one.say("x" * 500)
    one.shows("x" * 500)
    assert one.page.evaluate("document.documentElement.scrollWidth") <= width
    assert one.page.evaluate(
        "document.getElementById('messages').scrollWidth <= document.getElementById('messages').clientWidth"
    )


@on_one_server
def test_a_room_that_is_not_there_says_so_and_leads_back(server: Server, window: Callable[..., Window]) -> None:
    page = window(server, "/rooms/no-such-room").page
    expect(page.locator("h1")).to_have_text("There is nothing here")
    page.click("a.button")
    expect(page.locator("#status")).to_have_attribute("data-state", "joined")


@pytest.fixture
def tutorial(fresh: Callable[..., Server]) -> Server:
    """A server with the defaults on the port that the tutorial's page dials."""
    require(is_free(TUTORIAL_PORT), f"something else listens on port {TUTORIAL_PORT}, which the tutorial's page dials")
    return fresh(CHAT_EMBEDDED_BROADCAST="1", options={"port": TUTORIAL_PORT})


def is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def open_tutorial(browser: Browser, server: Server) -> Page:
    """Open the tutorial's page under the server's own origin, without the server having such a page."""
    page = answering_context(browser).new_page()
    page.set_default_timeout(WAIT_MS)
    page.route("**/tutorial.html", lambda route: route.fulfill(body=TUTORIAL.read_bytes(), content_type="text/html"))
    page.goto(server.url("/tutorial.html"))
    expect(page.locator("#status")).to_have_text("Connected to WebSocket server!")
    return page


def echoed(page: Page, text: str) -> str:
    """Wait for a message's echo in a tutorial window; return it whole."""
    line = page.locator(".client-msg", has_text=f" echo: {text}")
    expect(line).to_have_count(1)
    return line.text_content() or ""


def tutorial_says(page: Page, text: str) -> None:
    page.fill("#messageInput", text)
    page.click("button")


def test_the_tutorials_own_page_works_unchanged(tutorial: Server, browser: Browser) -> None:
    pages = [open_tutorial(browser, tutorial), open_tutorial(browser, tutorial)]
    tutorial_says(pages[0], "你好 <b>👋</b>")
    echoes = {echoed(page, "你好 <b>👋</b>") for page in pages}
    assert len(echoes) == 1
    assert re.fullmatch(r"127\.0\.0\.1:\d+ echo: 你好 <b>👋</b>", echoes.pop())
    for page in pages:
        expect(page.locator(".server-msg").first).to_have_text(
            re.compile(r"^Server broadcast: Current time is \d\d:\d\d:\d\d$")
        )
    tutorial.kill()
    for page in pages:
        expect(page.locator("#status")).not_to_have_text("Connected to WebSocket server!")
    tutorial.start()
    for page in pages:
        expect(page.locator("#status")).to_have_text("Connected to WebSocket server!")
    tutorial_says(pages[1], "back again")
    for page in pages:
        echoed(page, "back again")
        page.context.close()
