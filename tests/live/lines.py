"""Lines of a durable room's page: said by somebody else, found, and acted upon."""

from __future__ import annotations

from contextlib import closing

from playwright.sync_api import Locator

from .guests import Guest
from .servers import Server
from .windows import Window


def fill(server: Server, room: str, count: int) -> None:
    """Let Ada say m1, m2, … in a room; the server must have no limit on the rate."""
    with closing(Guest(server.ws())) as ada:
        assert ada.ask("name", {"name": "Ada"})["type"] == "ack"
        ada.join(room)
        for number in range(1, count + 1):
            ada.say("send", {"room": room, "text": f"m{number}"}, id=f"m{number}")
        assert ada.answer(f"m{count}", 60)["type"] == "ack"


def line(one: Window, text: str) -> Locator:
    """Return the message with a text."""
    return one.page.locator("#messages .message", has=one.page.locator(f".text:text-is({text!r})"))


def act(one: Window, text: str, tool: str) -> None:
    """Do something to a message by its toolbar."""
    line(one, text).hover()
    one.page.get_by_role("toolbar", name="Message actions").get_by_role("button", name=tool, exact=True).click()


def online(one: Window) -> Window:
    """Let the page dial again now."""
    one.page.evaluate("window.dispatchEvent(new Event('online'))")
    return one
