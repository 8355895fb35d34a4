"""Display names: nobody passes for the server, nobody is invisible."""

from __future__ import annotations

import sys
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chat.wire.codes import Error, WireError
from chat.wire.names import (
    DELETED,
    FORBIDDEN_CATEGORIES,
    INVISIBLE,
    MAX_NAME_CHARACTERS,
    THE_SERVER,
    clean,
    passes_for_the_server,
)
from chat.wire.skeletons import skeleton

LIKE_THE_SERVER = {
    "plain": "Server",
    "upper case": "SERVER x",
    "mixed case": "sErVeR broadcast",
    "a colon": "Server: hello",
    "an apostrophe": "Server's",
    "a hyphen": "server-broadcast",
    "an underscore": "Server_1",
    "a space before": "   server",
    "a no-break space": "server\u00a0x",
    "an ideographic space": "\u3000server\u3000x",
    "one Cyrillic letter": "Ѕerver",
    "Cyrillic": "ѕеrvеr",
    "Cyrillic, all of it": "ЅЕГѴЕГ",
    "Greek": "sεrνεr",
    "Armenian": "Տerver",
    "Cherokee": "ᏚᎬᏒᏙᎬᏒ",
    "Cherokee, other letters": "ᏕᎬᎡᏙᎬᎡ",
    "Lisu": "ꓢꓰꓣꓦꓰꓣ",
    "full width": "Ｓｅｒｖｅｒ",
    "mathematical bold": "𝐒𝐞𝐫𝐯𝐞𝐫",
    "mathematical script": "𝓢𝓮𝓻𝓿𝓮𝓻",
    "double-struck": "𝕊𝕖𝕣𝕧𝕖𝕣",
    "circled": "ⓢⓔⓡⓥⓔⓡ",
    "squared": "🅂🄴🅁🅅🄴🅁",
    "black squares": "🆂🅴🆁🆅🅴🆁",
    "black circles": "🅢🅔🅡🅥🅔🅡",
    "flags": "🇸🇪🇷🇻🇪🇷",
    "small capitals": "ꜱᴇʀᴠᴇʀ",
    "superscript": "ˢᵉʳᵛᵉʳ",
    "accents": "Šérvêr",
    "stacked marks": "S\u0301\u0302erver\u0323",
    "an enclosing mark": "S\u20dderver",
    "a variation selector": "S\ufe0ferver",
    "a long s": "ſerver",
    "a hook": "ʂerver",
    "estimated sign": "s℮rv℮r",
    "digits for letters": "53rv3r",
    "a dollar": "$erver",
    "Canadian syllabics": "Seᖇver broadcast",
    "an element of": "S⋿rver broadcast",
    "Cherokee, small": "Seꮁver",
    "a tone six": "ƽerver",
    "a stroke": "Sɇrver",
    "a digit behind": "Server1 broadcast",
    "a digit that reads like a letter": "Server5",
    "a letter that is a colon": "Serverː",
    "a letter that is an exclamation mark": "Serverǃ",
    "a letter without case": "Server广播",
    "two words": "Serv er b",
    "many words": "S e r v e r",
    "signs inside": "Ser-ver: hello",
    "a letter that is a colon before": "ː Server",
    "a sign like its first letter before": "$ Server",
}

SHOWS_NOTHING = {
    "zero width space": "Ser\u200bver",
    "zero width joiner": "Ser\u200dver",
    "word joiner": "\u2060Server",
    "byte order mark": "\ufeffServer",
    "soft hyphen": "Ser\u00adver",
    "right-to-left override": "revre\u202es",
    "isolate": "\u2066Ada",
    "grapheme joiner": "S\u034ferver",
    "Hangul filler": "\u3164Server",
    "half-width Hangul filler": "\uffa0",
    "Mongolian vowel separator": "\u180eServer",
    "empty Braille": "\u2800",
    "NUL": "Ada\0",
    "line feed": "Ada\nServer error: x",
    "tab": "A\tda",
    "escape": "\x1b[2J",
    "C1": "Ada\x85",
    "line separator": "Ada\u2028",
    "paragraph separator": "Ada\u2029",
    "private use": "\ue000",
    "surrogate": "\ud800",
    "unassigned": "\u0378",
    "tag": "Ada\U000e0041",
    "musical null notehead": "Bill\U0001d159",
    "Khitan filler": "Bill\U00016fe4",
    "Hangul choseong filler": "Bill\u115f",
    "place of an object": "Bill\ufffc",
}

ALLOWED = {
    "Ada": "Ada",
    "  Ada   Lovelace ": "Ada Lovelace",
    "Servers Inc": "Servers Inc",
    "Servería": "Servería",
    "Serve Robert": "Serve Robert",
    "Servet": "Servet",
    "Serverin": "Serverin",
    "Ser Verity": "Ser Verity",
    "guest-house": "guest-house",
    "user-friendly": "user-friendly",
    "Deleted Users": "Deleted Users",
    "My Server": "My Server",
    "Serve": "Serve",
    "observer": "observer",
    "Zoe\u0308": "Zoë",
    "Иван": "Иван",
    "小明": "小明",
    "محمد": "محمد",
    "अनु": "अनु",
    "🦊": "🦊",
    "❤️": "❤️",
    "<b>bold</b>": "<b>bold</b>",
    "x" * MAX_NAME_CHARACTERS: "x" * MAX_NAME_CHARACTERS,
}


