"""Static files over HTTP: versions, caches, codings, tags, ranges."""

from __future__ import annotations

import gzip
from typing import Any

import brotli
import pytest

from chat.assets import Assets
from chat.static_files import StaticFiles, codings, read_headers

SCRIPT = b"export const number = 1;\n" * 100
ASSETS = Assets({"chat/main.js": SCRIPT, "chat/dot.png": b"\x89PNG", "load-check.js": b"// check\n" * 40})
V = f"/static/{ASSETS.version}"
MAIN = f"{V}/chat/main.js"
SIZE = len(SCRIPT)
FOREVER = "public, max-age=31536000, immutable"


class Django:
    """Stands in for what comes behind; it answers 418."""

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 418, "headers": []})
        await send({"type": "http.response.body", "body": b""})


async def ask(
    path: str, method: str = "GET", scheme: str = "http", https_only: bool = False, **headers: str
) -> tuple[int, dict[str, str], bytes]:
    """Return status, headers and body."""
    sent: list[Any] = []
    raw = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]

    async def send(message: Any) -> None:
        sent.append(message)

    app = StaticFiles(Django(), ASSETS, https_only=https_only, hsts_seconds=7)
    await app({"type": "http", "method": method, "path": path, "scheme": scheme, "headers": raw}, None, send)
    start, body = sent
    return start["status"], {name.decode(): value.decode() for name, value in start["headers"]}, body["body"]


# Versions and caches

OTHER = {
    "another version": "/static/0123456789ab/chat/main.js",
    "no version, as before": "/static/chat/main.js",
    "an empty version": "/static//chat/main.js",
    "a version in capitals": f"{V.upper().replace('/STATIC', '/static')}x/chat/main.js",
    "a version cut short": f"{V[:-1]}/chat/main.js",
    "a version that is longer": f"{V}0/chat/main.js",
    "the version twice": f"{V}{V.removeprefix('/static')}/chat/main.js",
    "no file": f"{V}/chat/none.js",
    "no name": f"{V}/",
    "the folder": "/static/",
    "a folder": f"{V}/chat/",
    "a name with a slash behind": f"{MAIN}/",
    "a way out": f"{V}/../../etc/passwd",
    "a detour": f"{V}/chat/../chat/main.js",
    "a doubled slash": f"{V}//chat/main.js",
    "a backslash": f"{V}\\chat\\main.js",
    "NUL": f"{MAIN}\0",
    "the compressed file": f"{MAIN}.gz",
    "capitals": MAIN.replace("main", "MAIN"),
    "the check's neighbour": "/static/load-check.js.map",
}


@pytest.mark.parametrize("case", OTHER)
@pytest.mark.parametrize("method", ["GET", "HEAD", "POST"])
async def test_what_is_not_of_this_version_is_not_found_and_that_is_kept_by_nobody(case: str, method: str) -> None:
    status, headers, body = await ask(OTHER[case], method)
    assert (status, headers["cache-control"]) == (404, "no-store")
    assert int(headers["content-length"]) > 0 and bool(body) == (method != "HEAD") and b"export" not in body


async def test_a_file_of_this_version_is_kept_for_ever_and_comes_with_no_cookie() -> None:
    status, headers, body = await ask(MAIN, cookie="sessionid=x")
    assert (status, body, headers["cache-control"]) == (200, SCRIPT, FOREVER)
    assert headers["content-type"] == "text/javascript; charset=utf-8"
    assert headers["vary"] == "accept-encoding" and headers["x-content-type-options"] == "nosniff"
    assert not {"set-cookie", "strict-transport-security", "content-encoding"} & headers.keys()


async def test_the_check_is_there_under_every_version_and_asked_for_each_time() -> None:
    status, headers, _ = await ask("/static/load-check.js")
    assert (status, headers["cache-control"]) == (200, "no-cache")
    assert (await ask("/static/load-check.js", if_none_match=headers["etag"]))[0] == 304
    assert (await ask(f"{V}/load-check.js"))[1]["cache-control"] == FOREVER


@pytest.mark.parametrize("path", ["/", "/static", "/statics/x", "/rooms/static/", "/admin/static/x", "//static/x"])
async def test_other_paths_go_on_to_django(path: str) -> None:
    assert (await ask(path))[0] == 418


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS", "PATCH", "get", "PROPFIND"])
async def test_files_are_only_read(method: str) -> None:
    status, headers, _ = await ask(MAIN, method)
    assert (status, headers["allow"], headers["cache-control"]) == (405, "GET, HEAD", "no-store")


async def test_with_https_only_a_plain_request_is_led_on_and_a_secure_one_says_so() -> None:
    assert (await ask(MAIN, https_only=True))[0] == 418
    status, headers, _ = await ask(MAIN, scheme="https", https_only=True)
    assert (status, headers["strict-transport-security"]) == (200, "max-age=7")


# Codings

ACCEPT = {
    "": [],
    "gzip, deflate, br, zstd": ["br", "gzip"],
    "gzip": ["gzip"],
    "br": ["br"],
    "BR;Q=1.0, GZip": ["br", "gzip"],
    "x-gzip": ["gzip"],
    "br;q=0.5, gzip;q=0.8": ["gzip", "br"],
    "br;q=0, gzip": ["gzip"],
    "gzip;q=0": [],
    "gzip;q=0.000": [],
    "*": ["br", "gzip"],
    "*;q=0": [],
    "*, br;q=0": ["gzip"],
    "br;q=0.1, *;q=0": ["br"],
    "identity": [],
    "identity, br;q=0.5": [],
    "identity;q=0.5, gzip": ["gzip"],
    "identity;q=0": [],
    "gzip;q=2": [],
    "gzip;q=-1": [],
    "gzip;q=nan": [],
    "gzip;q=inf": [],
    "gzip;q=": [],
    "gzip;level=9": [],
    " gzip ; q = 0.5 ": ["gzip"],
    "brotli, gzipped, bro": [],
    ",,;;": [],
    "deflate": [],
}


