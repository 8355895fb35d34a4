"""A real browser and its windows on the servers' pages."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from datetime import datetime

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, WebSocketRoute, expect, sync_playwright

from .servers import Server
from .services import require
from .waiting import until

# The first has no browser around the page: a quarter of the processor time.
NAMES = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
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

    def rename(self, name: str) -> None:
        """Ask for another name."""
        self.page.click("#name summary")
        self.page.fill("#name-field", name)
        self.page.press("#name-field", "Enter")

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


# Not longer than a module: while playwright is at work its event loop counts as running in this thread, and no test
# of the same session could run one of its own.
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
    """Open `window(server, path)`, each with a profile of its own.

    `lossy` stands between it and the server; its clock starts at `now`; `sizes` are other ones than the page's own
    (ui/sizes.js).
    """
    contexts: list[BrowserContext] = []

    def open_window(
        server: Server,
        path: str,
        lossy: Callable[[WebSocketRoute], None] | None = None,
        now: datetime | None = None,
        sizes: dict[str, int] | None = None,
        **options: object,
    ) -> Window:
        contexts.append(browser.new_context(**options))
        page = contexts[-1].new_page()
        if now:
            page.clock.install(time=now)
        if sizes:
            module = "".join(f"export const {name} = {size};" for name, size in sizes.items())
            page.route("**/ui/sizes*.js", lambda route: route.fulfill(content_type="text/javascript", body=module))
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


def answering_context(browser: Browser) -> BrowserContext:
    """Return a context in which the test answers for the server.

    Such an answer comes from no address, so Chromium takes its page for one of the public internet, which may not
    dial the loopback without being allowed to; a page that the server itself sent may.
    """
    return browser.new_context(permissions=["local-network-access"])


def comes_back(page: Page) -> None:
    """Wait until the tutorial's page is connected again; its three seconds between two tries pass at once."""
    status = page.locator("#status")

    def connected() -> bool:
        page.clock.fast_forward(3_000)
        return status.text_content() == "Connected to WebSocket server!"

    until(connected, "the tutorial's page is connected", WAIT_MS / 1000)
