"""What a pattern of origins lets in, in words."""

from __future__ import annotations

import pytest

from chat.admin.words import NOTHING_YET, in_words
from chat.wire.origins import Origin

WILD = [
    "Lets in pages of every subdomain of example.com over https on port 443, like https://a.example.com and "
    "https://a.b.example.com.",
    "Not https://example.com itself, not http://, no other port.",
    "Anybody who can get a name under example.com is let in.",
]
APP = ["Lets in pages of https://app.example.com on port 443.", "Not its subdomains, not http://, no other port."]


@pytest.mark.parametrize(
    ("text", "sentences"),
    [
        ("", [NOTHING_YET]),
        ("  ", [NOTHING_YET]),
        ("https://*.example.com", WILD),
        ("https://app.example.com", APP),
        (" https://app.example.com ", APP),
        ("HTTPS://App.example.com:443", [*APP, "It is stored as browsers write it: https://app.example.com"]),
        (
            "https://app.example.com:8443",
            ["Lets in pages of https://app.example.com:8443.", "Not its subdomains, not http://, no other port."],
        ),
        (
            "http://localhost:5173",
            [
                "Lets in pages of http://localhost:5173.",
                "Not 127.0.0.1 or [::1], which browsers hold for other origins, not https://, no other port.",
                "That is each visitor's own machine: whatever program answers there on port 5173 is let in.",
            ],
        ),
        (
            "https://[::1]",
            [
                "Lets in pages of https://[::1] on port 443.",
                "Not localhost or 127.0.0.1, which browsers hold for other origins, not http://, no other port.",
                "That is each visitor's own machine: whatever program answers there on port 443 is let in.",
            ],
        ),
    ],
)
def test_a_pattern_is_told_in_words(text: str, sentences: list[str]) -> None:
    acting = [sentence for sentence in in_words(text) if sentence not in sentences]
    assert [*sentences, *acting] == in_words(text)
    assert all("acts here as whoever is signed in" in sentence for sentence in acting)
    assert len(acting) == (sentences != [NOTHING_YET])


SHARED = "each of those that a visitor has installed is let in, not only yours"
MAKER = "Whoever makes that app or extension, or sends out its updates, is let in."


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("capacitor://localhost", SHARED),
        ("ionic://localhost", SHARED),
        ("tauri://localhost", SHARED),
        ("http://tauri.localhost", "Capacitor or Tauri may have it"),
        ("https://localhost", "Capacitor or Tauri may have it"),
        ("chrome-extension://abcdefghijklmnopabcdefghijklmnop", MAKER),
        ("moz-extension://2c127fa4-62c7-7e4f-90e5-472b45eecfdc", MAKER),
        ("app://obsidian.md", MAKER),
    ],
)
def test_of_an_app_it_is_said_who_else_has_its_origin(text: str, says: str) -> None:
    said = in_words(text)
    assert any(says in sentence for sentence in said), said
    assert text in said[0]
    assert ("app" in said[0]) is not text.startswith("http")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("http://10.0.0.5", "10.0.0.5 is a private address or name"),
        ("http://192.168.1.7:8000", "192.168.1.7 is a private address or name"),
        ("http://[fe80::1]", "fe80::1 is a private address or name"),
        ("http://intranet", "intranet is a private address or name"),
        ("http://printer.local", "printer.local is a private address or name"),
        ("http://10.0.0.5", "http:// is not encrypted"),
        ("http://shop.example.com", "http:// is not encrypted"),
        ("http://*.example.com", "http:// is not encrypted"),
        ("http://*.example.com:8080", "like http://a.example.com:8080 and http://a.b.example.com:8080."),
        ("http://*.example.com:8080", "Not http://example.com:8080 itself, not https://, no other port."),
        ("http://10.0.0.5", "Not https://, no other port."),
        ("https://bücher.example", "bücher.example is xn--bcher-kva.example to a browser, and is stored so."),
        ("https://xn--bcher-kva.example", "bücher.example is xn--bcher-kva.example to a browser"),
        ("https://xn--bcher-kva.example", "letters of different scripts can look the same"),
        ("https://аpple.com", "xn--pple-43d.com"),
        ("https://*.bücher.example", "Anybody who can get a name under xn--bcher-kva.example is let in."),
    ],
)
def test_what_an_operator_should_look_at_is_said(text: str, says: str) -> None:
    assert says in " ".join(in_words(text))


@pytest.mark.parametrize("text", ["https://app.example.com", "https://93.184.216.34", "http://localhost:5173"])
def test_nobody_is_frightened_without_a_reason(text: str) -> None:
    said = " ".join(in_words(text))
    assert not any(words in said for words in ("not encrypted", "private address", "Anybody", "look the same"))


@pytest.mark.parametrize(
    "text",
    ["*", "null", "example.com", "https://*.com", "https://*", "https://a.*.com", "https://app.example.com/path"],
)
def test_what_is_no_pattern_lets_in_nobody_and_says_why(text: str) -> None:
    first, why = in_words(text)
    assert first == "Lets in nobody, since this is no pattern."
    assert why.startswith("Expected ")


OWN = Origin("https", "chat.example.com", 443)


def test_this_sites_own_origin_needs_no_row() -> None:
    needless = "This is this site's own origin: its pages are let in without a row."
    assert needless in in_words("https://chat.example.com", OWN)
    assert needless not in in_words("https://chat.example.com:8443", OWN)
    assert needless not in in_words("http://chat.example.com", OWN)


def test_this_site_may_be_one_of_a_wildcards_subdomains() -> None:
    among = "This site itself (https://chat.example.com:443) is among them; it needs no row."
    assert among in in_words("https://*.example.com", OWN)
    assert among not in in_words("https://*.example.org", OWN)
