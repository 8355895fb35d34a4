"""Texts that are heavy to draw: the page stays alive, whatever 64 KiB somebody sends."""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Any

import pytest
from playwright.sync_api import CDPSession, expect

from .scripted import Script
from .servers import Server
from .windows import Window, on_one_server

pytestmark = [pytest.mark.browser, on_one_server, pytest.mark.timeout(300)]

AT = "2030-01-15T12:00:00.000Z"
SIZE = 65_536
Open = Callable[..., Window]


def filled(piece: str) -> str:
    """Return as much of a piece as a message may have."""
    return piece * (SIZE // len(piece.encode()))


def of_many_scripts(units: int, seed: int) -> str:
    """Return a text that goes on in another script, and another font, with almost each letter."""
    letters = [*range(0x100, 0x3000), *range(0xA000, 0xD7FF), *range(0x10000, 0x1FC00)]
    random = Random(seed)
    text = "".join(chr(random.choice(letters)) for _ in range(units))
    return text.encode("utf-16-le")[: 2 * units].decode("utf-16-le", "ignore")


PLAIN = filled("word and word ")
HEAVY = {
    "marks on one letter": "a" + filled("\u0301"),
    "marks of two classes": "a" + filled("\u0301\u0316"),
    "marks with joiners between": "a" + filled("\u0301\u200d"),
    "eight marks on each letter": filled("a" + "\u0301" * 8),
    "enclosing marks": "a" + filled("\u20dd"),
    "letters of two directions by turns": filled("aא"),
    "letters and digits of two directions by turns": filled("א1a٢"),
    "bidi controls": filled("\u202ea\u202dא"),
    "isolates in isolates": filled("\u2067\u2066a"),
    "a word without an end": filled("a"),
    "a word of wide letters": filled("﷽"),
    "ideographs": filled("国"),
    "lines": filled("\n"),
    "lines of a letter": filled("a\n"),
    "tabs": filled("\t"),
    "brackets in brackets": filled("(["),
    "brackets of two directions": filled("(א["),
    "one chain of joined emoji": filled("👩\u200d"),
    "families": filled("👨\u200d👩\u200d👧\u200d👦"),
    "regional indicators": filled("🇩"),
    "Arabic": filled("سَلَامٌ عَلَيْكُمْ "),
    "one Arabic word": filled("ه"),
    "a conjunct without an end": filled("क्"),
    "a Tibetan stack": "ཧ" + filled("ྐ"),
    "Hangul jamo": filled("\u1100"),
    "Thai without a blank": filled("กุ้"),
    "soft hyphens": filled("a\u00ad"),
    "zero width": "a" + filled("\u200b"),
    "no-break blanks": filled("\u00a0"),
    "selectors": "a" + filled("\ufe0f"),
    "addresses": filled("https://a.example/x "),
    "one address": "https://a.example/" + filled("a"),
    "a host of 20,000 letters": "https://" + "ü" * 20_000 + ".example/",
    "mathematical letters": filled("𝕬"),
    "musical signs": filled("𝄞𝅘𝅥𝅮"),
    "many scripts": of_many_scripts(22_000, 0),
    **{f"many scripts, short, {seed}": of_many_scripts(1990, seed) for seed in range(1, 4)},
    "tabs, short": "x\t" * 990,
}
# Of as much as fits unfolded; a plain one is 1,700 pixels high on a phone.
MOST_PIXELS = 1_000
# The CPU time of the page's main thread, in seconds: ten times what a quiet machine takes.
MOST_SECONDS = 0.5


def thread_time(session: CDPSession) -> float:
    metrics: list[dict[str, Any]] = session.send("Performance.getMetrics")["metrics"]
    return float(next(it["value"] for it in metrics if it["name"] == "ThreadTime"))


SETTLED = "() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => setTimeout(done, 0))))"


def test_no_text_of_the_longest_takes_the_page_long_to_draw_nor_to_unfold(unlimited: Server, window: Open) -> None:
    script = Script()
    one = window(unlimited, "/rooms/lobby", lossy=script.serve).joined()
    session = one.page.context.new_cdp_session(one.page)
    session.send("Performance.enable")

    def took(act: Callable[[], object]) -> float:
        before = thread_time(session)
        act()
        one.page.evaluate(SETTLED)
        return round(thread_time(session) - before, 3)

    def arrives(text: str) -> None:
        known = one.messages.count()
        script.message(text, AT)
        expect(one.messages).to_have_count(known + 1)

    drawn, unfolded = {}, {}
    for name, text in {"plain": PLAIN, **HEAVY}.items():
        drawn[name] = took(lambda text=text: arrives(text))
        fold = one.messages.last.locator(".fold")
        if fold.count():
            unfolded[name] = took(lambda fold=fold: fold.evaluate("(button) => button.click()"))
            fold.evaluate("(button) => button.click()")
    print(drawn, unfolded)
    assert {name: seconds for name, seconds in drawn.items() if seconds > MOST_SECONDS} == {}
    assert len(unfolded) > 25
    assert {name: seconds for name, seconds in unfolded.items() if seconds > 2 * MOST_SECONDS} == {}


def test_short_texts_that_are_slow_or_high_are_folded(unlimited: Server, window: Open) -> None:
    script = Script()
    phone = {"width": 390, "height": 800}
    one = window(unlimited, "/rooms/lobby", lossy=script.serve, viewport=phone).joined()
    for name, text in HEAVY.items():
        if "short" in name:
            known = one.messages.count()
            script.message(text, AT)
            expect(one.messages).to_have_count(known + 1)
            expect(one.messages.last.locator(".fold")).to_be_visible()
            assert one.messages.last.evaluate("(node) => node.offsetHeight") < MOST_PIXELS, name
            assert len(one.messages.last.locator(".text").text_content() or "") < 400, name


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Look:\n" + "words and words " * 200, "Look:\nwords and words words"),
        ("\n" * 25 + "words\n" * 30, "words\nwords"),
        ("\u2800\n" * 25 + " " * 3000 + "https://a.example/x and so on", "https://a.example/x and so on"),
    ],
    ids=["a short first line", "blank lines first", "blanks first"],
)
def test_the_head_of_a_folded_text_shows_some_of_it(unlimited: Server, window: Open, text: str, shown: str) -> None:
    script = Script()
    one = window(unlimited, "/rooms/lobby", lossy=script.serve).joined()
    script.message(text, AT)
    fold = one.page.get_by_role("button", name="Show all")
    fold.wait_for()
    assert (one.messages.locator(".text").text_content() or "").startswith(shown)
    fold.click()
    assert one.messages.locator(".text").text_content() == text


