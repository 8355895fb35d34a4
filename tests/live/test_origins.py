"""Origins: real handshakes from everywhere, on a site whose allow-list has good rows and bad ones."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from .conftest import QUIET
from .farm import Farm
from .servers import Server
from .sockets import RawSocket, Refused
from .windows import on_one_server

# The last few were written past validation: they let nobody in and keep nobody out.
LISTED = (
    "https://a.example",
    "http://b.example:8080",
    "https://*.c.example",
    "http://*.d.example:3000",
    "https://xn--bcher-kva.example",
    "http://[2001:db8::1]:8080",
    "http://192.0.2.1",
    "capacitor://localhost",
    "tauri://localhost",
    "http://tauri.localhost",
    "chrome-extension://abcdefghijklmnopabcdefghijklmnop",
    "moz-extension://2c127fa4-62c7-7e4f-90e5-472b45eecfdc",
    "app://-",
    "ionic://localhost:8100",
    "*",
    "https://*",
    "*://*",
    "null",
    "file://",
    "http://e.example/",
    "https://*.com",
    "https://f.example.",
    "http://*.*.g.example",
    "",
)
ROWS = f"""
from chat.models import AllowedOrigin
AllowedOrigin.objects.bulk_create([AllowedOrigin(pattern=text) for text in {LISTED!r}])
AllowedOrigin.objects.create(pattern="https://off.example", enabled=False)
"""
HOSTS = "localhost,127.0.0.1,[::1],chat.example,.corp.example"

# Origin, Host, let in. PORT is the server's own; a Host of None is 127.0.0.1:PORT.
Row = tuple[str | None, str | None, bool]
TABLE: dict[str, Row] = {
    # No browser
    "no origin": (None, None, True),
    "no origin, a name of ours": (None, "chat.example", True),
    "no origin, another host": (None, "evil.example", False),
    # The same origin
    "same": ("http://127.0.0.1:PORT", None, True),
    "same by name": ("http://localhost:PORT", "localhost:PORT", True),
    "same in upper case": ("HTTP://LOCALHOST:PORT", "localhost:PORT", True),
    "same, Host in upper case": ("http://chat.example", "CHAT.Example", True),
    "same with the usual port": ("http://chat.example:80", "chat.example", True),
    "same, Host with the usual port": ("http://chat.example", "chat.example:80", True),
    "same, IPv6": ("http://[::1]:PORT", "[::1]:PORT", True),
    "same, IPv6 in full": ("http://[0:0:0:0:0:0:0:1]:PORT", "[::1]:PORT", True),
    "same, a subdomain of ours": ("http://x.corp.example", "x.corp.example", True),
    "same with dots at both ends": ("http://chat.example.", "chat.example.", True),
    # Nearly the same
    "a dot at the origin's end": ("http://chat.example.", "chat.example", False),
    "a dot at the Host's end": ("http://chat.example", "chat.example.", False),
    "two dots at the end": ("http://chat.example..", "chat.example", False),
    "https on http": ("https://127.0.0.1:PORT", None, False),
    "ws": ("ws://127.0.0.1:PORT", None, False),
    "another port": ("http://127.0.0.1:1", None, False),
    "no port": ("http://127.0.0.1", None, False),
    "the usual port of https": ("https://chat.example:443", "chat.example:443", False),
    "another name of this host": ("http://localhost:PORT", None, False),
    "another subdomain of ours": ("http://y.corp.example", "x.corp.example", False),
    "an address as a number": ("http://2130706433:PORT", None, False),
    "a short address": ("http://127.1:PORT", None, False),
    "an address in hex": ("http://0x7f.0.0.1:PORT", None, False),
    "an address in octal": ("http://0177.0.0.1:PORT", None, False),
    "IPv4 in IPv6": ("http://[::ffff:127.0.0.1]:PORT", None, False),
    "another IPv6": ("http://[::2]:PORT", "[::1]:PORT", False),
    "half a bracket": ("http://[::1", "[::1]:PORT", False),
    "no brackets": ("http://::1:PORT", "[::1]:PORT", False),
    "a zone": ("http://[::1%25lo]:PORT", "[::1]:PORT", False),
    "a leading zero in the port": ("http://chat.example:080", "chat.example", False),
    "an empty port": ("http://chat.example:", "chat.example", False),
    "a port of zero": ("http://chat.example:0", "chat.example", False),
    "a port too large": ("http://chat.example:65616", "chat.example", False),
    "a port of words": ("http://chat.example:http", "chat.example", False),
    # No origin at all
    "null": ("null", None, False),
    "NULL": ("NULL", None, False),
    "file": ("file://", None, False),
    "a file": ("file:///etc/passwd", None, False),
    "an extension": ("chrome-extension://abcdefghijklmnop", None, False),
    "data": ("data:text/html,x", None, False),
    "javascript": ("javascript://127.0.0.1:PORT", None, False),
    "a star": ("*", None, False),
    "no scheme": ("127.0.0.1:PORT", None, False),
    "only slashes": ("//127.0.0.1:PORT", None, False),
    "no host": ("http://", None, False),
    "empty": ("", None, False),
    # More than an origin
    "a slash": ("http://127.0.0.1:PORT/", None, False),
    "a path": ("http://127.0.0.1:PORT/page", None, False),
    "a query": ("http://127.0.0.1:PORT?q", None, False),
    "a fragment": ("http://127.0.0.1:PORT#f", None, False),
    "a user": ("http://user@127.0.0.1:PORT", None, False),
    "a user and a password": ("http://user:pw@127.0.0.1:PORT", None, False),
    "ours as a user": ("http://127.0.0.1:PORT@evil.example", None, False),
    "a backslash": ("http://127.0.0.1:PORT\\@evil.example", None, False),
    "two in one": ("http://127.0.0.1:PORT http://evil.example", None, False),
    "a list": ("http://127.0.0.1:PORT, http://evil.example", None, False),
    "percent": ("http://chat%2eexample", "chat.example", False),
    # Look-alikes
    "ours as a prefix": ("http://chat.example.evil.example", "chat.example", False),
    "ours as a suffix": ("http://evilchat.example", "chat.example", False),
    "below ours": ("http://x.chat.example", "chat.example", False),
    "a homoglyph in UTF-8": ("http://ch\u0430t.example", "chat.example", False),
    "a homoglyph as browsers send it": ("http://xn--cht-7cd.example", "chat.example", False),
    "full width": ("http://ｃｈａｔ.example", "chat.example", False),
    "an ideographic dot": ("http://chat。example", "chat.example", False),
    "the Kelvin sign": ("http://\u212a.example", "chat.example", False),
    "a zero width space": ("http://chat\u200b.example", "chat.example", False),
    "bytes that are no text": ("http://\udcff\udcfe", None, False),
    # Hosts that are not ours, though the page's own: DNS rebinding
    "rebinding": ("http://evil.example:PORT", "evil.example:PORT", False),
    "rebinding to an address": ("http://192.0.2.9:PORT", "192.0.2.9:PORT", False),
    "rebinding below ours": ("http://x.chat.example", "x.chat.example", False),
    "rebinding beside ours": ("http://evilcorp.example", "evilcorp.example", False),
    "rebinding by a listed host": ("https://a.example", "a.example", False),
    "a Host of two names": ("http://chat.example", "chat.example,evil.example", False),
    "a Host with a user": ("http://chat.example", "user@chat.example", False),
    "a Host with a path": ("http://chat.example", "chat.example/x", False),
    "a Host with an odd port": ("http://chat.example", "chat.example:http", False),
    # Listed
    "listed": ("https://a.example", None, True),
    "listed, on another host of ours": ("https://a.example", "chat.example", True),
    "listed, with the usual port": ("https://a.example:443", None, True),
    "listed, in upper case": ("HTTPS://A.EXAMPLE", None, True),
    "listed with a port": ("http://b.example:8080", None, True),
    "listed in other letters": ("https://xn--bcher-kva.example", None, True),
    "listed IPv6": ("http://[2001:db8::1]:8080", None, True),
    "listed IPv6 in full": ("http://[2001:0DB8:0:0:0:0:0:1]:8080", None, True),
    "listed address": ("http://192.0.2.1", None, True),
    "listed, another scheme": ("http://a.example", None, False),
    "listed, another port": ("https://a.example:8443", None, False),
    "listed, without its port": ("http://b.example", None, False),
    "listed, a subdomain": ("https://x.a.example", None, False),
    "listed, a dot at its end": ("https://a.example.", None, False),
    "listed, and more": ("https://a.example.evil.example", None, False),
    "listed, with a user": ("https://user@a.example", None, False),
    "listed, the letters themselves": ("https://bücher.example", None, False),
    "listed and switched off": ("https://off.example", None, False),
    # Listed by a star
    "star": ("https://x.c.example", None, True),
    "star, deeper": ("https://y.x.c.example", None, True),
    "star with a port": ("http://x.d.example:3000", None, True),
    "star, in other letters": ("https://xn--bcher-kva.c.example", None, True),
    "star, the domain itself": ("https://c.example", None, False),
    "star, another port": ("https://x.c.example:8443", None, False),
    "star, another scheme": ("http://x.c.example", None, False),
    "star, without its port": ("http://x.d.example", None, False),
    "star, a longer name": ("https://xc.example", None, False),
    "star, and more": ("https://x.c.example.evil", None, False),
    "star, a leading dot": ("https://.c.example", None, False),
    "star, an empty label": ("https://x..c.example", None, False),
    "star, a star": ("https://*.c.example", None, False),
    "star, a dot at its end": ("https://x.c.example.", None, False),
    # Apps
    "app": ("capacitor://localhost", None, True),
    "app, in upper case": ("CAPACITOR://LocalHost", None, True),
    "app, another one": ("tauri://localhost", None, True),
    "app, by http": ("http://tauri.localhost", None, True),
    "app, an extension": ("chrome-extension://abcdefghijklmnopabcdefghijklmnop", None, True),
    "app, another browser's extension": ("moz-extension://2c127fa4-62c7-7e4f-90e5-472b45eecfdc", None, True),
    "app, a hyphen": ("app://-", None, True),
    "app, with its port": ("ionic://localhost:8100", None, True),
    "app, without its port": ("ionic://localhost", None, False),
    "app, another scheme": ("ionic://localhost", None, False),
    "app, by https": ("https://tauri.localhost", None, False),
    "app, with a port": ("capacitor://localhost:80", None, False),
    "app, another host": ("capacitor://localhost.evil.example", None, False),
    "app, below": ("capacitor://x.localhost", None, False),
    "app, a dot at its end": ("capacitor://localhost.", None, False),
    "app, a path": ("capacitor://localhost/", None, False),
    "app, a user": ("capacitor://x@localhost", None, False),
    "app, no host": ("capacitor://", None, False),
    "app, another extension": ("chrome-extension://ponmlkjihgfedcbaponmlkjihgfedcba", None, False),
    "app, our own host": ("capacitor://127.0.0.1:PORT", None, False),
    "app, its scheme alone": ("http://localhost", None, False),
    # Rows that make no sense
    "by a bare star": ("http://evil.example", None, False),
    "by a star for a scheme": ("https://evil.example", None, False),
    "by a star below com": ("https://evil.com", None, False),
    "by a row with a path": ("http://e.example", None, False),
    "by a row with a dot at its end": ("https://f.example", None, False),
    "by a row with two stars": ("http://x.y.g.example", None, False),
}


@pytest.fixture(scope="module")
def gated(farm: Farm, kind: str) -> Iterator[Server]:
    """A server with the list above."""
    var_dir = farm.var_dir()
    farm.manage(var_dir, "shell", "-v0", "-c", ROWS)
    made = farm.server(kind, var_dir=var_dir, ALLOWED_HOSTS=HOSTS, **QUIET)
    yield made
    farm.end([made])


def on_the_wire(text: str, port: int) -> str:
    """Return a header's value so that `latin-1` makes the bytes of its UTF-8."""
    return text.replace("PORT", str(port)).encode("utf-8", "surrogateescape").decode("latin-1")


