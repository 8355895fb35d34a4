"""A page of another site in a real browser: refused, let in by the admin, closed by the admin; by every process."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from .conftest import QUIET
from .farm import Farm
from .redis import RedisServer
from .servers import KINDS, Server
from .waiting import until
from .windows import WAIT_MS, comes_back

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]

SECONDS = 10.0  # the goal is 2
TUTORIAL = Path(__file__).with_name("tutorial_client.html").read_bytes()
PASSWORD = "a long and good one"
# What the tutorial's page does to connect, once, and whether it could.
DIAL = """(url) => new Promise((done) => {
  const socket = new WebSocket(url);
  socket.onopen = () => { done(true); socket.close(); };
  socket.onerror = () => done(false);
})"""

WATCH = """() => {
  window.states = [];
  const status = document.querySelector("#status");
  new MutationObserver(() => status.dataset.state !== "joined" && window.states.push(status.dataset.state))
    .observe(status, { attributes: true });
}"""


class Elsewhere(BaseHTTPRequestHandler):
    """Another site: /PORT is the tutorial's page, dialling that port in place of its own 8080."""

    def do_GET(self) -> None:
        port = self.path.strip("/").encode()
        found = port.isdigit()
        page = TUTORIAL.replace(b":8080/ws", b":" + port + b"/ws") if found else b""
        self.send_response(200 if found else 404)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Content-Length", str(len(page)))
        self.end_headers()
        self.wfile.write(page)

    def log_message(self, *arguments: object) -> None:
        """Say nothing."""


@pytest.fixture
def elsewhere() -> Iterator[str]:
    """The origin of another site."""
    assert TUTORIAL.count(b":8080/ws`") == 1
    site = ThreadingHTTPServer(("127.0.0.1", 0), Elsewhere)
    thread = threading.Thread(target=site.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{site.server_port}"
    site.shutdown()
    thread.join()
    site.server_close()


@pytest.fixture
def processes(farm: Farm, redis_server: RedisServer) -> Iterator[list[Server]]:
    """Two processes, one of each kind, on one Redis and one database, and an administrator."""
    redis_server.start()
    var_dir = farm.var_dir()
    farm.add_user(var_dir, "admin", PASSWORD, superuser=True)
    variables = {**QUIET, "REDIS_URL": redis_server.url, "SECRET_KEY": "the same on both"}
    made = [farm.server(kind, var_dir=var_dir, **variables) for kind in KINDS]
    yield made
    farm.end(made)


@pytest.fixture
def page(browser: Browser) -> Iterator[Callable[[], Page]]:
    """Open pages, each with a profile of its own."""
    contexts = []

    def open_page() -> Page:
        contexts.append(browser.new_context())
        contexts[-1].set_default_timeout(WAIT_MS)
        return contexts[-1].new_page()

    yield open_page
    for context in contexts:
        context.close()


class Administrator:
    """Somebody who changes the list in the admin, as a person does: by its forms."""

    def __init__(self, page: Page, server: Server) -> None:
        self.page = page
        self.list = server.url("/admin/chat/allowedorigin/")
        page.goto(f"{self.list}add/")
        page.fill("[name=username]", "admin")
        page.fill("[name=password]", PASSWORD)
        page.click("[type=submit]")

    def add(self, origin: str) -> float:
        self.page.goto(f"{self.list}add/")
        self.page.fill("[name=pattern]", origin)
        return self.save()

    def open(self, origin: str) -> None:
        self.page.goto(self.list)
        self.page.get_by_role("link", name=origin, exact=True).click()
        expect(self.page.locator("[name=pattern]")).to_have_value(origin)

    def disable(self, origin: str) -> float:
        self.open(origin)
        self.page.uncheck("[name=enabled]")
        return self.save()

    def delete(self, origin: str) -> None:
        self.open(origin)
        self.page.goto(self.page.url.replace("/change/", "/delete/"))
        self.page.locator("form:has([name=post]) [type=submit]").click()
        self.page.wait_for_url(self.list)

    def save(self) -> float:
        """Press the button; return when that was."""
        pressed = time.monotonic()
        self.page.click("[name=_save]")
        self.page.wait_for_url(self.list)
        return pressed


def seconds_until(check: Callable[[], bool], what: str, pressed: float) -> float:
    until(check, what, SECONDS)
    return time.monotonic() - pressed


def round_trip(admin: Administrator, origin: str, pages: list[Page], processes: list[Server], when: str) -> None:
    """Let an origin in and close it again, and print how long each took in each process, from "Save" on."""
    dialled = [
        lambda page=page, server=server: page.evaluate(DIAL, server.ws()) for page, server in zip(pages, processes)
    ]
    for page, dial in zip(pages, dialled):
        assert not dial()
        expect(page.locator("#status")).not_to_have_text("Connected to WebSocket server!")

    pressed = admin.add(origin)
    for server, dial in zip(processes, dialled):
        took = seconds_until(dial, f"{server.kind} lets {origin} in, {when}", pressed)
        print(f"{when}: {server.kind} lets the added origin in after {took:.2f} s")
    for page in pages:
        comes_back(page)
        page.evaluate("window.code = 0; ws.addEventListener('close', (event) => { window.code = event.code; })")

    pressed = admin.disable(origin)
    for server, page in zip(processes, pages):
        took = seconds_until(
            lambda page=page: page.evaluate("window.code") != 0, f"{server.kind} closes, {when}", pressed
        )
        print(f"{when}: {server.kind} closes its connections from there after {took:.2f} s")
        assert page.evaluate("window.code") == 4509
    assert [dial() for dial in dialled] == [False, False]


def test_a_page_of_another_site_connects_while_an_administrator_lets_it_with_redis_and_without(
    processes: list[Server],
    redis_server: RedisServer,
    elsewhere: str,
    page: Callable[[], Page],
) -> None:
    pages = [page() for _ in processes]
    for one, server in zip(pages, processes):
        one.clock.install()
        one.goto(f"{elsewhere}/{server.port}")
        server.logged(f"Origin {elsewhere} is neither this site's http://127.0.0.1:{server.port} nor in the list")
    own = page()
    own.goto(processes[1].url("/rooms/room-1"))
    expect(own.locator("#status")).to_have_attribute("data-state", "joined")
    own.evaluate(WATCH)
    admin = Administrator(page(), processes[0])
    round_trip(admin, elsewhere, pages, processes, "with Redis")
    admin.delete(elsewhere)
    redis_server.kill()
    for server in processes:
        until(lambda server=server: server.ready()["layer"] == "down", f"{server.kind}: the layer is down", 25)
    round_trip(admin, elsewhere, pages, processes, "without Redis")
    expect(own.locator("#status")).to_have_attribute("data-state", "joined")
    assert own.evaluate("window.states") == [], "who is on a page of the site itself notices nothing"
    assert all("code=4509" in server.log() for server in processes)
