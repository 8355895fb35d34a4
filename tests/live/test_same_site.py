"""One comparison of hosts, schemes and origins: a socket, a form and the API give one answer for each row."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import NamedTuple
from urllib.parse import urlencode

import pytest

from .conftest import Start
from .servers import Server
from .sockets import RawSocket, Refused

HOSTS = "localhost,127.0.0.1,[::1],chat.example,.corp.example,bücher.example,2001:DB8::1"
BEHIND = {"ALLOWED_HOSTS": HOSTS, "TRUSTED_PROXIES": "127.0.0.1"}
TOKEN = re.compile(r'name="csrfmiddlewaretoken" value="(\w+)"')


class Row(NamedTuple):
    host: str
    origin: str | None
    own: bool
    # The lines of X-Forwarded-Proto and of X-Forwarded-For that the proxy sends.
    proto: tuple[str, ...] = ()
    hops: tuple[str, ...] = ()


SECURE = ("https",)
TABLE: dict[str, Row] = {
    # The issue's
    "https, Host with the usual port": Row("chat.example:443", "https://chat.example", True, SECURE),
    "http, Host with the usual port": Row("chat.example:80", "http://chat.example", True),
    "Host in capitals": Row("CHAT.Example", "http://chat.example", True),
    "Host in capitals, with the usual port": Row("CHAT.EXAMPLE:443", "https://chat.example", True, SECURE),
    # Its neighbours
    "Origin with the usual port": Row("chat.example", "http://chat.example:80", True),
    "Origin in capitals": Row("chat.example", "HTTP://Chat.Example", True),
    "IPv6 in full": Row("[0:0:0:0:0:0:0:1]:8080", "http://[::1]:8080", True),
    "IPv6 in capitals": Row("[2001:DB8::1]", "http://[2001:db8::1]", True),
    "IPv6 with the usual port": Row("[::1]:80", "http://[::1]", True),
    "another alphabet, as browsers send it": Row("xn--bcher-kva.example", "http://xn--bcher-kva.example", True),
    "another alphabet, in capitals": Row("XN--BCHER-KVA.example:443", "https://xn--bcher-kva.example", True, SECURE),
    "a subdomain in capitals": Row("A.Corp.Example", "http://a.corp.example", True),
    "dots at both ends": Row("chat.example.", "http://chat.example.", True),
    "dots at both ends, with the usual port": Row("chat.example.:80", "http://chat.example.", True),
    # The scheme, as proxies tell it
    "scheme in capitals": Row("chat.example", "https://chat.example", True, ("HTTPS",)),
    "scheme of a socket": Row("chat.example", "https://chat.example", True, ("wss",)),
    "two hops": Row("chat.example", "https://chat.example", True, ("https, http",)),
    "two hops without a space": Row("chat.example", "https://chat.example", True, ("https,http",)),
    "two hops in two lines": Row("chat.example", "https://chat.example", True, ("https", "http")),
    "two hops, the outer one plain": Row("chat.example", "http://chat.example", True, ("http, https",)),
    "two hops with their addresses": Row(
        "chat.example", "https://chat.example", True, ("https, http",), ("198.51.100.7, 127.0.0.1",)
    ),
    "a hop that the client made up": Row(
        "chat.example", "https://chat.example", False, ("https, http",), ("1.1.1.1, 198.51.100.7",)
    ),
    "a scheme that is none": Row("chat.example", "https://chat.example", False, ("gopher",)),
    "a scheme that is none on the left": Row("chat.example", "https://chat.example", True, ("gopher, https",)),
    # What is not the same
    "https on http": Row("chat.example", "https://chat.example", False),
    "http on https": Row("chat.example", "http://chat.example", False, SECURE),
    "the other scheme's port": Row("chat.example:443", "http://chat.example", False),
    "http's port on https": Row("chat.example:80", "https://chat.example", False, SECURE),
    "a dot at the Host's end": Row("chat.example.", "http://chat.example", False),
    "a dot at the Origin's end": Row("chat.example", "http://chat.example.", False),
    "another subdomain": Row("a.corp.example", "http://b.corp.example", False),
    "null": Row("chat.example", "null", False),
    "a user": Row("chat.example", "http://me@chat.example", False),
    "a path": Row("chat.example", "http://chat.example/x", False),
    # Hosts that are none
    "a Host with a user": Row("me@chat.example", "http://chat.example", False),
    "a Host with an empty port": Row("chat.example:", "http://chat.example", False),
    "a Host with a port too large": Row("chat.example:65616", "http://chat.example", False),
    "a Host with zeros before its port": Row("chat.example:080", "http://chat.example", False),
    "a Host without brackets": Row("::1", "http://[::1]", False),
    "a Host with a zone": Row("[::1%25lo]", "http://[::1]", False),
    "a Host of two names": Row("chat.example, chat.example", "http://chat.example", False),
    "the letters themselves": Row("bücher.example", "http://bücher.example", False),
    "another host": Row("evil.example", "http://evil.example", False),
}


def headers_of(row: Row) -> list[tuple[str, str]]:
    sent = [("X-Forwarded-Proto", line) for line in row.proto] + [("X-Forwarded-For", line) for line in row.hops]
    return [*sent, *([] if row.origin is None else [("Origin", latin(row.origin))])]


def latin(text: str) -> str:
    return text.encode().decode("latin-1")


def request(
    server: Server, row: Row, method: str, path: str, body: str = "", **headers: str
) -> tuple[int, str, list[str]]:
    """Return the status, the body and the cookies of an answer; the headers are the row's and these."""
    connection = server.http()
    try:
        connection.putrequest(method, path, skip_host=True)
        for name, value in [("Host", latin(row.host)), *headers_of(row), *headers.items()]:
            connection.putheader(name.replace("_", "-"), value)
        connection.putheader("Content-Length", str(len(body)))
        connection.endheaders(body.encode())
        answer = connection.getresponse()
        cookies = [cookie.partition(";")[0] for cookie in answer.headers.get_all("Set-Cookie") or []]
        return answer.status, answer.read().decode(), cookies
    finally:
        connection.close()


