"""Static files on both servers: what pages name is there, of one version, compressed, and kept for ever."""

from __future__ import annotations

import gzip
import http.client
import posixpath
import re
from urllib.parse import urljoin

import brotli
import pytest

from .servers import Server

PAGES = ["/", "/rooms/", "/rooms/lobby", "/accounts/sign-in/", "/admin/login/", "/nowhere"]
FOREVER = "public, max-age=31536000, immutable"
CHECK = "/static/load-check.js"
NAMED = re.compile(r'(?:src|href)="(/static/[^"]+)"')
# What a script imports and what a style sheet takes, by their own addresses.
WITHIN = {
    ".js": re.compile(r'^import .*?from "(\.[^"]+)"', re.DOTALL | re.MULTILINE),
    ".css": re.compile(r'url\("?([\w./-]+)"?\)'),
}


def version_of(server: Server) -> str:
    """Return where this server's files are, with their version."""
    found = re.search(r"/static/[0-9a-f]{12}/", server.get("/").body.decode())
    assert found, "the page names no version"
    return found[0]


def test_whatever_pages_name_is_of_one_version_and_kept_for_ever(server: Server) -> None:
    start, seen = version_of(server), set()
    waiting = [path for page in PAGES for path in NAMED.findall(server.get(page).body.decode())]
    with_check = CHECK in waiting
    waiting = [path for path in waiting if path != CHECK]
    while waiting:
        path = waiting.pop()
        if path in seen:
            continue
        seen.add(path)
        assert path.startswith(start), path
        answer = server.get(path, {"Accept-Encoding": "gzip, deflate, br"})
        assert (answer.status, answer.headers["cache-control"]) == (200, FOREVER), path
        body = brotli.decompress(answer.body) if answer.headers.get("content-encoding") == "br" else answer.body
        within = WITHIN.get(posixpath.splitext(path)[1])
        waiting += [urljoin(path, name) for name in within.findall(body.decode())] if within else []
    assert {start + "chat/client/client.js", start + "chat/lock.svg", start + "admin/css/base.css"} <= seen
    assert with_check and server.get(CHECK).headers["cache-control"] == "no-cache"


def test_pages_themselves_are_asked_for_again(server: Server) -> None:
    for page in PAGES:
        assert re.search("no-(cache|store)", server.get(page).headers["cache-control"]), page


def ask(server: Server, method: str, path: str, **headers: str) -> tuple[int, dict[str, str], bytes]:
    connection = server.http()
    try:
        connection.request(method, path, headers={name.replace("_", "-"): it for name, it in headers.items()})
        answer = connection.getresponse()
        return answer.status, {name.lower(): it for name, it in answer.getheaders()}, answer.read()
    finally:
        connection.close()


CASES = {
    "another version": ("GET", "/static/0123456789ab/chat/main.js", {}, 404),
    "no version": ("GET", "/static/chat/main.js", {}, 404),
    "an encoded way out": ("GET", "{v}%2e%2e/%2e%2e/manage.py", {}, 404),
    "an encoded slash": ("GET", "{v}chat%2fmain.js", {}, 200),
    "a query": ("GET", "{v}chat/main.js?x=1", {}, 200),
    "HEAD": ("HEAD", "{v}chat/main.js", {}, 200),
    "HEAD, br": ("HEAD", "{v}chat/main.js", {"Accept-Encoding": "br"}, 200),
    "POST": ("POST", "{v}chat/main.js", {}, 405),
    "br": ("GET", "{v}chat/main.js", {"Accept-Encoding": "br"}, 200),
    "gzip": ("GET", "{v}chat/main.js", {"Accept-Encoding": "gzip;q=0.5, br;q=0"}, 200),
    "a range": ("GET", "{v}chat/main.js", {"Range": "bytes=0-9"}, 206),
    "no such range": ("GET", "{v}chat/main.js", {"Range": "bytes=9999999-"}, 416),
    "a tag": ("GET", "{v}chat/main.js", {"If-None-Match": "{etag}"}, 304),
    "any tag": ("GET", "{v}chat/main.js", {"If-None-Match": "*"}, 304),
    "a session": ("GET", "{v}chat/main.js", {"Cookie": "sessionid=abc"}, 200),
    "another host": ("GET", "{v}chat/main.js", {"Host": "evil.example"}, 200),
}


@pytest.mark.parametrize("case", CASES)
def test_answers_are_the_same_on_both_servers(server: Server, case: str) -> None:
    method, path, headers, expected = CASES[case]
    start = version_of(server)
    etag = server.get(f"{start}chat/main.js").headers["etag"]
    sent = {name: it.replace("{etag}", etag) for name, it in headers.items()}
    status, told, body = ask(server, method, path.replace("{v}", start), **sent)
    assert status == expected
    assert told["cache-control"] == (FOREVER if expected in (200, 206, 304) else "no-store")
    assert "set-cookie" not in told and told["x-content-type-options"] == "nosniff"
    if method == "HEAD":
        assert body == b"" and int(told["content-length"]) > 0
    elif expected in (200, 206):
        back = {"br": brotli.decompress, "gzip": gzip.decompress}.get(told.get("content-encoding", ""), bytes)
        assert back(body)[:6] == b"import"


def test_a_connection_goes_on_after_each_of_these_answers(server: Server) -> None:
    start = version_of(server)
    connection = http.client.HTTPConnection(server.host, server.port, timeout=15)
    try:
        for method, path, headers, expected in CASES.values():
            sent = {name: it.replace("{etag}", "*") for name, it in headers.items()}
            connection.request(method, path.replace("{v}", start), headers=sent)
            answer = connection.getresponse()
            answer.read()
            assert answer.status == expected, (method, path)
    finally:
        connection.close()