@pytest.mark.parametrize("case", TABLE)
def test_an_origin_is_let_in_or_not_on_both_servers_alike(
    gated: Server, raw: Callable[..., RawSocket], room: str, case: str
) -> None:
    origin, host, let_in = TABLE[case]
    headers = [] if origin is None else [("Origin", on_the_wire(origin, gated.port))]
    sent_host = None if host is None else on_the_wire(host, gated.port)
    if let_in:
        one = raw(gated, f"/ws/{room}", headers=headers, host=sent_host)
        one.send("in")
        assert str(one.read()).endswith("echo: in")
        return
    with pytest.raises(Refused) as refused:
        raw(gated, f"/ws/{room}", headers=headers, host=sent_host)
    # 400: a Host that names none, and on daphne an Origin that it cannot read.
    assert refused.value.status in (400, 403)


OWN = "http://127.0.0.1:PORT"
ODD: dict[str, list[tuple[str, str]]] = {
    "the same origin twice": [("Origin", OWN), ("Origin", OWN)],
    "ours and another": [("Origin", OWN), ("Origin", "http://evil.example")],
    "another and ours": [("Origin", "http://evil.example"), ("origin", OWN)],
    "the same Host twice": [("Origin", OWN), ("Host", "127.0.0.1:PORT")],
    "another Host too": [("Origin", "http://evil.example"), ("Host", "evil.example")],
    "eight kilobytes": [("Origin", "http://" + "a" * 8000)],
    "eight kilobytes before ours": [("Origin", "http://" + "a." * 4000 + "c.example")],
    "a NUL": [("Origin", OWN + "\0")],
    "a NUL before another": [("Origin", OWN + "\0.evil.example")],
    "a bell": [("Origin", OWN + "\a")],
    "DEL": [("Origin", "http://127.0.0.1\x7f:PORT")],
    "a tab": [("Origin", "http://127.0.0.1:\tPORT")],
    "a folded line": [("Origin", OWN + "\r\n .evil.example")],
    "a bare line feed": [("Origin", "http://evil.example\nX: y")],
    "the proxy's word on the scheme": [("Origin", "https://127.0.0.1:PORT"), ("X-Forwarded-Proto", "https")],
    "the proxy's word on the Host": [("Origin", "http://evil.example"), ("X-Forwarded-Host", "evil.example")],
    "Forwarded": [("Origin", "https://evil.example"), ("Forwarded", "proto=https;host=evil.example")],
}


