"""Origins and patterns: what is one, and what a pattern lets in."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from chat.wire.origins import DEFAULT_PORTS, MAX_HOST, NO_ORIGIN, NO_PORT, Origin, Pattern, parse, parse_pattern

LABELS = st.from_regex(r"[a-z]([a-z0-9-]{0,8}[a-z0-9])?", fullmatch=True)
NAMES = st.lists(LABELS, min_size=2, max_size=4).map(".".join)
ADDRESSES = st.ip_addresses().map(str)
SCHEMES = st.sampled_from(sorted(DEFAULT_PORTS))
PORTS = st.integers(1, 65535)
EXACT = st.builds(Pattern, SCHEMES, NAMES | ADDRESSES, PORTS)
WILD = st.builds(Pattern, SCHEMES, NAMES, PORTS, st.just(True))
# Text that is nearly an origin finds more than text that is nothing like one.
PIECES = st.sampled_from(
    [
        *"http https *. * : :// / [ ] [::1] . .. @ ? # % 0 80 99999 a b-c xn-- 0x7f ſ K İ ß 。 ＊ ．".split(),
        "\u200d",
        "\ud800",
        "\0",
    ]
)
ODD = st.text() | st.lists(PIECES).map("".join) | st.lists(PIECES).map(lambda found: "https://" + "".join(found))


@pytest.mark.parametrize(
    ("text", "origin"),
    [
        ("https://Chat.Example", Origin("https", "chat.example", 443)),
        ("HTTP://chat.example", Origin("http", "chat.example", 80)),
        ("http://[::1]:8080", Origin("http", "::1", 8080)),
        ("http://[0:0:0:0:0:0:0:1]", Origin("http", "::1", 80)),
        ("http://chat.example.", Origin("http", "chat.example.", 80)),
        ("http://under_score.example:1", Origin("http", "under_score.example", 1)),
        ("capacitor://localhost", Origin("capacitor", "localhost", NO_PORT)),
        ("Ionic://LOCALHOST:8100", Origin("ionic", "localhost", 8100)),
        ("tauri://localhost", Origin("tauri", "localhost", NO_PORT)),
        ("chrome-extension://abcdefghijklmnop", Origin("chrome-extension", "abcdefghijklmnop", NO_PORT)),
        ("safari-web-extension://2C127FA4-62C7", Origin("safari-web-extension", "2c127fa4-62c7", NO_PORT)),
        ("app://-", Origin("app", "-", NO_PORT)),
        ("app://.", Origin("app", ".", NO_PORT)),
    ],
)
def test_an_origin_is_read_with_its_port_in_lower_case_and_the_shortest_form(text: str, origin: Origin) -> None:
    assert parse(text) == origin


def test_an_origin_is_written_with_its_port_and_brackets_so_that_it_can_be_read_again() -> None:
    assert str(parse("https://chat.example")) == "https://chat.example:443"
    assert str(parse("http://[::1]:8080")) == "http://[::1]:8080"


@pytest.mark.parametrize(
    "text",
    [
        *(
            "",
            " ",
            "null",
            "file://",
            "http://",
            "http:///",
            "http://.",
            "http://..",
            "app://..",
            "app://.a",
            "app://a..b",
            "//a.example",
            "a.example",
            "*",
        ),
        *(
            "http://.a.example",
            "http://a..example",
            "http://a.example..",
            "http://*.a.example",
            "http://[]",
            "http://[:]",
        ),
        *("http://a.example:", "http://a.example:0", "http://a.example:080", "http://a.example:65536", "http://[::1"),
        *("http://a.example/", "http://u@a.example", "http://a.example?", "http://a.example#", "http://a.example\n"),
        *("httpſ://a.example", "http://\u212a.example", "http://bücher.example", "http://[::1%25lo]", "ws://a.example"),
        *("http://" + "a" * (MAX_HOST + 2), "http://[" + "1:" * 5000 + "]"),
    ],
)
def test_what_is_no_origin_is_refused_in_a_short_sentence(text: str) -> None:
    with pytest.raises(ValueError) as refusal:
        parse(text)
    assert 10 < len(str(refusal.value)) < 400


@pytest.mark.parametrize("scheme", [*sorted(NO_ORIGIN), "File", "WSS", "1app", "a_b", "", "x" * 33])
def test_a_scheme_whose_pages_have_no_origin_of_their_own_is_refused_here_and_in_rows(scheme: str) -> None:
    for read in (parse, parse_pattern):
        with pytest.raises(ValueError, match="https://"):
            read(f"{scheme}://localhost")


def test_an_apps_origin_is_written_without_a_port_and_matches_itself_alone() -> None:
    pattern = parse_pattern("capacitor://localhost")
    assert str(parse("capacitor://localhost")) == parse("capacitor://localhost").sent == str(pattern)
    assert pattern.matches(parse("capacitor://localhost"))
    for other in ("ionic://localhost", "capacitor://localhost:80", "http://localhost", "capacitor://a.localhost"):
        assert not pattern.matches(parse(other))


@pytest.mark.parametrize(
    ("text", "stored"),
    [
        ("https://chat.example", "https://chat.example"),
        (" Capacitor://LocalHost ", "capacitor://localhost"),
        ("ionic://localhost:8100", "ionic://localhost:8100"),
        ("http://tauri.localhost", "http://tauri.localhost"),
        ("moz-extension://2C127FA4-62c7", "moz-extension://2c127fa4-62c7"),
        ("vscode-webview://1abc", "vscode-webview://1abc"),
        ("app://obsidian.md", "app://obsidian.md"),
        ("app://-", "app://-"),
        ("app://.", "app://."),
        (" https://chat.example \n", "https://chat.example"),
        ("HTTPS://Chat.EXAMPLE", "https://chat.example"),
        ("https://chat.example:443", "https://chat.example"),
        ("http://chat.example:80", "http://chat.example"),
        ("http://chat.example:443", "http://chat.example:443"),
        ("http://localhost:3000", "http://localhost:3000"),
        ("http://192.0.2.1:8080", "http://192.0.2.1:8080"),
        ("http://[2001:DB8:0:0::1]:81", "http://[2001:db8::1]:81"),
        ("https://*.example.com", "https://*.example.com"),
        ("https://*.Example.com:8443", "https://*.example.com:8443"),
        ("http://*.localhost", "http://*.localhost"),
        ("https://bücher.example", "https://xn--bcher-kva.example"),
        ("https://*.BÜCHER.example", "https://*.xn--bcher-kva.example"),
        ("https://faß.example", "https://xn--fa-hia.example"),
        ("https://日本。example", "https://xn--wgv71a.example"),
        ("https://ｃｈａｔ.example", "https://chat.example"),
        ("https://xn--bcher-kva.example", "https://xn--bcher-kva.example"),
        ("https://_a.b_c.example", "https://_a.b_c.example"),
    ],
)
def test_a_pattern_is_stored_as_browsers_write_an_origin(text: str, stored: str) -> None:
    assert str(parse_pattern(text)) == stored


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "https://host"),
        ("*", "https://host"),
        ("null", "https://host"),
        ("chat.example", "https://host"),
        ("chat.example:443", "https://host"),
        ("https:chat.example", "https://host"),
        ("//chat.example", "https://host"),
        ("https://a.example\nhttps://b.example", "port|after"),
        ("*://chat.example", "http:// or https://"),
        ("ws://chat.example", "http:// or https://"),
        ("capacitor://*.localhost", "without *"),
        ("capacitor://*", "without *"),
        ("chrome-extension://*", "without *"),
        ("capacitor://", "exactly"),
        ("capacitor://localhost.", "exactly"),
        ("app://..", "exactly"),
        ("app://.a", "exactly"),
        ("https://.", "dot at its end"),
        ("capacitor://[::1]", "exactly"),
        ("capacitor://bücher", "exactly"),
        ("capacitor://localhost/", "'/'"),
        ("capacitor://localhost:0", "port"),
        ("capacitor:localhost", "https://host"),
        ("file:///tmp", "http:// or https://"),
        ("httpſ://chat.example", "http:// or https://"),
        ("://chat.example", "http:// or https://"),
        ("https://chat.example/", "'/'"),
        ("https://chat.example/path", "'/path'"),
        ("https://chat.example?q", "'?q'"),
        ("https://chat.example#f", "'#f'"),
        ("https://user@chat.example", "'@chat.example'"),
        ("https://a:b@chat.example", "'@chat.example'"),
        ("https://chat.example:", "port"),
        ("https://chat.example:0", "port"),
        ("https://chat.example:0443", "port"),
        ("https://chat.example:65536", "port"),
        ("https://chat.example:*", "port"),
        ("https://chat.example:４４３", "port"),
        ("https://*", "first label"),
        ("https://**.example.com", "first label"),
        ("https://*.*.example.com", "first label"),
        ("https://a.*.example.com", "first label"),
        ("https://a*.example.com", "first label"),
        ("https://example.*", "first label"),
        ("https://*.com", "two labels"),
        ("https://*.", "host name"),
        ("https://*.192.0.2.1", "two labels"),
        ("https://*.[::1]", "two labels"),
        ("https://", "host name"),
        ("https://.example.com", "host name"),
        ("https://a..example", "host name"),
        ("https://-a.example", "host name"),
        ("https://a-.example", "host name"),
        ("https://a b.example", "host name"),
        ("https://" + "a" * 64 + ".example", "host name"),
        ("https://" + "a." * 126 + "ab", "host name"),
        ("https://chat.example.", "dot at its end"),
        ("https://bücher.example。", "dot at its end"),
        ("https://☃.example", "host name"),
        ("https://a\u200bb.ü.example\ud800", "host name"),
        ("https://chat%2eexample", "host name"),
        ("http://127.1", "IPv4"),
        ("http://2130706433", "IPv4"),
        ("http://127.0.0.256", "IPv4"),
        ("http://0x7f.1", "IPv4"),
        ("http://0x7f000001", "IPv4"),
        ("http://1.2.3.0x", "IPv4"),
        ("http://[::1", "IPv6|host|https://"),
        ("http://[]", "IPv6"),
        ("http://[1.2.3.4]", "IPv6"),
        ("http://[::1%lo]", "zone"),
        ("http://[fe80::1%25eth0]", "zone"),
    ],
)
def test_what_is_no_pattern_is_refused_and_the_sentence_says_what_was_expected(text: str, says: str) -> None:
    with pytest.raises(ValueError) as refusal:
        parse_pattern(text)
    assert any(word in str(refusal.value) for word in says.split("|"))


@pytest.mark.parametrize(
    ("pattern", "origin", "lets_in"),
    [
        ("https://a.example", "https://a.example", True),
        ("https://a.example", "https://a.example:443", True),
        ("https://a.example", "HTTPS://A.EXAMPLE", True),
        ("https://a.example", "http://a.example", False),
        ("https://a.example", "https://a.example:444", False),
        ("https://a.example", "https://b.a.example", False),
        ("https://a.example", "https://a.example.", False),
        ("https://*.a.example", "https://b.a.example", True),
        ("https://*.a.example", "https://c.b.a.example", True),
        ("https://*.a.example", "https://xn--bcher-kva.a.example", True),
        ("https://*.a.example", "https://a.example", False),
        ("https://*.a.example", "https://ba.example", False),
        ("https://*.a.example", "https://b.a.example.evil", False),
        ("https://*.a.example", "https://b.a.example.", False),
        ("https://*.a.example", "http://b.a.example", False),
        ("https://*.a.example", "https://b.a.example:8443", False),
        ("https://*.a.example:8443", "https://b.a.example:8443", True),
        ("https://*.a.example:8443", "https://b.a.example", False),
        ("http://[2001:db8::1]", "http://[2001:db8:0::1]", True),
        ("http://[::ffff:192.0.2.1]", "http://[::ffff:c000:201]", True),
        ("http://[::ffff:192.0.2.1]", "http://192.0.2.1", False),
    ],
)
def test_a_pattern_lets_in_what_it_says_and_nothing_like_it(pattern: str, origin: str, lets_in: bool) -> None:
    assert parse_pattern(pattern).matches(parse(origin)) is lets_in


@given(EXACT)
def test_what_an_exact_pattern_says_is_an_origin_that_it_lets_in(pattern: Pattern) -> None:
    assert pattern.matches(parse(str(pattern)))


@given(EXACT | WILD)
def test_a_pattern_that_was_stored_is_read_as_the_same(pattern: Pattern) -> None:
    assert parse_pattern(str(pattern)) == pattern


@given(WILD, LABELS)
def test_a_wild_pattern_lets_in_subdomains_and_never_its_own_host_or_one_that_ends_alike(
    pattern: Pattern, label: str
) -> None:
    assert pattern.matches(Origin(pattern.scheme, f"{label}.{pattern.host}", pattern.port))
    assert not pattern.matches(Origin(pattern.scheme, pattern.host, pattern.port))
    assert not pattern.matches(Origin(pattern.scheme, label + pattern.host, pattern.port))
    assert not pattern.matches(Origin(pattern.scheme, f"{pattern.host}.{label}-", pattern.port))


@given(WILD, ODD)
def test_whatever_a_wild_pattern_lets_in_has_a_label_before_its_host(pattern: Pattern, before: str) -> None:
    try:
        origin = parse(f"{pattern.scheme}://{before}.{pattern.host}:{pattern.port}")
    except ValueError:
        return
    assert pattern.matches(origin)
    assert all(origin.host.split("."))


@given(ODD)
@example("httpſ://a.example")
@example("http://[::1%\u2028]")
@example("https://\ud800.example")
@example("https://xn--a")
def test_no_text_raises_anything_but_a_value_error_and_what_is_read_is_stable(text: str) -> None:
    for read in (parse, parse_pattern):
        try:
            found = read(text)
        except ValueError:
            continue
        assert read(str(found)) == found
        assert str(found).isascii()
