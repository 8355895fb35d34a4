"""Display names: nobody passes for the server, nobody is invisible."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chat.wire.codes import Error, WireError
from chat.wire.names import FORBIDDEN_CATEGORIES, MAX_NAME_CHARACTERS, clean, passes_for_the_server

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
}

INVISIBLE = {
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
}

ALLOWED = {
    "Ada": "Ada",
    "  Ada   Lovelace ": "Ada Lovelace",
    "Servers Inc": "Servers Inc",
    "Servería": "Servería",
    "S e r v e r": "S e r v e r",
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


@pytest.mark.parametrize("name", INVISIBLE.values(), ids=INVISIBLE)
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