@pytest.mark.parametrize("case", ODD)
def test_headers_that_came_twice_or_hold_what_no_browser_sends_are_refused_on_both_servers(
    gated: Server, raw: Callable[..., RawSocket], room: str, case: str
) -> None:
    headers = [(name, on_the_wire(value, gated.port)) for name, value in ODD[case]]
    with pytest.raises(Refused) as refused:
        raw(gated, f"/ws/{room}", headers=headers)
    # 400 where the server itself does not take the header; no server may fail on it.
    assert refused.value.status in (400, 403)
    assert gated.healthy()


def test_a_handshake_without_a_host_is_refused(gated: Server, raw: Callable[..., RawSocket]) -> None:
    for wanted in (b"", b"Host: \r\n"):
        one = raw(gated, shake=False)
        request = one.request(headers=[("Origin", on_the_wire(OWN, gated.port))])
        line = f"Host: 127.0.0.1:{gated.port}\r\n".encode()
        assert line in request
        one.send_bytes(request.replace(line, wanted))
        with pytest.raises(Refused) as refused:
            one.shaken()
        assert refused.value.status in (400, 403)


def test_rows_that_make_no_sense_are_told_of_once_each_and_the_pages_are_served(gated: Server) -> None:
    assert gated.get("/").status == gated.get("/admin/login/").status == 200
    malformed = [line for line in gated.log().splitlines() if "chat.E008" in line]
    assert len(malformed) == len(set(malformed)) == 10
    assert all("chat.look" in line for line in malformed)


@on_one_server
def test_a_refused_origin_is_one_line_and_hundreds_of_different_ones_are_a_hundred(
    fresh: Callable[..., Server], raw: Callable[..., RawSocket]
) -> None:
    server = fresh()

    def refused(number: int | str) -> None:
        one = raw(server, shake=False)
        one.send_bytes(one.request(headers=[("Origin", f"https://evil-{number}.example")]))
        with pytest.raises(Refused):
            one.shaken()
        one.drop()

    for _ in range(10):
        refused("x")
    line = f"Origin https://evil-x.example:443 is neither this site's http://127.0.0.1:{server.port} nor in the list"
    assert server.log().count(line) == 1
    for number in range(300):
        refused(number)
    # Twice as many where the run is so slow that a minute passes.
    assert 90 < server.log().count("refused a WebSocket from 127.0.0.1") < 210
