"""Skeletons of names: two names that a reader may take for one another have the same (Unicode TR 39)."""

from __future__ import annotations

import functools
import hashlib
import unicodedata
from collections.abc import Mapping

from confusable_homoglyphs.utils import load

# Four characters for each that a name may have (chat.wire.names): what most look-alikes of several letters come to.
MAX_SKELETON_CHARACTERS = 160
# What TR 39 leaves apart by case: a capital I looks like l, so i, I and l are one here; so are m, M and rn.
AFTER_CASE = str.maketrans({"i": "l", "m": "rn"})
# Marks that choose a form of what is before them, or join it to what follows, and may show nothing. Scripts need them, so
# names may hold them: variation selectors, invisible stackers and number joiners (Indic_Syllabic_Category), the joiner of
# Tifinagh, the selector of Duployan, the modifiers of SignWriting.
UNSEEN = frozenset(
    map(
        chr,
        (
            *(*range(0xFE00, 0xFE10), *range(0xE0100, 0xE01F0)),
            *(0x1039, 0x17D2, 0x1A60, 0x1BAB, 0xAAF6, 0x10A3F, 0x1107F, 0x11133, 0x113D0, 0x1193E, 0x11A47, 0x11A99),
            *(0x11D45, 0x11D97, 0x11F42, 0x2D7F, 0x1BC9D, *range(0x1DA9B, 0x1DAA0), *range(0x1DAA1, 0x1DAB0)),
        ),
    )
)
DOT = "\u0307"
# Letters that have a dot of their own, as they stand in a skeleton (Soft_Dotted): another one on them is not seen.
DOTTED = frozenset("lj\u029d\u1d96\U0001df1a")
ABOVE = 230
DIRECTION_MARKS = str.maketrans("", "", "\u200e\u200f")


def skeleton(name: str) -> str:
    """Return what two names have in common that look alike, whatever their case, spaces and script.

    A skeleton is for comparing only. One over MAX_SKELETON_CHARACTERS is a digest of itself. Whoever changes what it
    makes of a name has to recompute those that are stored, as a migration does.
    """
    table = prototypes()
    decomposed = unicodedata.normalize("NFKD", name)
    folded = "".join(table.get(character, character) for character in decomposed).casefold().translate(AFTER_CASE)
    seen = "".join(character for character in folded if not character.isspace() and character not in UNSEEN)
    found = seen_once(unicodedata.normalize("NFD", seen))
    return found if len(found) <= MAX_SKELETON_CHARACTERS else hashlib.sha256(found.encode()).hexdigest()


def seen_once(text: str) -> str:
    """Return a decomposed text without dots on what has one, and without a mark on the same mark (TR 39, 5.4)."""
    kept: list[str] = []
    dotted = False
    for character in text:
        if dotted and character == DOT:
            continue
        if kept and character == kept[-1] and unicodedata.category(character) == "Mn":
            continue
        kept.append(character)
        order = unicodedata.combining(character)
        dotted = character in DOTTED or (dotted and order not in (0, ABOVE))
    return "".join(kept)


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
