"""Cookies: those with backslashes are left out, and a session's key is read as Django reads it."""

from __future__ import annotations

import io
from typing import Any

import pytest
from django.core.handlers.asgi import ASGIRequest

from chat.cookies import Cookies, value_of


async def passed_on(*cookies: bytes) -> list[bytes]:
    """Return the cookie headers that the application gets."""
    got: list[dict[str, Any]] = []

    async def app(scope: dict[str, Any], receive: Any, send: Any) -> None:
        got.append(scope)

    scope = {"type": "http", "headers": [(b"host", b"a\\b"), *((b"cookie", cookie) for cookie in cookies)]}
    await Cookies(app)(scope, None, None)
    assert (b"host", b"a\\b") in got[0]["headers"]
    return [value for name, value in got[0]["headers"] if name == b"cookie"]


@pytest.mark.parametrize(
    ("came", "kept"),
    [
        ([], []),
        ([b"a=1; b=2"], [b"a=1; b=2"]),
        ([b'a="\\\\\\\\"'], [b""]),
        ([b'a=1; b="\\000x"; c=3'], [b"a=1; c=3"]),
        ([b"a=1", b"b=\\"], [b"a=1", b""]),
        ([b'a="' + b"\\" * 60_000 + b'"'], [b""]),
    ],
)
async def test_only_cookies_with_a_backslash_are_left_out(came: list[bytes], kept: list[bytes]) -> None:
    assert await passed_on(*came) == kept


READ = {
    b"key=abc": "abc",
    b"a=1; key=abc; b=2": "abc",
    b"a=1;key=abc": "abc",
    b"key=abc ;b=2": "abc",
    b"key=": None,
    b"key=ABC": None,
    b'key="abc"': "abc",
    b'key=""abc""': None,
    b'key="abc': None,
    b"key=abc; key=def": "def",
    b"key=def; key=": None,
    b"key=; key=abc": "abc",
    b"key=abc; key=ABC": None,
    b'key=abc; key="def"': "def",
    b"key = abc": "abc",
    b"key=abc; key": "abc",
    b"key=abc\n": "abc",
    b"key=abc\xa0": "abc",
    b'key=abc; key="\\144ef"': "abc",
    b"key=abc; KEY=def": "abc",
    b"key=abc\x00": None,
    b"monkey=abc": None,
    b"a=key=abc": None,
    b"\xff\xfe": None,
}


@pytest.mark.parametrize(("cookie", "value"), READ.items())
def test_a_cookie_is_read_where_it_has_its_form(cookie: bytes, value: str | None) -> None:
    assert value_of({"headers": [(b"cookie", cookie)]}, "key", "[a-z]+") == value


@pytest.mark.parametrize("line", READ)
async def test_a_page_and_a_socket_read_a_cookie_alike(line: bytes) -> None:
    seen: list[str] = []

    async def page(scope: dict[str, Any], receive: Any, send: Any) -> None:
        seen.append(ASGIRequest(scope, io.BytesIO()).COOKIES.get("key", ""))

    headers = [(b"cookie", line)]
    await Cookies(page)({"type": "http", "method": "GET", "path": "/", "headers": headers}, None, None)
    assert value_of({"headers": headers}, "key", ".+") == (seen[0] or None)


def test_of_several_headers_each_is_looked_at() -> None:
    scope = {"headers": [(b"cookie", b"a=1"), (b"cookie", b"key=abc")]}
    assert value_of(scope, "key", "[a-z]+") == "abc"
