"""Hosts: Host, Origin and Referer in one spelling."""

from __future__ import annotations

from typing import Any

import pytest

from chat.hosts import Hosts

# scheme, header, what came, what the application sees
TABLE = [
    ("http", b"host", "chat.example", "chat.example"),
    ("http", b"host", "Chat.Example:80", "chat.example"),
    ("ws", b"host", "chat.example:80", "chat.example"),
    ("https", b"host", "chat.example:443", "chat.example"),
    ("wss", b"host", "chat.example:443", "chat.example"),
    ("http", b"host", "chat.example:443", "chat.example:443"),
    ("https", b"host", "chat.example:80", "chat.example:80"),
    ("http", b"host", "chat.example:8080", "chat.example:8080"),
    ("http", b"host", "chat.example.", "chat.example."),
    ("http", b"host", "[2001:DB8:0:0::1]:80", "[2001:db8::1]"),
    ("http", b"host", "[::FFFF:127.0.0.1]:8080", "[::ffff:7f00:1]:8080"),
    ("http", b"origin", "HTTP://Chat.Example:80", "http://chat.example"),
    ("ws", b"origin", "https://chat.example:443", "https://chat.example"),
    ("http", b"origin", "http://chat.example:8080", "http://chat.example:8080"),
    ("https", b"referer", "https://chat.example:443/x?y#z", "https://chat.example/x?y#z"),
    ("https", b"referer", "https://CHAT.EXAMPLE/X?Y", "https://chat.example/X?Y"),
    ("https", b"referer", "HTTPS://Chat.Example:443", "https://chat.example"),
    ("https", b"referer", "https://chat.example:8443/x", "https://chat.example:8443/x"),
    ("https", b"referer", "http://chat.example:443/x", "http://chat.example:443/x"),
    ("https", b"referer", "https://Chat.Example?\xe9", "https://chat.example?\xe9"),
    # What names no host stays as it came: whoever compares it refuses it.
    ("http", b"host", "", ""),
    ("http", b"host", "Me@Chat.Example", "Me@Chat.Example"),
    ("http", b"host", "Chat.Example,Chat.Example", "Chat.Example,Chat.Example"),
    ("http", b"host", "Chat.Example:99999", "Chat.Example:99999"),
    ("http", b"host", "B\u00fccher.example", "B\u00fccher.example"),
    ("http", b"origin", "null", "null"),
    ("http", b"origin", "Http://Chat.Example/", "Http://Chat.Example/"),
    ("https", b"referer", "", ""),
    ("https", b"referer", "/X", "/X"),
    ("https", b"referer", "https://Me@Chat.Example/", "https://Me@Chat.Example/"),
    ("https", b"referer", "https://Chat.Example\\@evil.example/", "https://Chat.Example\\@evil.example/"),
    ("https", b"referer", "ftp://Chat.Example/", "ftp://Chat.Example/"),
    # Other headers are none of this.
    ("http", b"x-forwarded-host", "Chat.Example:80", "Chat.Example:80"),
]


@pytest.mark.parametrize(("scheme", "name", "came", "spelled"), TABLE)
async def test_a_host_and_an_origin_have_one_spelling(scheme: str, name: bytes, came: str, spelled: str) -> None:
    seen: list[Any] = []

    async def application(scope: Any, receive: Any, send: Any) -> None:
        seen.append(scope["headers"])

    scope = {"type": "http", "scheme": scheme, "headers": [(b"a", b"b"), (name, came.encode("latin-1"))]}
    await Hosts(application)(scope, None, None)
    assert seen == [[(b"a", b"b"), (name, spelled.encode("latin-1"))]]
    assert scope["headers"][1] == (name, came.encode("latin-1")), "the server's own scope stays"
