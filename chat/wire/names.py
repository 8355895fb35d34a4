"""Display names: what somebody may be called."""

from __future__ import annotations

import functools
import re
import unicodedata
from collections.abc import Sequence

from chat.wire.codes import Error, WireError
from chat.wire.skeletons import prototypes, skeleton

MAX_NAME_CHARACTERS = 40
# As it comes, with spaces and marks that composing takes away; of what is longer no character is looked at.
MAX_RAW_CHARACTERS = 1000
# Categories that a name may not hold: controls, formats (zero width, bidi), surrogates, private use, unassigned, line and paragraph ends.
FORBIDDEN_CATEGORIES = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
# Letters, marks and signs that show nothing, or a blank, and that no name needs: Default_Ignorable_Code_Point outside Cf,
# but for variation selectors, which emoji have; then the blanks that Unicode counts as signs: the empty Braille cell, the
# musical null notehead, the Khitan filler, the place of an object, the Egyptian blanks of Unicode 15.
INVISIBLE = frozenset(
    "\u034f\u115f\u1160\u17b4\u17b5\u180b\u180c\u180d\u180f\u3164\uffa0"
    "\u2800\U0001d159\U00016fe4\ufffc\U00013441\U00013442"
)
THE_SERVER = "server"
# What reads like letters of "server" beside what TR 39 says (chat.wire.skeletons): digits, signs, phonetic and foreign letters.
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

# Letters after which the word "server" goes on, and is another: "Servers". Those that have no case are read apart, or look
# like a colon.
CASED = frozenset({"Lu", "Ll", "Lt"})
# Who has erased their account (chat.rooms.erasing); guests (chat.live.identity) and accounts whose own name may not be.
DELETED, GUEST, USER = "deleted user", "guest-", "user-"


def clean(name: str, given: str = "") -> str:
    """Return a display name as it is shown: composed (NFC), trimmed, single spaces.

    `given` is the name that the server itself has given to whoever asks: they may have it.

    Raises: WireError where it is empty, too long, shows nothing, holds invisible characters, passes for the server, or
    is one that only the server gives.
    """
    if len(name) > MAX_RAW_CHARACTERS:
        raise wrong_length(len(name))
    for character in name:
        if unicodedata.category(character) in FORBIDDEN_CATEGORIES or character in INVISIBLE:
            code = f"{ord(character):04X}"
            raise WireError(
                Error.BAD_FRAME,
                f"payload.name: expected visible characters, got U+{code}",
                key="name.characters",
                params={"code": code},
                field="name",
            )
    shown = " ".join(unicodedata.normalize("NFC", name).split())
    if not 1 <= len(shown) <= MAX_NAME_CHARACTERS:
        raise wrong_length(len(shown))
    if all(unicodedata.category(character)[0] in "MZ" for character in shown):
        raise WireError(
            Error.BAD_FRAME,
            "payload.name: expected visible characters, got marks alone",
            key="name.marks",
            field="name",
        )
    if passes_for_the_server(shown):
        raise WireError(Error.FORBIDDEN, "payload.name: a name may not begin with “Server” or what looks like it")
    if shown != given and reserved().fullmatch(skeleton(shown)):
        raise WireError(Error.FORBIDDEN, f"payload.name: “{shown}” is a name that only the server gives")
    return shown


def wrong_length(count: int) -> WireError:
    """Return what is said of a name of so many characters, also of none."""
    return WireError(
        Error.BAD_FRAME,
        f"payload.name: expected 1 to {MAX_NAME_CHARACTERS} characters, got {count}",
        key="name.length",
        params={"most": MAX_NAME_CHARACTERS, "count": count},
        field="name",
    )


@functools.cache
def reserved() -> re.Pattern[str]:
    """Return what skeletons of names that only the server gives match: `deleted user`, `guest-xxxx`, `user-N`."""
    digits, figures = skeleton("0123456789"), skeleton("0123456789abcdef")
    deleted, guest, user = (re.escape(skeleton(text)) for text in (DELETED, GUEST, USER))
    return re.compile(f"{deleted}|{guest}[{figures}]{{4}}|{user}(?:[{digits}]+|[{figures}]{{8}})")


def passes_for_the_server(name: str) -> bool:
    """Tell whether a reader could take what this name says for the server's own word.

    "(Server)", "[Server] Broadcast": a sign before the word keeps nobody from reading it. Nor does one inside, or a space.
    """
    decomposed = unicodedata.normalize("NFKD", name)
    # By category: variation selectors and enclosing marks have no combining class.
    bare = [character for character in decomposed if not unicodedata.category(character).startswith("M")]
    for start, character in enumerate(bare):
        if letter(character) == THE_SERVER[0] and reads_the_server(bare[start:]):
            return True
        if not is_sign(character):
            return False
    return False


def reads_the_server(characters: Sequence[str]) -> bool:
    """Tell whether characters begin with the word, in any letters that look so, and do not make a longer word of it."""
    read = 0
    for at, character in enumerate(characters, 1):
        if letter(character) == THE_SERVER[read]:
            read += 1
        elif not is_sign(character):
            return False
        if read == len(THE_SERVER):
            return at == len(characters) or unicodedata.category(characters[at]) not in CASED
    return False


@functools.lru_cache(maxsize=4096)
def letter(character: str) -> str:
    """Return which letter of "server" a character may be read as, or nothing."""
    low, table = character.casefold(), prototypes()
    for reading in (low, table.get(character, ""), table.get(low, "")):
        bare = "".join(it for it in reading.casefold() if not unicodedata.combining(it)).translate(LOOK_ALIKES)
        if len(bare) == 1 and bare in THE_SERVER:
            return bare
    return ""


def is_sign(character: str) -> bool:
    """Tell whether a character is read as no letter or digit, whatever Unicode calls it: ː and ǃ are letters."""
    category = unicodedata.category(character)
    caseless = category == "Lo" and not prototypes().get(character, character)[0].isalnum()
    return not character.isalnum() or category == "Lm" or caseless
