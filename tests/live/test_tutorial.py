"""The reference tutorial's own page in a real browser, against the real servers."""

from __future__ import annotations

import re
import socket
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from .servers import Server
from .services import require
from .windows import WAIT_MS, answering_context, comes_back

pytestmark = pytest.mark.browser

# The tutorial's page dials this port, whatever port it came from.
TUTORIAL_PORT = 8080
TUTORIAL = Path(__file__).with_name("tutorial_client.html")


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
    page.clock.install()
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
    tutorial.kill()
    for page in pages:
        expect(page.locator("#status")).not_to_have_text("Connected to WebSocket server!")
    tutorial.start()
    for page in pages:
        comes_back(page)
    tutorial_says(pages[1], "back again")
    # A tick comes every five seconds: most of them have passed by now.
    for page in pages:
        echoed(page, "back again")
        expect(page.locator(".server-msg").first).to_have_text(
            re.compile(r"^Server broadcast: Current time is \d\d:\d\d:\d\d$")
        )
        page.context.close()
