"""Skeletons of names: two names that a reader may take for one another have the same (Unicode TR 39)."""

from __future__ import annotations

import functools
import hashlib
import unicodedata
from collections.abc import Mapping

from confusable_homoglyphs.utils import load

from chat.wire.names import MAX_NAME_CHARACTERS

MAX_SKELETON_CHARACTERS = 4 * MAX_NAME_CHARACTERS
# What TR 39 leaves apart by case: a capital I looks like l, so i, I and l are one here; so are m, M and rn.
AFTER_CASE = str.maketrans({"i": "l", "m": "rn"})
# Marks that choose a form of the character before them, and may show nothing.
SELECTORS = frozenset(map(chr, (*range(0xFE00, 0xFE10), *range(0xE0100, 0xE01F0))))
DIRECTION_MARKS = str.maketrans("", "", "\u200e\u200f")


def skeleton(name: str) -> str:
    """Return what two names have in common that look alike, whatever their case, spaces and script.

    A skeleton is for comparing only. One over MAX_SKELETON_CHARACTERS is a digest of itself.
    """
    table = prototypes()
    decomposed = unicodedata.normalize("NFKD", name)
    folded = "".join(table.get(character, character) for character in decomposed).casefold().translate(AFTER_CASE)
    seen = "".join(character for character in folded if not character.isspace() and character not in SELECTORS)
    found = unicodedata.normalize("NFD", seen)
    return found if len(found) <= MAX_SKELETON_CHARACTERS else hashlib.sha256(found.encode()).hexdigest()


@functools.cache
def prototypes() -> Mapping[str, str]:
    """Return the character or characters that each look-alike stands for.

    The library's table names both ways; the one that many look like is the prototype.
    """
    table = {clean(text): [clean(other["c"]) for other in others] for text, others in load("confusables.json").items()}
    return {text: found for text in table if len(text) == 1 and (found := prototype(table, text)) != text}


def prototype(table: Mapping[str, list[str]], text: str) -> str:
    """Return what a text of the table stands for: of two that look like nothing else the lower one."""
    others = table[text]
    if len(others) != 1:
        return text
    other = others[0]
    return other if len(table.get(other, ())) > 1 else min(text, other)


def clean(text: str) -> str:
    """Return a text of the table without the marks that it puts around what is written from right to left."""
    return text.translate(DIRECTION_MARKS)
