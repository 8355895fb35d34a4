"""Lines of a durable room's page: written beside the server, found, and acted upon."""

from __future__ import annotations

from playwright.sync_api import Locator

from .farm import Farm
from .servers import Server
from .windows import Window


def fill(farm: Farm, server: Server, room: str, count: int) -> None:
    """Write messages m1, m2, … into a room's log, beside the server."""
    farm.manage(server.var_dir, "shell", "-v0", "-c", FILL.format(room=room, count=count))


FILL = """
import time
from chat.rooms import log
from chat.rooms.changes import Write
from chat.wire.events import Person
ada = Person("g-ada", "Ada", "guest")
group = [
    Write(room="{room}", author=ada, key=f"key-of-m{{n}}", done=lambda outcome: None, text=f"m{{n}}")
    for n in range(1, {count} + 1)
]
log.commit(group, int(time.time() * 1000))
"""


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
