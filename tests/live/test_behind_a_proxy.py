"""Two servers behind nginx and behind HAProxy, with the files of deploy/: the page, addresses, limits, origins."""

from __future__ import annotations

import itertools
import re
import signal
import time
from collections.abc import Callable
from contextlib import ExitStack, closing
from pathlib import Path
from urllib.parse import urlencode

import pytest
from playwright.sync_api import expect

from chat.bodies import MAX_BODY_BYTES

from .behind import (  # noqa: F401  (fixtures)
    BEHIND,
    PER_ADDRESS,
    TRUSTED,
    Dial,
    Open,
    dialling,
    echo,
    one_proxy,
    opening,
    turned_away,
    two_servers,
)
from .certificates import Certificate
from .conftest import QUIET
from .farm import Farm
from .proxies import KINDS, Proxy, binary, each_kind, one_certificate, status  # noqa: F401  (fixtures)
from .servers import Server
from .services import require
from .sockets import RawSocket, Refused
from .waiting import until
from .windows import Window

# What stands in deploy/ for a WebSocket's idle time, and what stands before and behind the figure.
IDLE = {
    "nginx": ["proxy_read_timeout 75s", "proxy_send_timeout 75s", "    send_timeout 75s"],
    "haproxy": ["timeout tunnel 75s"],
}
PER_ADDRESS_OF_PROXY = {"nginx": "limit_conn address {};", "haproxy": "sc0_conn_cur gt {} "}
# Writes a message in the moment in which the connection is lost, however short that time is.
TYPE_WHEN_LOST = """
    const status = document.getElementById("status");
    const text = document.getElementById("text");
    const watch = new MutationObserver(() => {
        if (status.dataset.state !== "waiting") return;
        watch.disconnect();
        text.value = "meanwhile";
        text.dispatchEvent(new KeyboardEvent("keydown", { key: "Enter", bubbles: true, cancelable: true }));
    });
    watch.observe(status, { attributes: true });
"""


# The page


@pytest.mark.browser
@pytest.mark.parametrize(
    ("proxy_kind", "number"),
    [("nginx", signal.SIGTERM), ("haproxy", signal.SIGKILL)],
    indirect=["proxy_kind"],
    scope="module",
)
def test_when_a_server_stops_the_page_is_back_on_the_other_and_what_was_typed_meanwhile_arrives_once(
    proxy: Proxy, servers: list[Server], window: Callable[..., Window], room: str, number: int
) -> None:
    until(lambda: not any(server.connections() for server in servers), "nobody of another test is left")
    one = window(proxy, f"/rooms/{room}", ignore_https_errors=True).joined()
    assert one.page.evaluate("performance.getEntriesByType('navigation')[0].nextHopProtocol") == "h2"
    (first,) = [server for server in servers if server.connections()]
    (second,) = [server for server in servers if server is not first]
    two = window(proxy, f"/rooms/{room}", ignore_https_errors=True).joined()

    def apart() -> bool:
        """Tell whether the windows are on two servers; a page's files in flight may have sent both to one."""
        if not second.connections():
            two.page.reload()
            two.joined()
        return second.connections() == 1

    until(apart, "the second window is on the second server", 30)
    one.say("before")
    two.shows("before")
    assert one.errors == two.errors == []
    one.page.evaluate(TYPE_WHEN_LOST)
    try:
        first.signal(number)
        two.shows("meanwhile")
        one.joined()
        one.say("after")
        two.shows("after")
        expect(one.page.locator("#messages .sent")).to_have_count(3)
        assert one.texts() == two.texts() == ["before", "meanwhile", "after"]
        assert second.connections() == 2
    finally:
        first.wait()
        first.start()


# Addresses and limits

SPOOFED = {
    "X-Forwarded-For": "198.51.100.7, 198.51.100.8",
    "X-Real-IP": "198.51.100.7",
    "Forwarded": "for=198.51.100.7",
}


def test_a_spoofed_address_changes_nothing_through_the_proxy(proxy: Proxy, dial: Dial, room: str) -> None:
    for headers in ({}, SPOOFED, {"X-Forwarded-For": "127.0.0.1"}, {"Daphne-Root-Path": "/elsewhere"}):
        one = dial(proxy, f"/ws/{room}", "127.0.0.9", headers=headers.items())
        assert echo(one) == one.address


