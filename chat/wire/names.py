"""Display names: what a guest may be called."""

from __future__ import annotations

import unicodedata

from chat.wire.codes import Error, WireError

MAX_NAME_CHARACTERS = 40
# Categories that a name may not hold: controls, formats (zero width, bidi), surrogates, private use, unassigned, line and paragraph ends.
FORBIDDEN_CATEGORIES = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
# Letters that look like those of "server" (Unicode TR 39, confusables): none of them folds onto its Latin twin by NFKC.
LOOK_ALIKES = str.maketrans(
    {
        **dict.fromkeys("ѕꜱ𐑈ᏕႽտʂşșśŝšṣṡ5$", "s"),
        **dict.fromkeys("еёєҽεέɛəℯ℮ⲉéèêëēĕėęěẹẽеꬲ3", "e"),
        **dict.fromkeys("гᴦⲅꭇꮁɾɼɽŕŗřʀяᎡр", "r"),
        **dict.fromkeys("νѵᴠ∨⋁ⅴטꮩʋ𝛎ѷ", "v"),
    }
)


def clean(name: str) -> str:
    """Return a display name as it is shown: composed (NFC), trimmed, single spaces.

    Raises: WireError where it is empty, too long, holds invisible characters, or passes for the server.
    """
    for character in name:
        if unicodedata.category(character) in FORBIDDEN_CATEGORIES:
            raise WireError(Error.BAD_FRAME, f"payload.name: expected visible characters, got U+{ord(character):04X}")
    shown = " ".join(unicodedata.normalize("NFC", name).split())
    if not 1 <= len(shown) <= MAX_NAME_CHARACTERS:
        raise WireError(
            Error.BAD_FRAME, f"payload.name: expected 1 to {MAX_NAME_CHARACTERS} characters, got {len(shown)}"
        )
    if passes_for_the_server(shown):
        raise WireError(Error.FORBIDDEN, "payload.name: a name may not begin with “Server”, got one that reads like it")
    return shown


def passes_for_the_server(name: str) -> bool:
    """Tell whether a reader could take what this name says for the server's own word."""
    skeleton = fold(name)
    return skeleton.startswith("server") and not skeleton[6:7].isalnum()


def fold(name: str) -> str:
    """Return a name's skeleton: compatibility forms, marks, case and look-alikes folded."""
    decomposed = unicodedata.normalize("NFKD", name.casefold())
    bare = "".join(character for character in decomposed if not unicodedata.combining(character))
    return bare.casefold().translate(LOOK_ALIKES)
