"""Emoji: what may stand under a message as a reaction."""

from __future__ import annotations

import functools
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

# Emoji that are drawn as text unless U+FE0F follows (Emoji_Presentation=No in Unicode 17's emoji-data.txt, but digits).
TEXT_BY_DEFAULT = (
    "A9 AE 203C 2049 2122 2139 2194-2199 21A9-21AA 2328 23CF 23ED-23EF 23F1-23F2 23F8-23FA 24C2 25AA-25AB 25B6 25C0 "
    "25FB-25FC 2600-2604 260E 2611 2618 261D 2620 2622-2623 2626 262A 262E-262F 2638-263A 2640 2642 265F-2660 2663 "
    "2665-2666 2668 267B 267E 2692 2694-2697 2699 269B-269C 26A0 26A7 26B0-26B1 26C8 26CF 26D1 26D3 26E9 26F0-26F1 "
    "26F4 26F7-26F9 2702 2708-2709 270C-270D 270F 2712 2714 2716 271D 2721 2733-2734 2744 2747 2763-2764 27A1 "
    "2934-2935 2B05-2B07 3030 303D 3297 3299 1F170-1F171 1F17E-1F17F 1F202 1F237 1F321 1F324-1F32C 1F336 1F37D "
    "1F396-1F397 1F399-1F39B 1F39E-1F39F 1F3CB-1F3CE 1F3D4-1F3DF 1F3F3 1F3F5 1F3F7 1F43F 1F441 1F4FD 1F549-1F54A "
    "1F56F-1F570 1F573-1F579 1F587 1F58A-1F58D 1F590 1F5A5 1F5A8 1F5B1-1F5B2 1F5BC 1F5C2-1F5C4 1F5D1-1F5D3 "
    "1F5DC-1F5DE 1F5E1 1F5E3 1F5E8 1F5EF 1F5F3 1F5FA 1F6CB 1F6CD-1F6CF 1F6E0-1F6E5 1F6E9 1F6F0 1F6F3 "
)
STYLES = {0xFE0E: None, 0xFE0F: None}
MAX_CHARACTERS = 16


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


def key_of(emoji: str) -> str:
    """Return what is the same for all spellings of an emoji: it without the text and the emoji style."""
    return emoji.translate(STYLES)


@functools.lru_cache(maxsize=4096)
def qualified(emoji: str) -> str:
    """Return an emoji as emoji-test.txt has it fully qualified, whatever its spelling; one of a Unicode to come by the same rule."""
    key = key_of(emoji)
    full = bare().sub("\\g<0>\ufe0f", key)
    return full if len(full) <= MAX_CHARACTERS else key


@functools.cache
def bare() -> re.Pattern[str]:
    """Return what U+FE0F comes behind: emoji that are text by default, without a skin tone, and the key of a key cap."""
    bounds = [[f"\\U{int(bound, 16):08X}" for bound in each.split("-")] for each in TEXT_BY_DEFAULT.split()]
    return re.compile(f"[{''.join(map('-'.join, bounds))}](?![\U0001f3fb-\U0001f3ff])|[#*0-9](?=\u20e3)")


def joined(reactions: dict[str, list[str]]) -> dict[str, list[str]]:
    """Return reactions by fully qualified emoji: those of several spellings in one, ids in order, each once."""
    if all(qualified(emoji) == emoji for emoji in reactions):
        return reactions
    together: dict[str, list[str]] = {}
    for emoji, ids in reactions.items():
        together.setdefault(qualified(emoji), []).extend(ids)
    return {emoji: list(dict.fromkeys(ids)) for emoji, ids in together.items()}