def test_the_limit_for_one_address_holds_through_the_proxy_whatever_it_calls_itself(
    proxy: Proxy, dial: Dial, room: str
) -> None:
    numbers = itertools.count(1)

    def come(source: str = "127.0.0.10") -> RawSocket:
        headers = {"X-Forwarded-For": f"198.51.100.{next(numbers)}"}
        return dial(proxy, f"/ws/{room}", source, headers=headers.items())

    # Two servers have so many places, which may still be counted for a connection of a test before. Who is turned away
    # by one that is full comes again, and by chance to the other.
    let_in = 0
    for _ in range(20 * PER_ADDRESS):
        let_in += not turned_away(come)
    assert 2 * PER_ADDRESS - 1 <= let_in <= 2 * PER_ADDRESS
    assert not turned_away(lambda: come("127.0.0.11")), "the limit is the client's, not the proxy's"


STRAIGHT = [*SPOOFED.items(), ("X-Forwarded-Proto", "https"), ("Daphne-Root-Path", "/elsewhere")]


@pytest.mark.parametrize("kind", ["daphne", "uvicorn"])
def test_straight_to_a_server_nobody_but_the_proxy_is_believed(farm: Farm, dial: Dial, room: str, kind: str) -> None:
    server = farm.server(kind, **{**BEHIND, **TRUSTED, "HTTPS_ONLY": "0"})

    def come(*more: tuple[str, str]) -> RawSocket:
        return dial(server, f"/ws/{room}", "127.0.0.12", headers=[*STRAIGHT, *more])

    with pytest.raises(Refused):
        come(("Origin", f"https://{server.netloc}"))
    one = come(("Origin", f"http://{server.netloc}"))
    assert echo(one) == one.address
    for _ in range(PER_ADDRESS - 1):
        assert not turned_away(come)
    assert turned_away(come)
    farm.end([server])


@pytest.mark.parametrize("number", [0, 1], ids=["daphne", "uvicorn"])
def test_straight_to_a_server_that_is_https_only_nobody_comes_whatever_they_say(
    servers: list[Server], dial: Dial, room: str, number: int
) -> None:
    for headers in ([], STRAIGHT):
        with pytest.raises(Refused) as refused:
            dial(servers[number], f"/ws/{room}", "127.0.0.12", headers=headers)
        assert refused.value.status == 403


def test_the_proxy_has_a_limit_for_one_address_too(open_proxy: Open, dial: Dial, proxy_kind: str, room: str) -> None:
    words = PER_ADDRESS_OF_PROXY[proxy_kind]
    proxy = open_proxy({words.format(4000): words.format(3)})
    for _ in range(3):
        echo(dial(proxy, f"/ws/{room}", "127.0.0.13"))
    with pytest.raises((Refused, OSError)) as refused:
        dial(proxy, f"/ws/{room}", "127.0.0.13")
    assert not isinstance(refused.value, Refused) or refused.value.status == 429
    echo(dial(proxy, f"/ws/{room}", "127.0.0.14"))


def test_pages_with_passwords_are_not_asked_for_without_end_from_one_address(proxy: Proxy) -> None:
    def ask(path: str, source: str, times: int = 1) -> list[int]:
        """Return the answers' statuses, up to the first that is not 200."""
        told: list[int] = []
        with closing(proxy.https(source)) as connection:
            while len(told) < times and set(told) <= {200}:
                connection.request("GET", path)
                answer = connection.getresponse()
                answer.read()
                told.append(answer.status)
        return told

    told = ask("/accounts/sign-in/", "127.0.0.16", 600)
    assert told[-1] == 429 and len(told) > 50
    # Counted together; one more may come each half of a second.
    told = ask("/admin/login/", "127.0.0.16", 600)
    assert told[-1] == 429 and len(told) < 25
    assert ask("/", "127.0.0.16") == [200]
    assert ask("/accounts/sign-in/", "127.0.0.17") == [200]