@pytest.mark.parametrize("accept", ACCEPT)
async def test_the_best_coding_that_is_taken_is_used(accept: str) -> None:
    assert codings(accept) == ACCEPT[accept]
    status, headers, body = await ask(MAIN, accept_encoding=accept)
    best = next(iter(ACCEPT[accept]), None)
    assert (status, headers.get("content-encoding")) == (200, best)
    back = {"br": brotli.decompress, "gzip": gzip.decompress, None: bytes}[best]
    assert back(body) == SCRIPT and int(headers["content-length"]) == len(body)


async def test_what_gains_nothing_is_not_compressed() -> None:
    status, headers, body = await ask(f"{V}/chat/dot.png", accept_encoding="br, gzip")
    assert (status, body) == (200, b"\x89PNG") and "content-encoding" not in headers


def test_headers_of_one_name_are_joined() -> None:
    scope = {"headers": [(b"accept-encoding", b"gzip"), (b"Accept-Encoding", b"br")]}
    assert codings(read_headers(scope)[b"accept-encoding"]) == ["br", "gzip"]


@pytest.mark.parametrize("accept", ["", "br", "gzip"])
async def test_head_is_get_without_the_body(accept: str) -> None:
    status, headers, body = await ask(MAIN, accept_encoding=accept)
    assert await ask(MAIN, "HEAD", accept_encoding=accept) == (status, headers, b"") and body
    assert (await ask(MAIN, "HEAD", range="bytes=0-3"))[:2] == (await ask(MAIN, "HEAD"))[:2]


# Tags

PLAIN = ASSETS.files["chat/main.js"].plain.etag
NONE_MATCH = {
    PLAIN: 304,
    f"W/{PLAIN}": 304,
    f'"x", {PLAIN}': 304,
    f'"x",W/{PLAIN} , "y"': 304,
    "*": 304,
    '"x"': 200,
    PLAIN.strip('"'): 200,
    "": 200,
}


@pytest.mark.parametrize("tag", NONE_MATCH)
async def test_a_file_that_the_client_has_is_not_sent_again(tag: str) -> None:
    status, headers, body = await ask(MAIN, if_none_match=tag)
    assert status == NONE_MATCH[tag]
    if status == 304:
        assert body == b"" and headers["etag"] == PLAIN and headers["cache-control"] == FOREVER
        assert headers["vary"] == "accept-encoding" and "content-length" not in headers


async def test_each_form_has_a_tag_and_none_stands_for_another() -> None:
    tags = {accept: (await ask(MAIN, accept_encoding=accept))[1]["etag"] for accept in ("", "br", "gzip")}
    assert len(set(tags.values())) == 3
    for accept, tag in tags.items():
        for other in tags:
            status = (await ask(MAIN, accept_encoding=other, if_none_match=tag))[0]
            assert status == (304 if other == accept else 200)


# Ranges

RANGES = {
    "bytes=0-0": (206, 0, 1),
    "bytes=0-9": (206, 0, 10),
    "bytes=5-": (206, 5, SIZE),
    "bytes=-3": (206, SIZE - 3, SIZE),
    f"bytes=-{SIZE + 5}": (206, 0, SIZE),
    f"bytes={SIZE - 1}-{SIZE + 99}": (206, SIZE - 1, SIZE),
    "Bytes=2-3": (206, 2, 4),
    "bytes = 2 - 3": (206, 2, 4),
    f"bytes={SIZE}-": (416, 0, 0),
    "bytes=-0": (416, 0, 0),
    "bytes=999999-1000000": (416, 0, 0),
    "bytes=9-1": (200, 0, SIZE),
    "bytes=0-1,3-4": (200, 0, SIZE),
    "bytes=--3": (200, 0, SIZE),
    "bytes=-": (200, 0, SIZE),
    "bytes=x-y": (200, 0, SIZE),
    "bytes=+1-2": (200, 0, SIZE),
    "bytes=١-٢": (200, 0, SIZE),
    "lines=1-2": (200, 0, SIZE),
    f"bytes={'9' * 5000}-": (200, 0, SIZE),
    "": (200, 0, SIZE),
}


@pytest.mark.parametrize("wanted", RANGES, ids=lambda it: it[:20])
async def test_ranges_are_of_the_file_as_it_is(wanted: str) -> None:
    expected, start, end = RANGES[wanted]
    status, headers, body = await ask(MAIN, range=wanted, accept_encoding="br")
    assert (status, body) == (expected, SCRIPT[start:end])
    assert "content-encoding" not in headers and int(headers["content-length"]) == len(body)
    where = {206: f"bytes {start}-{end - 1}/{SIZE}", 416: f"bytes */{SIZE}"}.get(expected)
    assert headers.get("content-range") == where


async def test_a_range_of_another_version_of_the_file_is_the_whole() -> None:
    assert (await ask(MAIN, range="bytes=0-3", if_range=PLAIN))[0] == 206
    for other in ('"x"', f"W/{PLAIN}", "Mon, 30 Nov 2026 00:00:00 GMT"):
        assert (await ask(MAIN, range="bytes=0-3", if_range=other))[0] == 200
