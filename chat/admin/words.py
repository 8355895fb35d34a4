"""What a pattern of origins lets in and what it does not, in words. Pure: a table of them is in the tests."""

from __future__ import annotations

import ipaddress
from dataclasses import replace

import idna

from chat.wire.origins import DEFAULT_PORTS, Origin, Pattern, bracketed, is_app, parse_pattern

NOTHING_YET = "An origin is https://host or https://host:port, like https://app.example.com."
OTHER = {"http": "https", "https": "http"}
# Names that mean the visitor's own machine (RFC 6761, section 6.3), and endings that mean another one in every network.
# Web origins that frameworks for apps give to every app: Capacitor on Android, Tauri on Windows and Android.
SHARED_BY_APPS = ("localhost", "tauri.localhost")
LOCAL_ENDINGS = (".local", ".internal", ".lan", ".home.arpa")


def in_words(text: str, own: Origin | None = None) -> list[str]:
    """Return sentences on what `text` lets in, the first of them its sum; `own` is the origin of this site."""
    if not text.strip():
        return [NOTHING_YET]
    try:
        pattern = parse_pattern(text)
    except ValueError as error:
        return ["Lets in nobody, since this is no pattern.", str(error)]
    return [
        lets_in(pattern),
        keeps_out(pattern),
        *needless(pattern, own),
        *spelling(pattern, text.strip()),
        *warnings(pattern),
        *acting(pattern, own),
    ]


def lets_in(pattern: Pattern) -> str:
    """Return who is let in."""
    if is_app(pattern.scheme):
        return f"Lets in pages of an app or extension, whose origin is {pattern}."
    if not pattern.wild:
        port = f" on port {pattern.port}" if pattern.port == DEFAULT_PORTS[pattern.scheme] else ""
        return f"Lets in pages of {pattern}{port}."
    first, second = (str(Pattern(pattern.scheme, f"{label}.{pattern.host}", pattern.port)) for label in ("a", "a.b"))
    return (
        f"Lets in pages of every subdomain of {pattern.host} over {pattern.scheme} on port {pattern.port}, "
        f"like {first} and {second}."
    )


def keeps_out(pattern: Pattern) -> str:
    """Return the nearest of those who are not."""
    if is_app(pattern.scheme):
        return "Not pages of web sites, not other apps. Pages of files (Origin null or file://) are never let in."
    other = f"not {OTHER[pattern.scheme]}://, no other port."
    if pattern.wild:
        return f"Not {replace(pattern, wild=False)} itself, {other}"
    if loopback(pattern.host):
        others = [it for it in ("localhost", "127.0.0.1", "[::1]") if it != bracketed(pattern.host)]
        return f"Not {' or '.join(others)}, which browsers hold for other origins, {other}"
    return f"{other[0].upper()}{other[1:]}" if is_address(pattern.host) else f"Not its subdomains, {other}"


def needless(pattern: Pattern, own: Origin | None) -> list[str]:
    """Tell that this site's own pages are let in without a row."""
    if own is None or not pattern.matches(own):
        return []
    if pattern.wild:
        return [f"This site itself ({own}) is among them; it needs no row."]
    return ["This is this site's own origin: its pages are let in without a row."]


def spelling(pattern: Pattern, text: str) -> list[str]:
    """Tell where what is stored looks different from what came, and what an ASCII form stands for."""
    said = []
    own_letters = decoded(pattern.host)
    if own_letters != pattern.host:
        said.append(
            f"{own_letters} is {pattern.host} to a browser, and is stored so. "
            "Look twice: letters of different scripts can look the same."
        )
    elif str(pattern) != text:
        said.append(f"It is stored as browsers write it: {pattern}")
    return said


def warnings(pattern: Pattern) -> list[str]:
    """Tell who else may turn up under that origin."""
    if is_app(pattern.scheme):
        return of_apps(pattern)
    said = []
    if loopback(pattern.host):
        said.append(
            f"That is each visitor's own machine: whatever program answers there on port {pattern.port} is let in."
        )
    elif elsewhere(pattern.host):
        said.append(
            f"{pattern.host} is a private address or name: another machine in every network. "
            "Whoever answers to it in a visitor's network is let in."
        )
    if pattern.host in SHARED_BY_APPS and pattern.port == DEFAULT_PORTS[pattern.scheme]:
        said.append("Apps that are built with Capacitor or Tauri may have it, too: each of them is let in.")
    if pattern.wild and not loopback(pattern.host):
        said.append(f"Anybody who can get a name under {pattern.host} is let in.")
    if pattern.scheme == "http" and not loopback(pattern.host):
        said.append("http:// is not encrypted: whoever sits on the way can change such a page, and is let in with it.")
    return said


def of_apps(pattern: Pattern) -> list[str]:
    """Tell which apps turn up under one origin."""
    if loopback(pattern.host):
        return [
            f"Every app that is built with the same framework has the origin {pattern}: "
            "each of those that a visitor has installed is let in, not only yours."
        ]
    return ["Whoever makes that app or extension, or sends out its updates, is let in."]


def acting(pattern: Pattern, own: Origin | None) -> list[str]:
    """Tell in whose name such a page may act here."""
    if own is not None and not pattern.wild and pattern.matches(own):
        return []
    return [
        "Where a browser holds it for the same site, such a page acts here as whoever is signed in in that browser."
    ]


def decoded(host: str) -> str:
    """Return a name in its own letters; as it is where it has no others, or makes no sense."""
    if "xn--" not in host:
        return host
    try:
        return idna.decode(host)
    except idna.IDNAError:
        return host


def address(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None


def is_address(host: str) -> bool:
    return address(host) is not None


def loopback(host: str) -> bool:
    """Tell whether a host is the visitor's own machine."""
    found = address(host)
    return found.is_loopback if found else host == "localhost" or host.endswith(".localhost")


def elsewhere(host: str) -> bool:
    """Tell whether a host is another machine in every network."""
    found = address(host)
    if found:
        return found.is_private or found.is_link_local
    return "." not in host or host.endswith(LOCAL_ENDINGS)