def test_a_long_text_is_folded_and_unfolded_by_mouse_and_keyboard_and_nothing_of_it_is_lost(
    unlimited: Server, window: Open
) -> None:
    script = Script()
    one = window(unlimited, "/rooms/lobby", lossy=script.serve).joined()
    text = "".join(f"line {number} https://a.example/{number}\n" for number in range(200)) + "end"
    script.message(text, AT)
    fold = one.page.get_by_role("button", name="Show all")
    expect(fold).to_have_attribute("aria-expanded", "false")
    shown = one.messages.locator(".text")
    assert shown.text_content() == text[: len(shown.text_content() or "")]
    expect(shown.locator("a")).to_have_count(15)
    fold.click()
    fold = one.page.get_by_role("button", name="Show less")
    expect(fold).to_have_attribute("aria-expanded", "true")
    assert shown.text_content() == text
    expect(shown.locator("a")).to_have_count(200)
    fold.press("Enter")
    expect(one.page.get_by_role("button", name="Show all")).to_be_focused()
    expect(shown.locator("a")).to_have_count(15)


def test_marks_on_a_letter_draw_over_no_neighbour(unlimited: Server, window: Open) -> None:
    script = Script()
    one = window(unlimited, "/rooms/lobby", lossy=script.serve).joined()
    script.message("first", AT)
    script.message("x" + "\u0301" * 300, AT, {"id": "g3", "name": "n" + "\u0301" * 30, "kind": "guest"})
    expect(one.messages).to_have_count(2)
    for part in (".text", ".author", "#room-title"):
        clips = one.page.locator(part).evaluate_all(
            "(all) => all.every((node) => /clip|hidden/.test(getComputedStyle(node).overflowY))"
        )
        assert clips, part
    assert one.messages.last.locator(".text").text_content() == "x" + "\u0301" * 8
