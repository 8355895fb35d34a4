"""axe-core's findings on a page."""

from __future__ import annotations

from typing import Any

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page

# What is in the page is the same in the dark; its colours are not.
COLOURS = {"resultTypes": ["violations"], "runOnly": ["color-contrast", "link-in-text-block"]}


def violations(page: Page) -> list[tuple[str, str]]:
    """Look at a page in the light by all rules, and in the dark by those about colours; leave it in the light."""
    page.emulate_media(color_scheme="light")
    found: list[dict[str, Any]] = Axe().run(page).response["violations"]
    page.emulate_media(color_scheme="dark")
    found += page.evaluate("(options) => window.axe.run(options)", COLOURS)["violations"]
    page.emulate_media(color_scheme="light")
    return [(it["id"], it["nodes"][0]["html"]) for it in found]
