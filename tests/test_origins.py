"""Origins: a table of who may open a WebSocket."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

import pytest

from chat.origins import Origin, OriginGate, judge, parse

HOSTS = ("chat.example", "localhost", "127.0.0.1", "[::1]", ".corp.example")

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
    ("ws", "[::1]", "http://[0:0:0:0:0:0:0:1]", False),
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


def scope(scheme: str, *headers: tuple[str, str | None]) -> dict[str, Any]:
    encoded = [(name.encode(), value.encode("utf-8")) for name, value in headers if value is not None]
    return {"type": "websocket", "scheme": scheme, "headers": encoded, "client": ("192.0.2.7", 1)}


@pytest.mark.parametrize(("scheme", "host", "origin", "allowed"), TABLE, ids=[f"{s}, {h}, {o}" for s, h, o, _ in TABLE])
def test_only_the_same_origin_on_a_host_of_ours_may_connect(
    scheme: str, host: str, origin: str | None, allowed: bool
) -> None:
    refusal = judge(scope(scheme, ("host", host), ("origin", origin)), HOSTS)
    assert (refusal == "") is allowed, refusal


@pytest.mark.parametrize(
    "headers",
    [
        [("host", "chat.example"), ("host", "chat.example")],
        [("host", "chat.example"), ("host", "evil.example")],
        [("host", "chat.example"), ("origin", "http://chat.example"), ("origin", "http://chat.example")],
        [("host", "chat.example"), ("origin", "http://chat.example"), ("origin", "http://evil.example")],
        [("origin", "http://chat.example")],
        [],
    ],
)
def test_headers_that_came_twice_or_not_at_all_are_refused(headers: list[tuple[str, str]]) -> None:
    assert judge(scope("ws", *headers), HOSTS)


def test_a_header_that_is_no_text_is_refused() -> None:
    bytes_scope = scope("ws", ("host", "chat.example"))
    bytes_scope["headers"].append((b"origin", bytes(range(128, 256))))
    assert judge(bytes_scope, HOSTS)


def test_a_star_lets_every_host_in_and_still_no_other_origin() -> None:
    assert judge(scope("ws", ("host", "any.example"), ("origin", "http://any.example")), ["*"]) == ""
    assert judge(scope("ws", ("host", "any.example"), ("origin", "http://evil.example")), ["*"])


def test_a_refusal_names_what_came_and_what_was_expected_and_is_not_longer_than_a_line() -> None:
    came = judge(scope("ws", ("host", "chat.example"), ("origin", "http://evil.example")), HOSTS)
    assert came == "Origin http://evil.example:80 is not http://chat.example:80"
    assert "evil.example" in judge(scope("ws", ("host", "evil.example")), HOSTS)
    assert len(judge(scope("ws", ("host", "chat.example"), ("origin", "x" * 100_000)), HOSTS)) < 400
    assert len(judge(scope("ws", ("host", "x" * 100_000)), HOSTS)) < 400


def test_a_parsed_origin_has_its_default_port_and_lower_case() -> None:
    assert parse("https://Chat.Example") == Origin("https", "chat.example", 443)
    assert str(parse("http://[::1]:8080")) == "http://::1:8080"


async def through_the_gate(request: dict[str, Any]) -> tuple[list[Any], list[Any]]:
    """Return what reached the application and what was sent instead."""
    reached: list[Any] = []
    sent: list[Any] = []

    async def application(scope: Any, receive: Any, send: Any) -> None:
        reached.append(scope)

    async def receive() -> dict[str, str]:
        return {"type": "websocket.connect"}

    async def send(message: Any) -> None:
        sent.append(message)

    async with asyncio.timeout(5):
        await OriginGate(application, HOSTS)(request, receive, send)
    return reached, sent


async def test_the_gate_refuses_in_the_handshake_and_says_why_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "chat.origins")
    request = scope("ws", ("host", "chat.example"), ("origin", "http://evil.example"))
    assert await through_the_gate(request) == ([], [{"type": "websocket.close"}])
    assert caplog.messages == ["refused 192.0.2.7: Origin http://evil.example:80 is not http://chat.example:80"]
    request["client"] = None
    assert await through_the_gate(request) == ([], [{"type": "websocket.close"}])


async def test_the_gate_hands_on_who_may_pass() -> None:
    request = scope("ws", ("host", "chat.example"), ("origin", "http://chat.example"))
    assert await through_the_gate(request) == ([request], [])
