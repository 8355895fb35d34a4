"""Accounts in a real browser: the first start, coming, going, and taking everything along."""

from __future__ import annotations

import json
import re
import zipfile
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from .servers import Server
from .test_accessibility import DESK, PHONE, check
from .windows import Window, on_one_server

pytestmark = [pytest.mark.browser, on_one_server]

PASSWORD = "a long and good one"


def fill_in(page: Page, **fields: str) -> None:
    """Fill in the page's form and send it."""
    for name, value in fields.items():
        page.fill(f"main [name={name}]", value)
    page.click("main form button")


def from_the_menu(page: Page, words: str) -> None:
    """Do something by the menu of the account, with the keyboard alone."""
    page.locator(".account summary").focus()
    page.keyboard.press("Enter")
    page.locator(".account").get_by_text(words, exact=True).focus()
    page.keyboard.press("Enter")


def test_from_the_first_start_to_an_erased_account(fresh: Callable[..., Server], window: Callable[..., Window]) -> None:
    server = fresh()
    found = re.search(r"/accounts/set-up/\?token=\w+", server.logged("This link makes the administrator, once"))
    assert found
    guest = window(server, "/").joined()

    # The administrator.
    desk = window(server, found[0], reduced_motion="reduce", **DESK)
    check(desk.page)
    fill_in(desk.page, username="root", name="Root", password1=PASSWORD, password2=PASSWORD)
    desk.joined()
    expect(desk.page.locator(".account .shown")).to_have_text("Root")
    from_the_menu(desk.page, "Administration")
    expect(desk.page.locator("h1")).to_have_text("Site administration")

    # Somebody on a phone; not under the administrator's name.
    phone = window(server, "/accounts/sign-up/?next=/rooms/room-1", reduced_motion="reduce", viewport=PHONE)
    page = phone.page
    fill_in(page, username="ada", name="R00t", password1=PASSWORD, password2=PASSWORD)
    expect(page.locator(".errorlist")).to_have_text("“R00t” is the name of somebody here, or looks like it.")
    check(page)
    page.set_viewport_size(PHONE)  # type: ignore[arg-type]
    fill_in(page, name="Ada", password1=PASSWORD, password2=PASSWORD)
    page.wait_for_url("**/rooms/room-1")
    page.goto(server.url("/"))
    phone.joined()
    phone.say("what Ada said")
    guest.shows("what Ada said")

    # The profile, out, and in again.
    page.click("#drawer")
    from_the_menu(page, "Profile")
    page.locator("label:has(.colour-7)").click()
    page.select_option("[name=time_zone]", "Pacific/Auckland")
    fill_in(page, name="Ada L.")
    expect(page.locator(".told")).to_have_text("Your profile is saved.")
    expect(page.locator(".account .avatar")).to_have_class("avatar colour-7")
    check(page)
    page.set_viewport_size(PHONE)  # type: ignore[arg-type]
    from_the_menu(page, "Sign out")
    expect(page.locator(".account a").first).to_have_text("Sign in")
    phone.joined()
    page.goto(server.url("/accounts/sign-in/?next=/accounts/profile/"))
    fill_in(page, username="ada", password="wrong")
    expect(page.locator(".errorlist")).to_contain_text("Please enter a correct username and password.")
    fill_in(page, username="ada", password=PASSWORD)

    # Everything along, and gone.
    page.click("text=Take your data with you")
    with page.expect_download() as coming:
        fill_in(page, password=PASSWORD)
    with zipfile.ZipFile(coming.value.path()) as archive:
        assert [json.loads(line)["text"] for line in archive.open("messages.jsonl")] == ["what Ada said"]
        assert json.loads(archive.read("profile.json"))["time_zone"] == "Pacific/Auckland"
    page.goto(server.url("/accounts/erase/"))
    check(page)
    fill_in(page, confirmation="erase", password=PASSWORD)
    expect(page.locator("h1")).to_have_text("Your account is gone")
    expect(guest.page.locator("#messages .message .author")).to_have_text("deleted user")
    guest.shows("what Ada said")
    assert guest.errors == desk.errors == []
    # axe-core's own styles are what the CSP refuses on the pages that it looked at.
    assert [error for error in phone.errors if "style" not in error.lower()] == []
