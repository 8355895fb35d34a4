"""Emoji: what may stand under a message as a reaction."""

from __future__ import annotations

import re
import unicodedata

from chat.wire.names import FORBIDDEN_CATEGORIES, INVISIBLE

# What follows a sign and makes another one of it: the text and the emoji style, and the key cap.
MODIFIERS = frozenset("\ufe0e\ufe0f\u20e3")
JOINER = "\u200d"
# The flag of a region (UTS 51, ED-14a): tags after a black flag, and the one that ends them.
TAGS = re.compile("\U0001f3f4[\U000e0030-\U000e0039\U000e0061-\U000e007a]{2,}\U000e007f")
# Kept for emoji to come (Extended_Pictographic): those of a newer Unicode than this Python's are unassigned to it.
PICTOGRAPHIC = ((0x1F000, 0x1FAFF), (0x1FC00, 0x1FFFD))


def is_emoji(text: str) -> bool:
    """Tell whether a text is made as emoji are: signs that are seen, each with its modifiers, joined or not.

    Words of ASCII letters are none. What turns the text around, hides, or stands on its neighbours is none either.
    """
    pieces = TAGS.sub("\U0001f3f4", text).split(JOINER)
    return all(piece and is_sign(piece[0]) and all(map(is_part, piece)) for piece in pieces)


def is_part(character: str) -> bool:
    return character in MODIFIERS or is_sign(character)


def is_sign(character: str) -> bool:
    """Tell whether a character is seen by itself, and is no letter or blank of ASCII."""
    if character.isascii():
        return character in "#*0123456789"
    category = unicodedata.category(character)
    if category == "Cn":
        return any(first <= ord(character) <= last for first, last in PICTOGRAPHIC)
    return category[0] not in "MZ" and category not in FORBIDDEN_CATEGORIES and character not in INVISIBLE