@pytest.mark.parametrize("number", [0, 1], ids=["daphne", "uvicorn"])
def test_a_body_of_untold_length_is_counted_by_somebody(
    proxy: Proxy, servers: list[Server], number: int, open_proxy: Open
) -> None:
    alone = open_proxy(behind=[servers[number]] * 2)
    chunk = "x" * (1 << 16)
    pieces = f"{len(chunk):x}\r\n{chunk}\r\n" * (MAX_BODY_BYTES // len(chunk) + 1)
    head = "POST /admin/login/ HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n"
    assert status(alone.stream(), f"{head}{pieces}0\r\n\r\n") == 413


# Scheme and origin


def test_pages_are_secure_behind_the_proxy_and_forms_are_taken(proxy: Proxy) -> None:
    page = proxy.get("/admin/login/")
    assert page.status == 200, "not sent to itself for being plain http"
    assert "max-age" in page.headers["strict-transport-security"]
    cookie = page.headers["set-cookie"]
    assert "; secure" in cookie.lower() and "csrftoken=" in cookie
    token = re.search(rb'name="csrfmiddlewaretoken" value="(\w+)"', page.body)
    assert token
    form = urlencode({"csrfmiddlewaretoken": token[1].decode(), "username": "nobody", "password": "wrong"})
    headers = {"Cookie": cookie.partition(";")[0], "Content-Type": "application/x-www-form-urlencoded"}
    for origin, expected in ((proxy.origin, 200), (proxy.origin.replace("https", "http"), 403)):
        with closing(proxy.https()) as connection:
            connection.request("POST", "/admin/login/", form, {**headers, "Origin": origin})
            assert connection.getresponse().status == expected


def origins(port: int) -> dict[str, tuple[str, dict[str, str], bool]]:
    """Return cases of (Origin, more headers, let in)."""
    same, plain = f"https://localhost:{port}", f"http://localhost:{port}"
    return {
        "same": (same, {}, True),
        "same, spoofed scheme": (same, {"X-Forwarded-Proto": "http"}, True),
        "http": (plain, {}, False),
        "http, spoofed scheme": (plain, {"X-Forwarded-Proto": "http"}, False),
        "another port": (f"https://localhost:{port + 1}", {}, False),
        "another port, spoofed host": (
            f"https://localhost:{port + 1}",
            {"X-Forwarded-Host": f"localhost:{port + 1}", "X-Forwarded-Port": str(port + 1)},
            False,
        ),
        "no port": ("https://localhost", {}, False),
        "another name": (f"https://127.0.0.1:{port}", {}, False),
        "another site": ("https://evil.example", {}, False),
        "null": ("null", {}, False),
    }


@pytest.mark.parametrize("case", origins(1))
def test_the_same_origin_is_the_one_that_the_browser_sees(proxy: Proxy, dial: Dial, room: str, case: str) -> None:
    origin, headers, let_in = origins(proxy.port)[case]
    sent = [("Origin", origin), *headers.items()]
    if let_in:
        echo(dial(proxy, f"/ws/{room}", headers=sent))
        return
    with pytest.raises(Refused) as refused:
        dial(proxy, f"/ws/{room}", headers=sent)
    assert refused.value.status == 403


# Time


def test_heartbeats_keep_an_idle_connection_open_and_without_them_the_proxy_would_close_it(
    farm: Farm, certificate: Certificate, servers: list[Server], dial: Dial, tmp_path: Path, room: str
) -> None:
    """Both proxies at once, since it takes seconds."""
    require(all(map(binary, KINDS)), "nginx or haproxy is not on PATH")
    beating = farm.shared("uvicorn", **QUIET, CHAT_PING_INTERVAL="0.5", CHAT_PING_TIMEOUT="2")
    with ExitStack() as stack:

        def proxy_that_waits(kind: str, wait: str, behind: list[Server]) -> Proxy:
            changes = {words: words.replace("75s", wait) for words in IDLE[kind]}
            directory = tmp_path / f"{kind}-{wait}"
            directory.mkdir()
            made = Proxy(kind, directory, certificate, [one.address for one in behind], changes)
            stack.callback(made.end)
            return made.start()

        # They are silent for longer, by default.
        withouts = [dial(proxy_that_waits(kind, "1s", servers), f"/ws/{room}") for kind in KINDS]
        idles = [dial(proxy_that_waits(kind, "8s", [beating] * 2), f"/ws/{room}") for kind in KINDS]
        end = time.monotonic() + 11
        while time.monotonic() < end:
            for idle in idles:
                with pytest.raises(TimeoutError):
                    idle.read(0.1)
        for idle in idles:
            assert idle.pings >= 2
            echo(idle)
        for without in withouts:
            assert without.ending().code is None


# Without TRUSTED_PROXIES


def test_a_server_that_trusts_nobody_names_the_variable_to_set_and_believes_nothing(
    farm: Farm, open_proxy: Open, dial: Dial, proxy_kind: str, room: str
) -> None:
    server = farm.server({"nginx": "daphne", "haproxy": "uvicorn"}[proxy_kind])
    proxy = open_proxy(behind=[server, server])
    one = dial(proxy, f"/ws/{room}", "127.0.0.15")
    assert echo(one).startswith("127.0.0.1:"), "the proxy's own address"
    line = server.logged("TRUSTED_PROXIES=127.0.0.1")
    assert "X-Forwarded-For from 127.0.0.1 is not believed" in line
    with pytest.raises(Refused):
        dial(proxy, f"/ws/{room}", headers=[("Origin", proxy.origin)])
    assert server.log().count("TRUSTED_PROXIES=") == 1
    farm.end([server])