def by_socket(server: Server, row: Row, raw: Callable[..., RawSocket]) -> bool:
    try:
        raw(server, "/ws", host=latin(row.host), headers=headers_of(row))
    except Refused as refused:
        assert refused.status in (400, 403)
        return False
    return True


def by_form(server: Server, row: Row) -> bool:
    """Send the form for signing in with nothing in it, as a page of this site would."""
    status, page, cookies = request(server, row, "GET", "/accounts/sign-in/")
    token = TOKEN.search(page)
    if token is None:
        assert status == 400
        return False
    form = urlencode({"csrfmiddlewaretoken": token[1], "username": "", "password": ""})
    kind = "application/x-www-form-urlencoded"
    status, _, _ = request(
        server, row, "POST", "/accounts/sign-in/", form, Cookie="; ".join(cookies), Content_Type=kind
    )
    assert status in (200, 403)
    return status == 200


def by_api(server: Server, row: Row) -> bool:
    """Ask for a token without being signed in: 401 where the page might have asked."""
    status, _, _ = request(server, row, "POST", "/api/v1/tokens", "{}", Content_Type="application/json")
    assert status in (400, 401, 403)
    return status == 401


@pytest.mark.parametrize("case", TABLE)
def test_a_socket_a_form_and_the_api_give_one_answer(shared: Start, raw: Callable[..., RawSocket], case: str) -> None:
    server, row = shared(**BEHIND), TABLE[case]
    told = {"socket": by_socket(server, row, raw), "form": by_form(server, row), "api": by_api(server, row)}
    assert told == dict.fromkeys(told, row.own), json.dumps(row._asdict(), ensure_ascii=False)
