"""The origin gate: a table of whose pages may open a WebSocket, and what the log hears of the others."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

import pytest

from chat.live.allowlist import AllowList
from chat.origins import MAX_REASONS, REPEAT_SECONDS, SCOPE_KEY, OriginGate, Visit
from chat.wire.origins import Origin, parse, parse_pattern
from tests.virtual import in_virtual_time

HOSTS = ("chat.example", "localhost", "127.0.0.1", "[::1]", ".corp.example")
LISTED = ("https://a.example", "http://b.example:8080", "https://*.c.example", "http://[2001:db8::1]")

# scheme of the request, Host, Origin, allowed
TABLE: list[tuple[str, str, str | None, bool]] = [
    # The same origin
    ("ws", "chat.example", "http://chat.example", True),
    ("ws", "chat.example:80", "http://chat.example", True),
    ("ws", "chat.example", "http://chat.example:80", True),
    ("wss", "chat.example", "https://chat.example", True),
    ("wss", "chat.example:443", "https://chat.example", True),
    ("wss", "chat.example", "https://chat.example:443", True),
    ("ws", "localhost:8080", "http://localhost:8080", True),
    ("ws", "127.0.0.1:8080", "http://127.0.0.1:8080", True),
    ("http", "localhost:8080", "http://localhost:8080", True),
    ("ws", "CHAT.Example", "http://chat.example", True),
    ("ws", "chat.example", "HTTP://CHAT.EXAMPLE", True),
    ("ws", "a.corp.example", "http://a.corp.example", True),
    ("ws", "corp.example", "http://corp.example", True),
    ("ws", "[::1]:8080", "http://[::1]:8080", True),
    ("ws", "[::1]", "http://[::1]", True),
    # No Origin: no browser
    ("ws", "chat.example", None, True),
    ("ws", "evil.example", None, False),
    # Another scheme or port
    ("ws", "chat.example", "https://chat.example", False),
    ("wss", "chat.example", "http://chat.example", False),
    ("wss", "chat.example:80", "http://chat.example", False),
    ("ws", "chat.example:8080", "http://chat.example", False),
    ("ws", "chat.example", "http://chat.example:8080", False),
    ("ws", "localhost:8080", "http://localhost:3000", False),
    ("ws", "chat.example:443", "https://chat.example", False),
    ("ws", "chat.example", "ws://chat.example", False),
    ("ws", "chat.example", "ftp://chat.example", False),
    ("ws", "chat.example", "chrome-extension://chat.example", False),
    ("ws", "chat.example", "javascript://chat.example", False),
    # No origin at all
    ("ws", "chat.example", "null", False),
    ("ws", "chat.example", "NULL", False),
    ("ws", "chat.example", "", False),
    ("ws", "chat.example", " ", False),
    ("ws", "chat.example", "file://", False),
    ("ws", "chat.example", "file:///etc/passwd", False),
    ("ws", "chat.example", "about:blank", False),
    ("ws", "chat.example", "data:text/html,x", False),
    ("ws", "chat.example", "http://", False),
    ("ws", "chat.example", "chat.example", False),
    ("ws", "chat.example", "//chat.example", False),
    ("ws", "chat.example", "*", False),
    # More than an origin
    ("ws", "chat.example", "http://chat.example/", False),
    ("ws", "chat.example", "http://chat.example/path", False),
    ("ws", "chat.example", "http://chat.example?q", False),
    ("ws", "chat.example", "http://chat.example#f", False),
    ("ws", "chat.example", "http://user@chat.example", False),
    ("ws", "chat.example", "http://user:password@chat.example", False),
    ("ws", "chat.example", "http://chat.example@evil.example", False),
    ("ws", "chat.example", "http://@chat.example", False),
    ("ws", "chat.example", "http://chat.example http://evil.example", False),
    ("ws", "chat.example", "http://chat.example, http://evil.example", False),
    ("ws", "chat.example", " http://chat.example", False),
    ("ws", "chat.example", "http://chat.example ", False),
    ("ws", "chat.example", "http://chat.\texample", False),
    ("ws", "chat.example", "http://chat.example\\@evil.example", False),
    # Other hosts that look like ours
    ("ws", "chat.example", "http://evil.example", False),
    ("ws", "chat.example", "http://chat.example.evil.example", False),
    ("ws", "chat.example", "http://evilchat.example", False),
    ("ws", "chat.example", "http://a.chat.example", False),
    ("ws", "chat.example", "http://chat.example.", False),
    ("ws", "chat.example.", "http://chat.example", False),
    ("ws", "chat.example.", "http://chat.example.", True),
    ("ws", "chat.example", "http://chat-example", False),
    ("ws", "chat.example", "http://ch\u0430t.example", False),
    ("ws", "chat.example", "http://xn--cht-7cd.example", False),
    ("ws", "chat.example", "http://ｃｈａｔ.example", False),
    ("ws", "chat.example", "http://chat。example", False),
    ("ws", "chat.example", "http://chat%2eexample", False),
    ("ws", "127.0.0.1", "http://localhost", False),
    ("ws", "localhost", "http://127.0.0.1", False),
    ("ws", "127.0.0.1", "http://2130706433", False),
    ("ws", "127.0.0.1", "http://0x7f.1", False),
    ("ws", "127.0.0.1", "http://127.1", False),
    ("ws", "a.corp.example", "http://b.corp.example", False),
    ("ws", "[::1]:8080", "http://[::1]:8081", False),
    ("ws", "[::1]", "http://[::2]", False),
    ("ws", "[::1]", "http://[0:0:0:0:0:0:0:1]", True),
    ("ws", "[::1]", "http://[::1", False),
    ("ws", "[::1]", "http://::1", False),
    # A host that is not ours, though the page's own: DNS rebinding
    ("ws", "evil.example", "http://evil.example", False),
    ("ws", "evil.example:8080", "http://evil.example:8080", False),
    ("ws", "192.0.2.1", "http://192.0.2.1", False),
    ("ws", "localhost.evil.example", "http://localhost.evil.example", False),
    ("ws", "evilcorp.example", "http://evilcorp.example", False),
    ("ws", "corp.example.evil", "http://corp.example.evil", False),
    ("ws", "[::2]", "http://[::2]", False),
    ("ws", "", "http://", False),
    ("ws", "", None, False),
    ("ws", "user@chat.example", "http://chat.example", False),
    ("ws", "chat.example:80:80", "http://chat.example", False),
    ("ws", "chat.example:http", "http://chat.example", False),
    ("ws", "chat.example:99999", "http://chat.example", False),
    ("ws", "chat.example/x", "http://chat.example", False),
    ("ws", "chat.example,evil.example", "http://chat.example", False),
    # Ports that make no sense
    ("ws", "chat.example", "http://chat.example:99999", False),
    ("ws", "chat.example", "http://chat.example:-80", False),
    ("ws", "chat.example", "http://chat.example:+80", False),
    ("ws", "chat.example", "http://chat.example:8 0", False),
    ("ws", "chat.example", "http://chat.example:http", False),
    ("ws", "chat.example", "http://chat.example:0", False),
    # A scheme that we do not serve
    ("gopher", "chat.example", "http://chat.example", False),
]


# Origin, allowed: from pages of other sites, on a host of ours
LIST_TABLE: list[tuple[str, bool]] = [
    ("https://a.example", True),
    ("https://a.example:443", True),
    ("HTTPS://A.example", True),
    ("http://b.example:8080", True),
    ("https://x.c.example", True),
    ("https://y.x.c.example", True),
    ("http://[2001:db8::1]", True),
    ("http://[2001:DB8:0::1]:80", True),
    ("http://a.example", False),
    ("https://a.example:8443", False),
    ("https://x.a.example", False),
    ("https://a.example.", False),
    ("https://a.example.evil.example", False),
    ("http://b.example", False),
    ("https://c.example", False),
    ("https://xc.example", False),
    ("https://.c.example", False),
    ("https://x..c.example", False),
    ("https://*.c.example", False),
    ("http://x.c.example", False),
    ("https://x.c.example:8443", False),
    ("https://x.c.example.evil", False),
    ("https://a.example, https://a.example", False),
    ("https://user@a.example", False),
]


def scope(scheme: str, *headers: tuple[str, str | None]) -> dict[str, Any]:
    encoded = [(name.encode(), value.encode("utf-8")) for name, value in headers if value is not None]
    return {"type": "websocket", "scheme": scheme, "headers": encoded, "client": ("192.0.2.7", 1)}


class Site:
    """A gate before an application that notes who came through, with an allow-list that notes who was asked for."""

    def __init__(self, *listed: str, hosts: tuple[str, ...] = HOSTS) -> None:
        self.list = AllowList()
        self.list.replace([parse_pattern(text) for text in listed])
        self.asked: list[Origin] = []
        self.reached: list[dict[str, Any]] = []
        self.sent: list[dict[str, str]] = []
        self.gate = OriginGate(self.application, hosts, self.lets_in)

    async def lets_in(self, origin: Origin) -> bool:
        self.asked.append(origin)
        return self.list.lets_in(origin)

    async def application(self, scope: Any, receive: Any, send: Any) -> None:
        self.reached.append(scope)

    async def dialled(self, request: dict[str, Any]) -> Visit | None:
        """Return what the application hears of who came, or None where they were refused in the handshake."""

        async def receive() -> dict[str, str]:
            return {"type": "websocket.connect"}

        async def send(message: dict[str, str]) -> None:
            self.sent.append(message)

        self.reached.clear()
        self.sent.clear()
        await self.gate(request, receive, send)
        if not self.reached:
            assert self.sent == [{"type": "websocket.close"}]
            return None
        assert self.sent == []
        visit = self.reached[0][SCOPE_KEY]
        assert isinstance(visit, Visit)
        return visit

    async def refusal(self, *headers: tuple[str, str]) -> str:
        with pytest.raises(ValueError) as refused:
            await self.gate.judge(scope("ws", *headers))
        return str(refused.value)


@pytest.mark.parametrize(("scheme", "host", "origin", "allowed"), TABLE, ids=[f"{s}, {h}, {o}" for s, h, o, _ in TABLE])
async def test_with_an_empty_list_only_the_same_origin_on_a_host_of_ours_may_connect(
    scheme: str, host: str, origin: str | None, allowed: bool
) -> None:
    visit = await Site().dialled(scope(scheme, ("host", host), ("origin", origin)))
    assert (visit is not None) is allowed
    if visit is not None:
        assert visit.own is True
        assert visit.origin == (None if origin is None else parse(origin))


@pytest.mark.parametrize(("origin", "allowed"), LIST_TABLE)
async def test_pages_of_other_sites_may_connect_where_the_list_has_them(origin: str, allowed: bool) -> None:
    visit = await Site(*LISTED).dialled(scope("ws", ("host", "chat.example"), ("origin", origin)))
    assert (visit is not None) is allowed
    if visit is not None:
        assert visit.own is False
        assert visit.origin == parse(origin)


async def test_a_listed_origin_gets_nobody_in_by_a_host_that_is_not_ours() -> None:
    site = Site(*LISTED, "http://evil.example")
    for origin in ("https://a.example", "http://evil.example"):
        assert await site.dialled(scope("ws", ("host", "evil.example"), ("origin", origin))) is None
    assert site.asked == []


async def test_the_list_is_not_asked_for_pages_of_this_site_nor_for_programs() -> None:
    site = Site()
    assert await site.dialled(scope("ws", ("host", "chat.example"), ("origin", "http://chat.example")))
    assert await site.dialled(scope("ws", ("host", "chat.example")))
    assert site.asked == []


@pytest.mark.parametrize(
    "headers",
    [
        [("host", "chat.example"), ("host", "chat.example")],
        [("host", "chat.example"), ("host", "evil.example")],
        [("host", "chat.example"), ("origin", "http://chat.example"), ("origin", "http://chat.example")],
        [("host", "chat.example"), ("origin", "http://chat.example"), ("origin", "http://evil.example")],
        [("host", "chat.example"), ("origin", "https://a.example"), ("origin", "https://a.example")],
        [("origin", "http://chat.example")],
        [],
    ],
)
async def test_headers_that_came_twice_or_not_at_all_are_refused(headers: list[tuple[str, str]]) -> None:
    assert await Site(*LISTED).dialled(scope("ws", *headers)) is None


async def test_a_header_that_is_no_text_is_refused() -> None:
    bytes_scope = scope("ws", ("host", "chat.example"))
    bytes_scope["headers"].append((b"origin", bytes(range(128, 256))))
    assert await Site(*LISTED).dialled(bytes_scope) is None


async def test_a_star_lets_every_host_in_and_still_no_other_origin() -> None:
    site = Site(hosts=("*",))
    assert await site.dialled(scope("ws", ("host", "any.example"), ("origin", "http://any.example")))
    assert await site.dialled(scope("ws", ("host", "any.example"), ("origin", "http://evil.example"))) is None


async def test_a_refusal_names_what_was_compared_and_is_not_longer_than_a_line() -> None:
    site = Site(hosts=("*",))
    assert await site.refusal(("host", "chat.example:8080"), ("origin", "https://evil.example")) == (
        "Origin https://evil.example:443 is neither this site's http://chat.example:8080 nor in the list of allowed origins"
    )
    assert "evil.example" in await Site().refusal(("host", "evil.example"))
    for long in (
        "x" * 100_000,
        "http://" + "x" * 100_000,
        "http://[" + "1:" * 50_000 + "]",
        "http://a" + "\n" * 100_000,
    ):
        assert len(await site.refusal(("host", "chat.example"), ("origin", long))) < 1000
        assert "\n" not in await site.refusal(("host", "chat.example"), ("origin", long))
        assert len(await site.refusal(("host", long))) < 1000


@in_virtual_time
async def test_a_refusal_is_told_at_once_and_then_once_a_minute_with_how_many_there_were(
    caplog: pytest.LogCaptureFixture,
) -> None:
    site = Site()
    evil = scope("ws", ("host", "chat.example"), ("origin", "http://evil.example"))
    line = (
        "Origin http://evil.example:80 is neither this site's http://chat.example:80 nor in the list of allowed origins"
    )
    for _ in range(30):
        await site.dialled(evil)
        await asyncio.sleep(1)
    assert caplog.messages == [f"refused a WebSocket from 192.0.2.7: {line}"]
    assert {record.levelno for record in caplog.records} == {logging.WARNING}
    caplog.clear()
    await asyncio.sleep(REPEAT_SECONDS)
    assert caplog.messages == [f"refused 29 more: {line}"], "also when nobody comes any more"
    caplog.clear()
    await site.dialled(evil)
    assert caplog.messages == [f"refused a WebSocket from 192.0.2.7: {line}"]
    caplog.clear()
    await asyncio.sleep(10 * REPEAT_SECONDS)
    assert caplog.messages == [], "one refusal is no more than was told of it"


async def test_who_has_no_address_is_refused_all_the_same(caplog: pytest.LogCaptureFixture) -> None:
    evil = {**scope("ws", ("host", "evil.example")), "client": None}
    assert await Site().dialled(evil) is None
    assert caplog.messages == ["refused a WebSocket from unknown: Host 'evil.example' is not in ALLOWED_HOSTS"]


@in_virtual_time
async def test_a_thousand_different_origins_are_a_hundred_lines_and_how_many_there_were(
    caplog: pytest.LogCaptureFixture,
) -> None:
    site = Site()
    for number in range(1000):
        await site.dialled(scope("ws", ("host", "chat.example"), ("origin", f"http://evil-{number}.example")))
    assert len(caplog.messages) == MAX_REASONS + 1
    assert "evil-999" not in caplog.text
    assert len(site.gate.refusals.counts) == MAX_REASONS + 1
    caplog.clear()
    await asyncio.sleep(REPEAT_SECONDS)
    await site.dialled(scope("ws", ("host", "evil.example")))
    assert caplog.messages == [
        "refused 899 more: many different origins and hosts",
        "refused a WebSocket from 192.0.2.7: Host 'evil.example' is not in ALLOWED_HOSTS",
    ]
    assert len(site.gate.refusals.counts) == 1, "nobody can make it remember more and more"


@pytest.mark.parametrize(("scheme", "let_in"), [("ws", False), ("wss", True)])
async def test_where_only_https_is_served_only_wss_is_let_in(scheme: str, let_in: bool) -> None:
    site = Site()
    site.gate.secure = True
    for headers in (
        [(b"host", b"chat.example")],
        [(b"host", b"chat.example"), (b"origin", f"http{scheme[2:]}://chat.example".encode())],
    ):
        visit = await site.dialled({"type": "websocket", "scheme": scheme, "headers": headers})
        assert (visit is not None) is let_in