@pytest.mark.parametrize("name", LIKE_THE_SERVER.values(), ids=LIKE_THE_SERVER)
def test_a_name_that_reads_like_the_server_is_forbidden(name: str) -> None:
    with pytest.raises(WireError, match="may not begin with") as caught:
        clean(name)
    assert caught.value.code is Error.FORBIDDEN


@pytest.mark.parametrize("name", SHOWS_NOTHING.values(), ids=SHOWS_NOTHING)
def test_a_character_that_nobody_sees_is_refused_and_named(name: str) -> None:
    with pytest.raises(WireError, match=r"expected visible characters, got U\+[0-9A-F]{4}") as caught:
        clean(name)
    assert caught.value.code is Error.BAD_FRAME


@pytest.mark.parametrize(("name", "shown"), ALLOWED.items())
def test_a_name_is_composed_and_trimmed_and_else_left_alone(name: str, shown: str) -> None:
    assert clean(name) == shown


@pytest.mark.parametrize("name", ["", "   ", "\u00a0", "x" * (MAX_NAME_CHARACTERS + 1)])
def test_a_name_that_is_empty_or_too_long_is_refused_with_both_numbers(name: str) -> None:
    with pytest.raises(WireError, match=f"expected 1 to {MAX_NAME_CHARACTERS} characters, got {len(name.strip())}"):
        clean(name)


@pytest.mark.parametrize("name", ["x" * 1001, " " * 1001 + "x", "\u202e" * 2_000_000, "e\u0301" * 600])
def test_of_a_name_far_too_long_no_character_is_looked_at(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("chat.wire.names.unicodedata", None)
    with pytest.raises(WireError, match=f"expected 1 to {MAX_NAME_CHARACTERS} characters, got {len(name)}") as caught:
        clean(name)
    assert caught.value.key == "name.length"


@pytest.mark.parametrize("name", [" " * 999 + "x", "x" + " " * 999])
def test_spaces_around_a_name_are_taken_away_first(name: str) -> None:
    assert clean(name) == "x"


@given(st.text(max_size=50))
def test_a_clean_name_is_visible_short_stable_and_not_the_servers(name: str) -> None:
    try:
        shown = clean(name)
    except WireError:
        return
    assert 1 <= len(shown) <= MAX_NAME_CHARACTERS
    assert clean(shown) == shown
    assert not any(unicodedata.category(character) in FORBIDDEN_CATEGORIES for character in shown)
    assert not passes_for_the_server(shown)


@pytest.mark.parametrize(
    "name", ["(Server)", "[Server] Broadcast", "_Server", "“Server”", "… ѕerver: hello", "*** SERVER ***"]
)
def test_signs_before_the_word_do_not_make_it_another(name: str) -> None:
    assert passes_for_the_server(name)
    with pytest.raises(WireError):
        clean(name)


@pytest.mark.parametrize("at", range(len(THE_SERVER)))
def test_every_character_whose_skeleton_is_a_letter_of_the_word_reads_like_it(at: int) -> None:
    wanted = skeleton(THE_SERVER[at])
    alike = [
        character
        for character in map(chr, range(sys.maxunicode + 1))
        if unicodedata.category(character) not in FORBIDDEN_CATEGORIES and skeleton(character) == wanted
    ]
    assert len(alike) >= 50
    missed = [it for it in alike if not passes_for_the_server(f"{THE_SERVER[:at]}{it}{THE_SERVER[at + 1 :]} x")]
    assert missed == []


@pytest.mark.parametrize("name", ["\u0301", "\u0301\u0302", "\ufe0f", "\u20dd", "\u0301 \u0301", "\u093e"])
def test_marks_that_stand_on_nothing_are_no_name(name: str) -> None:
    with pytest.raises(WireError, match="marks alone") as caught:
        clean(name)
    assert caught.value.code is Error.BAD_FRAME


RESERVED = {
    "who has erased their account": DELETED,
    "in another case": "Deleted User",
    "in other letters": "dеleted usеr",
    "as one word": "deleteduser",
    "a guest's": "guest-12ab",
    "a guest's in another case": "Guest-12AB",
    "a guest's in other letters": "guеst-I2аb",
    "a guest's with a dash": "guest–12ab",
    "an account's without a name": "user-7",
    "an account's in another case": "USER-1234567",
    "another backend's person's": "user-13dfa4a6",
}


@pytest.mark.parametrize("name", RESERVED.values(), ids=RESERVED)
def test_a_name_that_only_the_server_gives_is_forbidden(name: str) -> None:
    with pytest.raises(WireError, match="only the server gives") as caught:
        clean(name)
    assert caught.value.code is Error.FORBIDDEN


def test_what_the_server_has_given_somebody_they_may_have_and_nobody_else() -> None:
    assert clean("guest-12ab", given="guest-12ab") == "guest-12ab"
    with pytest.raises(WireError, match="only the server gives"):
        clean("guest-12ab", given="guest-34cd")


def test_nothing_that_a_name_may_hold_shows_nothing_alone() -> None:
    for character in map(chr, range(sys.maxunicode + 1)):
        category = unicodedata.category(character)
        if category not in FORBIDDEN_CATEGORIES and category[0] not in "MZ" and character not in INVISIBLE:
            assert skeleton(character), f"U+{ord(character):04X}"
