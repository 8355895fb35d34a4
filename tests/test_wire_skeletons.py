"""Skeletons: what looks alike has one, what does not has another."""

from __future__ import annotations

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chat.wire.names import MAX_NAME_CHARACTERS
from chat.wire.skeletons import MAX_SKELETON_CHARACTERS, skeleton

LIKE_ALICE = {
    "another case": "ALICE",
    "a capital I for l": "AIice",
    "a one for l": "A1ice",
    "a bar for l": "A|ice",
    "a one for i": "Al1ce",
    "Cyrillic A": "Аlice",
    "Cyrillic, four letters": "Аliсе",
    "Greek capital Alpha": "Αlice",
    "dotless i": "Alıce",
    "full width": "Ａｌｉｃｅ",
    "mathematical": "𝐀𝗹𝑖𝒸ｅ",
    "spaces": "A l i c e",
    "a thin space": "Al\u2009ice",
    "a variation selector": "Alice\ufe0f",
    "a no-break space": "Al\u00a0ice",
}
ALIKE = [
    ("Bob", "B0b"),
    ("Modern", "Modem"),
    ("Ada-L", "Ada–L"),
    ("Ada-L", "Ada‐L"),
    ("O'Neil", "O’Neil"),
    ("O'Neil", "O`Neil"),
    ("Zoë", "Zoe\u0308"),
    ("ЖДЩ", "ждщ"),
    ("a.b", "a٠b"),
    ("Bill", "Bi\u0307ll"),
    ("Bill", "Bi\u0307\u0307ll"),
    ("Bill", "Bil\u0307l"),
    ("Bill", "Bі\u0307ll"),
    ("Bįll", "Bi\u0328\u0307ll"),
    ("Juan", "j\u0307uan"),
    ("Ipek", "İpek"),
    ("Bíll", "Bi\u0301\u0301ll"),
    ("Bill", "Bill\u17d2"),
    ("Bill", "Bi\U0001107fll"),
    ("Bill", "Bill\U0001bc9d"),
    ("Bill", "Bill\U0001daa1"),
]
APART = [
    *(
        ("Ada", "Eda"),
        ("Zoë", "Zoe"),
        ("Ada", "Ada 2"),
        ("Иван", "Ivan"),
        ("小明", "小红"),
        ("Ada", "Ada."),
        ("Ann", "Anna"),
        ("Bíll", "Bill"),
        ("Bi\u0301\u0307ll", "Bíll"),
        ("Żaneta", "Zaneta"),
        ("Ċ", "C"),
    ),
]


@pytest.mark.parametrize("name", LIKE_ALICE.values(), ids=LIKE_ALICE)
def test_a_name_that_reads_like_another_has_its_skeleton(name: str) -> None:
    assert skeleton(name) == skeleton("Alice")


@pytest.mark.parametrize(("one", "other"), ALIKE)
def test_look_alikes_of_letters_signs_and_spaces_are_the_same(one: str, other: str) -> None:
    assert skeleton(one) == skeleton(other)


@pytest.mark.parametrize(("one", "other"), APART)
def test_names_that_nobody_takes_for_one_another_stay_apart(one: str, other: str) -> None:
    assert skeleton(one) != skeleton(other)


@pytest.mark.parametrize("letter", string.ascii_lowercase)
def test_a_letter_is_the_same_in_either_case(letter: str) -> None:
    assert skeleton(letter) == skeleton(letter.upper())


@given(st.text(max_size=40))
def test_a_skeleton_fits_into_its_column_and_has_no_space(name: str) -> None:
    found = skeleton(name)
    assert len(found) <= MAX_SKELETON_CHARACTERS
    assert not any(character.isspace() for character in found)


def test_a_skeleton_that_would_be_too_long_still_tells_names_apart() -> None:
    assert len({skeleton("ﷺ" * 40), skeleton("ﷺ" * 39), skeleton("ﷺ" * 39 + "a")}) == 3


def test_a_skeleton_has_four_characters_for_each_of_a_name() -> None:
    assert MAX_SKELETON_CHARACTERS == 4 * MAX_NAME_CHARACTERS
