"""Texts: what shows something to its reader."""

from __future__ import annotations

import unicodedata

from chat.wire.codes import Error, WireError
from chat.wire.names import INVISIBLE

# Unassigned, and ignored by whatever draws a text (Default_Ignorable_Code_Point): tags and selectors to come.
IGNORED = ((0x2065, 0x2065), (0xFFF0, 0xFFF8), (0xE0000, 0xE0FFF))
# Most texts show something soon; what does not may be 64 KiB of nothing.
SOON = 32


def check_shown(text: str) -> None:
    """Refuse a text of blanks, invisible characters and marks without a letter, as in a name. Raises: WireError."""
    if not (any(map(is_shown, text[:SOON])) or any(map(is_shown, set(text[SOON:])))):
        raise WireError(
            Error.UNSUPPORTED, "Expected text that shows something, got none that does.", key="text.empty", field="text"
        )


def is_shown(character: str) -> bool:
    """Tell whether a character shows something by itself. What is unassigned does: it may be an emoji of a newer Unicode."""
    category = unicodedata.category(character)
    if character in INVISIBLE:
        return False
    if category == "Cn":
        return not any(first <= ord(character) <= last for first, last in IGNORED)
    return category[0] not in "MZ" and category not in ("Cc", "Cf", "Cs")
