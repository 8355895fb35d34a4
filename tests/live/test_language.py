"""Pages in the reader's language, in a real browser: the browser's, until the profile says another."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from playwright.sync_api import expect

from .scripted import OTHER, Script
from .servers import Server
from .test_accessibility import DESK, PHONE, check, no_sideways_scrolling
from .test_room_pages import sessions, signed_in  # noqa: F401  (fixtures)
from .windows import Window, on_one_server

pytestmark = [pytest.mark.browser, on_one_server]

CHINESE = {"locale": "zh-CN", "timezone_id": "Asia/Shanghai"}
# Half past nine in the evening in Shanghai, on a Tuesday.
NOW = datetime(2030, 1, 15, 13, 30, tzinfo=UTC)


def test_a_guest_with_a_chinese_browser_reads_chinese(server: Server, window: Callable[..., Window]) -> None:
    here = window(server, "/accounts/sign-in/", reduced_motion="reduce", **CHINESE, **DESK)
    expect(here.page.locator("html")).to_have_attribute("lang", "zh-hans")
    expect(here.page.locator("h1")).to_have_text("登录")
    expect(here.page.get_by_label("用户名")).to_be_visible()
    check(here.page)
    here.errors.clear()  # axe-core's own styles, which the CSP refuses.
    here.page.goto(server.url("/rooms/lobby"))
    here.joined()
    expect(here.page.locator("#status .words")).to_have_text("已连接")
    here.say("有人吗？")
    here.shows("有人吗？")
    expect(here.page.locator("#messages .own .you")).to_have_text(" （你）")
    here.rename("Server")
    expect(here.page.locator("#name-note")).to_have_text("名字不能以“Server”或与之相似的字符开头。")
    check(here.page)
    assert [error for error in here.errors if "style" not in error.lower()] == []


def test_days_and_times_are_written_as_in_chinese(server: Server, window: Callable[..., Window]) -> None:
    script = Script()
    here = window(server, "/rooms/lobby", lossy=script.serve, now=NOW, **CHINESE).joined()
    for at in ("2030-01-13T13:30:00Z", "2030-01-14T13:30:00Z", "2030-01-15T13:30:00Z"):
        script.message("你好", at, OTHER)
    expect(here.page.locator("#messages .day")).to_have_text(["2030年1月13日星期日", "昨天", "今天"])
    time = here.page.locator("#messages .message footer > time").last
    expect(time).to_have_text("21:30")
    expect(time).to_have_attribute("title", "2030年1月15日星期二 21:30:00")
    script.say("error", code="rate_limited", message="At most 20 messages a second.")
    expect(here.page.locator("#composer-note")).to_have_text("每秒最多 20 条消息。")
    assert here.errors == []


def test_the_language_of_the_profile_goes_before_the_browsers(
    server: Server,
    signed_in: Callable[..., Window],  # noqa: F811
) -> None:
    here = signed_in("Ada", "/accounts/profile/", locale="en-GB", reduced_motion="reduce", **DESK)
    page = here.page
    expect(page.locator("h1")).to_have_text("Profile")
    page.get_by_label("Language").select_option("简体中文")
    page.get_by_role("button", name="Save").click()
    expect(page.locator(".told")).to_have_text("个人资料已保存。")
    expect(page.locator("h1")).to_have_text("个人资料")
    check(page)
    here.errors.clear()
    page.goto(server.url("/rooms/"))
    page.fill("#q", "nothing is called so")
    expect(page.locator("#nothing")).to_have_text("此页没有包含“nothing is called so”的内容。按回车键搜索全部。")
    page.goto(server.url("/rooms/lobby"))
    here.joined()
    expect(page.locator("#status .words")).to_have_text("已连接")
    expect(page.locator("#sidebar h2").first).to_have_text("房间")
    page.set_viewport_size(PHONE)  # type: ignore[arg-type]
    no_sideways_scrolling(page)
    assert here.errors == []
    page.goto(server.url("/accounts/profile/"))
    page.get_by_label("语言").select_option("en")
    page.get_by_role("button", name="保存").click()
    expect(page.locator(".told")).to_have_text("Your profile is saved.")
