"""The page's lines: days, groups, whose a message is."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from playwright.sync_api import expect

from .scripted import OTHER, YOU, Script
from .servers import Server
from .windows import Window, on_one_server

pytestmark = [pytest.mark.browser, on_one_server]

# Half past ten in the evening in Berlin, on a Tuesday; midnight there is 23:00 UTC.
NOW = datetime(2030, 1, 15, 21, 30, tzinfo=UTC)
BERLIN = {"timezone_id": "Europe/Berlin", "locale": "en-GB"}
# The comma after the weekday comes and goes with the versions of CLDR.
LINES = (
    "() => [...document.querySelectorAll('#messages > :not(.head)')].map((line) =>"
    " line.matches('.day') ? `[${line.textContent.replace(',', '')}]` : line.querySelector('.text').textContent)"
)

Open = Callable[..., Window]


def lines(one: Window) -> list[str]:
    return one.page.evaluate(LINES)


def shown(one: Window, expected: list[str]) -> None:
    """Wait until these are the lines."""
    one.page.wait_for_function(
        f"(expected) => JSON.stringify(({LINES})()) === JSON.stringify(expected)", arg=expected, timeout=10_000
    )


@pytest.fixture
def evening(server: Server, window: Open) -> tuple[Window, Script]:
    """A page at half past ten in the evening in Berlin, and what speaks to it."""
    script = Script()
    return window(server, "/rooms/lobby", lossy=script.serve, now=NOW, **BERLIN).joined(), script


def test_a_line_stands_where_the_readers_own_day_changes(evening: tuple[Window, Script]) -> None:
    one, script = evening
    script.message("long ago", "2029-12-24T12:00:00.000Z")
    script.message("yesterday", "2030-01-14T22:59:59.000Z")
    script.broadcast("just after midnight", "2030-01-14T23:00:00.000Z")
    script.message("today", "2030-01-15T21:00:00.000Z")
    days = ["[Monday 24 December 2029]", "[Yesterday]", "[Today]"]
    shown(one, [days[0], "long ago", days[1], "yesterday", days[2], "just after midnight", "today"])
    day = one.page.get_by_role("separator", name="Yesterday")
    expect(day).to_have_attribute("aria-live", "off")
    assert one.errors == []


def test_at_midnight_today_becomes_yesterday_and_the_next_message_opens_a_day(evening: tuple[Window, Script]) -> None:
    one, script = evening
    script.message("late", "2030-01-15T21:29:00.000Z")
    shown(one, ["[Today]", "late"])
    one.page.clock.fast_forward("01:29:50")
    assert lines(one) == ["[Today]", "late"]
    one.page.clock.fast_forward("00:30")
    shown(one, ["[Yesterday]", "late"])
    script.message("early", "2030-01-15T23:00:05.000Z")
    shown(one, ["[Yesterday]", "late", "[Today]", "early"])


def test_the_first_line_is_a_day_also_after_old_lines_went(evening: tuple[Window, Script]) -> None:
    one, script = evening
    script.messages([f"old {number}" for number in range(300)], "2030-01-14T12:00:00.000Z")
    script.messages([f"new {number}" for number in range(300)], "2030-01-15T12:00:00.000Z")
    one.shows("new 299")
    expect(one.messages).to_have_count(500)
    all_lines = lines(one)
    assert all_lines[:2] == ["[Yesterday]", "old 100"]
    assert [line for line in all_lines if line.startswith("[")] == ["[Yesterday]", "[Today]"]
    script.messages([f"more {number}" for number in range(200)], "2030-01-15T12:00:00.000Z")
    one.shows("more 199")
    assert lines(one)[:2] == ["[Today]", "new 0"]


def test_a_message_without_a_date_belongs_to_the_day_before_it(evening: tuple[Window, Script]) -> None:
    one, script = evening
    script.message("dated", "2030-01-15T12:00:00.000Z")
    script.message("undated", "no date at all")
    shown(one, ["[Today]", "dated", "undated"])
    assert one.messages.nth(1).locator("time").text_content() == ""


def test_what_one_author_says_within_five_minutes_is_one_group(evening: tuple[Window, Script]) -> None:
    one, script = evening
    for text, at, author in (
        ("a", "12:00:00", OTHER),
        ("b", "12:05:00", OTHER),
        ("c", "12:10:01", OTHER),
        ("d", "12:10:02", {**OTHER, "name": "Ada L."}),
        ("e", "12:10:03", YOU),
    ):
        script.message(text, f"2030-01-15T{at}.000Z", author)
    one.shows("e")
    headers = one.page.locator("#messages .message header")
    heights = headers.evaluate_all("(all) => all.map((header) => header.getBoundingClientRect().height > 4)")
    assert heights == [True, False, True, True, True]
    # Not shown again, but said again.
    assert headers.nth(1).text_content() == "Ada guest"
    script.broadcast("tick", "2030-01-15T12:10:04.000Z")
    script.message("f", "2030-01-15T12:10:05.000Z", YOU)
    one.shows("f")
    assert one.page.locator("#messages .continued .text").all_text_contents() == ["b"]


def test_ones_own_messages_stand_on_the_other_side_and_say_so(evening: tuple[Window, Script]) -> None:
    one, script = evening
    script.message("theirs", "2030-01-15T12:00:00.000Z")
    script.message("mine", "2030-01-15T12:00:01.000Z", YOU)
    one.shows("mine")
    theirs, mine = (one.messages.nth(number).bounding_box() for number in (0, 1))
    assert theirs and mine and mine["x"] > theirs["x"] + theirs["width"]
    assert one.page.locator("#messages header").all_text_contents() == ["Ada guest", "guest-0001 (you)"]
