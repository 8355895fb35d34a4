"""Display names: what a guest may be called."""

from __future__ import annotations

import unicodedata

from chat.wire.codes import Error, WireError

MAX_NAME_CHARACTERS = 40
# Categories that a name may not hold: controls, formats (zero width, bidi), surrogates, private use, unassigned, line and paragraph ends.
FORBIDDEN_CATEGORIES = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
# Letters and marks that show nothing, or a blank (Default_Ignorable_Code_Point outside Cf, and the empty Braille cell).
INVISIBLE = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u180b\u180c\u180d\u180f\u2800\u3164\uffa0")
# Letters that look like those of "server" (Unicode TR 39, confusables): none of them folds onto its Latin twin by NFKC.
LOOK_ALIKES = str.maketrans(
    {
        **dict.fromkeys("ѕꜱ𐑈ᏕᏚꓢႽտʂşșśŝšṣṡ5$", "s"),
        **dict.fromkeys("еёєҽεέɛᴇᎬꓰəℯ℮ⲉéèêëēĕėęěẹẽеꬲ3", "e"),
        **dict.fromkeys("гᴦⲅꭇꮁɾɼɽŕŗřʀяᎡᏒꓣр", "r"),
        **dict.fromkeys("νѵᴠᏙꓦ∨⋁ⅴטꮩʋ𝛎ѷ", "v"),
        # Letters in black circles and squares, and those of flags, have no compatibility form.
        **{chr(first + number): chr(97 + number) for first in (0x1F150, 0x1F170, 0x1F1E6) for number in range(26)},
    }
)


def clean(name: str) -> str:
    """Return a display name as it is shown: composed (NFC), trimmed, single spaces.

    Raises: WireError where it is empty, too long, holds invisible characters, or passes for the server.
    """
    for character in name:
        if unicodedata.category(character) in FORBIDDEN_CATEGORIES or character in INVISIBLE:
            raise WireError(Error.BAD_FRAME, f"payload.name: expected visible characters, got U+{ord(character):04X}")
    shown = " ".join(unicodedata.normalize("NFC", name).split())
    if not 1 <= len(shown) <= MAX_NAME_CHARACTERS:
        raise WireError(
            Error.BAD_FRAME, f"payload.name: expected 1 to {MAX_NAME_CHARACTERS} characters, got {len(shown)}"
        )
    if passes_for_the_server(shown):
        raise WireError(Error.FORBIDDEN, "payload.name: a name may not begin with “Server” or what looks like it")
    return shown


def passes_for_the_server(name: str) -> bool:
    """Tell whether a reader could take what this name says for the server's own word."""
    skeleton = fold(name)
    # "(Server)", "[Server] Broadcast": a sign before the word keeps nobody from reading it.
    skeleton = skeleton[next((at for at, character in enumerate(skeleton) if character.isalnum()), 0) :]
    return skeleton.startswith("server") and not skeleton[6:7].isalnum()


def fold(name: str) -> str:
    """Return a name's skeleton: compatibility forms, marks, case and look-alikes folded."""
    decomposed = unicodedata.normalize("NFKD", name.casefold())
    # By category: variation selectors and enclosing marks have no combining class.
    bare = "".join(character for character in decomposed if not unicodedata.category(character).startswith("M"))
    return bare.casefold().translate(LOOK_ALIKES)
