"""Emoji: a table of what is one and of what only passes for one."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable
from typing import Any

import emoji as tables
import pytest

from chat.wire.emoji import MAX_CHARACTERS, TEXT_BY_DEFAULT, is_emoji, joined, key_of, qualified

ENGLAND = "🏴\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f"
ARE = {
    "a sign": "👍",
    "one with a skin tone": "👍🏽",
    "joined": "👩🏽‍🚀",
    "joined, with a style": "🏳️‍🌈",
    "a family": "👨‍👩‍👧‍👦",
    "a heart in the emoji style": "❤️",
    "one in the text style": "❤︎",
    "a key cap": "5️⃣",
    "another key cap": "#️⃣",
    "a digit": "5",
    "a flag": "🇪🇺",
    "the flag of a region": ENGLAND,
    "two": "🎉🎉",
    "a letter that is a sign": "好",
    "newer than this Python's tables": "\U0001fae8",
    "of a Unicode to come": "\U0001fad7\U0001faf9",
    "copyright": "©",
}
ARE_NOT = {
    "a word": "like",
    "a letter": "x",
    "with a space": "👍 ",
    "with a blank that does not break": "👍\u00a0",
    "with an ideographic space": "\u3000👍",
    "with a line break": "👍\u2028",
    "NUL": "\0",
    "a control of ISO 8859": "\u009b",
    "turned around": "\u202e👍",
    "isolated": "\u2067👍\u2069",
    "a left-to-right mark": "👍\u200e",
    "of no width": "\u200b",
    "of no width, behind a sign": "👍\u200b",
    "a byte order mark": "\ufeff",
    "a soft hyphen": "\u00ad",
    "private use": "\ue000",
    "private use of another plane": "👍\U000f0000",
    "half a character": "\ud83d",
    "unassigned": "\U000cffff",
    "no character": "\uffff",
    "a mark": "\u0301",
    "a letter under marks": "好" + "\u0301" * 15,
    "a style alone": "\ufe0f",
    "a key cap without a key": "\u20e3",
    "a joiner alone": "\u200d",
    "joined to nothing": "👍\u200d",
    "nothing, joined": "\u200d👍",
    "joined twice": "👩\u200d\u200d🚀",
    "a style, joined": "👩\u200d\ufe0f",
    "tags alone": "\U000e0067\U000e0062\U000e007f",
    "tags behind what is no flag": ENGLAND.replace("🏴", "👍"),
    "tags without an end": ENGLAND[:-1],
    "a language tag": "🏴\U000e0001\U000e007f",
    "an empty Braille cell": "\u2800",
    "a filler": "\u3164",
    "a selector of another kind": "👍\ufe00",
    "a selector beyond": "👍\U000e0100",
    "nothing": "",
}


@pytest.mark.parametrize("name", ARE)
def test_what_is_an_emoji_is_taken(name: str) -> None:
    assert is_emoji(ARE[name])


@pytest.mark.parametrize("name", ARE_NOT)
def test_what_is_none_is_not(name: str) -> None:
    assert not is_emoji(ARE_NOT[name])


def test_nothing_that_hides_is_taken_by_itself_or_behind_a_sign() -> None:
    for number in range(0x110000):
        category = unicodedata.category(chr(number))
        if category in ("Cc", "Cf", "Co", "Cs", "Zl", "Zp", "Zs"):
            assert not is_emoji(chr(number)), f"U+{number:04X}"
            assert not is_emoji(f"👍{chr(number)}"), f"U+{number:04X}"


# Spellings


def test_every_spelling_has_the_key_and_the_qualified_form_of_the_vector(
    vectors: Callable[[str], list[dict[str, Any]]],
) -> None:
    for vector in vectors("emoji"):
        for spelling in vector["spellings"]:
            assert is_emoji(spelling), vector["name"]
            assert (key_of(spelling), qualified(spelling)) == (vector["key"], vector["qualified"]), vector["name"]


def test_each_emoji_of_emoji_test_txt_is_spelled_as_its_fully_qualified_row_has_it() -> None:
    full = tables.STATUS["fully_qualified"]
    rows = {each: row["status"] for each, row in tables.EMOJI_DATA.items()}
    by_key = {key_of(each): each for each, status in rows.items() if status == full}
    assert len(by_key) > 3000
    for each in rows:
        expected = by_key.get(key_of(each), each)
        assert {qualified(spelling) for spelling in (each, key_of(each), expected)} == {expected}
        assert len(expected) <= MAX_CHARACTERS


def test_the_emoji_that_are_text_by_default_are_those_that_unicode_qualifies() -> None:
    found = {int(end, 16) for each in TEXT_BY_DEFAULT.split() for end in each.split("-")}
    alone = {ord(each[0]) for each in tables.EMOJI_DATA if len(each) == 2 and each[1] == "\ufe0f"}
    assert found <= alone
    for number in range(0xA9, 0x20000):
        assert (qualified(chr(number)) == chr(number) + "\ufe0f") == (number in alone), f"U+{number:04X}"


def test_a_qualified_emoji_may_be_sent_back_and_stays_as_it_is() -> None:
    for spelling in ("❤" * MAX_CHARACTERS, "❤\ufe0f" * 8, "☝\ufe0f🏽" * 4):
        once = qualified(spelling)
        assert len(once) <= MAX_CHARACTERS
        assert qualified(once) == once


def test_reactions_in_one_spelling_stay_the_same_object() -> None:
    reactions = {"👍": ["user:1"], "❤\ufe0f": ["user:2", "user:2"]}
    assert joined(reactions) is reactions
