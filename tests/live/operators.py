"""Somebody who administers a server, signed in with a real browser."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Page, expect

from .farm import Farm
from .servers import Server
from .windows import WAIT_MS

NAME, PASSWORD = "operator", "a password of the tests"


class Operator:
    """One operator's browser; it writes down what the console says: a violation of the CSP is an error there."""

    def __init__(self, server: Server, browser: Browser, **options: Any) -> None:
        self.server = server
        self.context = browser.new_context(**options)
        self.page: Page = self.context.new_page()
        self.page.set_default_timeout(WAIT_MS)
        self.errors: list[str] = []
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.page.on("console", lambda said: self.errors.append(said.text) if said.type == "error" else None)

    def open(self, path: str) -> Page:
        """Go to a page of the server."""
        self.page.goto(self.server.url(path))
        return self.page

    def sign_in(self) -> None:
        """Fill in the form that every page of the admin shows a stranger."""
        page = self.open("/admin/")
        page.fill("#id_username", NAME)
        page.fill("#id_password", PASSWORD)
        page.click("input[type=submit]")
        expect(page.locator("h1")).to_have_text("Site administration")

    def told(self, kind: str, text: str) -> None:
        """Wait for the message at the head of a page, of a kind: success or error."""
        expect(self.page.locator(f".messagelist .{kind}")).to_contain_text(text)

    def leave(self) -> None:
        self.context.close()


class Operators:
    """Makes operators; the first at each database types a password, the others go on with that session."""

    def __init__(self, farm: Farm, browser: Browser) -> None:
        self.farm, self.browser = farm, browser
        self.sessions: dict[Path, Any] = {}

    def at(self, server: Server, **options: Any) -> Operator:
        """Return somebody who is signed in."""
        if server.var_dir in self.sessions:
            return Operator(server, self.browser, storage_state=self.sessions[server.var_dir], **options)
        self.farm.add_user(server.var_dir, NAME, PASSWORD, superuser=True)
        made = Operator(server, self.browser, **options)
        made.sign_in()
        self.sessions[server.var_dir] = made.context.storage_state()
        return made
