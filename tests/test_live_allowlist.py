"""The allow-list."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from chat.live.allowlist import AllowList
from chat.wire.origins import Origin, Pattern, parse, parse_pattern

HOSTS = st.sampled_from(["a.example", "b.a.example", "c.b.a.example", "ba.example", "b.example"])
SCHEMES, PORTS = st.sampled_from(["http", "https"]), st.sampled_from([80, 443])
ORIGINS = st.builds(Origin, SCHEMES, HOSTS, PORTS)
PATTERNS = st.builds(Pattern, SCHEMES, HOSTS, PORTS, st.booleans())


def listing(*texts: str) -> AllowList:
    made = AllowList()
    made.replace([parse_pattern(text) for text in texts])
    return made


def test_until_the_first_look_nobody_is_let_in() -> None:
    assert not AllowList().lets_in(parse("https://a.example"))


def test_a_new_list_takes_the_old_ones_place_whole() -> None:
    made = listing("https://a.example", "https://*.b.example")
    assert made.lets_in(parse("https://a.example"))
    assert made.lets_in(parse("https://x.b.example"))
    made.replace([parse_pattern("https://c.example")])
    assert not made.lets_in(parse("https://a.example"))
    assert not made.lets_in(parse("https://x.b.example"))
    assert made.lets_in(parse("https://c.example"))


def test_a_wild_pattern_in_the_list_is_not_its_own_host() -> None:
    assert not listing("https://*.a.example").lets_in(parse("https://a.example"))


@given(st.frozensets(PATTERNS), ORIGINS)
def test_an_origin_is_let_in_where_any_of_the_patterns_lets_it_in(patterns: frozenset[Pattern], origin: Origin) -> None:
    made = AllowList()
    made.replace(patterns)
    assert made.lets_in(origin) is any(pattern.matches(origin) for pattern in patterns)
