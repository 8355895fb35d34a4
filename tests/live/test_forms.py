"""Forms that are sent twice: at once to real servers, and by double clicks in a real browser."""

from __future__ import annotations

import http.client
import json
import re
import threading
from collections.abc import Callable
from http.cookies import SimpleCookie
from typing import Any
from urllib.parse import urlencode

import pytest
from playwright.sync_api import Browser, Page

from tests.forms import Data, forms_of

from .farm import Farm
from .servers import Server
from .test_room_pages import PEOPLE
from .waiting import until
from .windows import WAIT_MS, on_one_server

PASSWORD = "a long and good one"
NEW = {"password1": PASSWORD, "password2": PASSWORD}
# Beside those of PEOPLE: a room of Ada's.
ROOM = """
from chat.models import Membership, Room
from django.contrib.auth.models import User
room, _ = Room.objects.get_or_create(slug="twice", defaults={"title": "Twice", "kind": "members", "guests": False})
Membership.objects.get_or_create(room=room, user=User.objects.get(username="pages-ada"), defaults={"role": "owner"})
"""
COUNT = """
import json
from chat.models import Invitation, Room
from django.contrib.auth.models import User
print(json.dumps({
    "users": User.objects.filter(username__startswith="twice-").count(),
    "rooms": Room.objects.filter(title__startswith="两次").count(),
    "invitations": Invitation.objects.filter(room__slug="twice").count(),
    "direct": Room.objects.filter(kind="direct", memberships__user__username="pages-ada").count(),
}))
"""


@pytest.fixture(scope="module")
def sessions(farm: Farm, shared: Callable[..., Server]) -> dict[str, str]:
    return json.loads(farm.manage(shared().var_dir, "shell", "-v0", "-c", PEOPLE + ROOM).stdout)


def counted(farm: Farm, server: Server) -> dict[str, int]:
    return json.loads(farm.manage(server.var_dir, "shell", "-v0", "-c", COUNT).stdout)


def post(server: Server, path: str, cookies: dict[str, str], data: Data) -> tuple[int, str, dict[str, str], str]:
    """Send a form; return status, location, the cookies that one has then, and the page."""
    connection = server.http(60)
    head = {"Content-Type": "application/x-www-form-urlencoded", "Origin": server.url("").rstrip("/")}
    head["Cookie"] = "; ".join(f"{name}={value}" for name, value in cookies.items())
    connection.request("POST", path, urlencode(data, doseq=True), head)
    answer = connection.getresponse()
    body = answer.read().decode()
    connection.close()
    return answer.status, answer.getheader("Location", ""), {**cookies, **given(answer)}, body


def given(answer: http.client.HTTPResponse) -> dict[str, str]:
    found: dict[str, str] = {}
    for line in answer.headers.get_all("Set-Cookie", []):
        found |= {name: it.value for name, it in SimpleCookie(line).items()}
    return found


@pytest.mark.parametrize(
    ("path", "field", "typed", "rows"),
    [
        ("/accounts/sign-up/", "username", {"username": "twice-ada", "name": "Twice Ada", **NEW}, "users"),
        ("/rooms/new/", "title", {"title": "两次"}, "rooms"),
        ("/rooms/twice/invitations/", "hours", {}, "invitations"),
    ],
)
def test_two_requests_with_one_form_at_once_do_it_once(
    server: Server, farm: Farm, sessions: dict[str, str], path: str, field: str, typed: dict[str, str], rows: str
) -> None:
    before = counted(farm, server)
    jar = {} if rows == "users" else {"sessionid": sessions["Ada"]}
    connection = server.http(60)
    connection.request("GET", path, headers={"Cookie": "; ".join(f"{k}={v}" for k, v in jar.items())})
    answer = connection.getresponse()
    page = answer.read().decode()
    connection.close()
    jar |= given(answer)
    data = next(form for form in forms_of(page) if field in form.names and form.method == "post").filled(typed)
    answers: list[Any] = []
    threads = [threading.Thread(target=lambda: answers.append(post(server, path, jar, data))) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(90)
    answers.append(post(server, path, jar, data))  # As a proxy does that heard no answer.
    assert len(answers) == 3 and max(status for status, *_ in answers) < 400, [it[0] for it in answers]
    assert len({location for _, location, *_ in answers}) == 1
    links = {found[0] for *_, text in answers if (found := re.findall(r'id="link" value="([^"]+)"', text))}
    assert len(links) == (rows == "invitations")
    for _, _, cookies, _ in answers:
        head = {"Cookie": "; ".join(f"{name}={value}" for name, value in cookies.items())}
        assert server.get("/accounts/profile/", head, 60).status == 200
    assert counted(farm, server) == {**before, rows: before[rows] + 1}


def double_click(page: Page, selector: str, gap: float) -> None:
    """Press twice where a button is, by the mouse itself: whatever the page has become after the first."""
    button = page.locator(selector).first
    button.scroll_into_view_if_needed()
    box = button.bounding_box()
    assert box is not None
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.up()
    page.wait_for_timeout(gap)
    page.mouse.down()
    page.mouse.up()


def arrive(page: Page, url: str | re.Pattern[str]) -> None:
    """Wait until a page is there; `wait_for_url` gives up where a second click ends the first one's navigation."""

    def there() -> bool:
        page.wait_for_timeout(20)
        return page.url == url if isinstance(url, str) else bool(url.search(page.url))

    until(there, f"the page is {url}", WAIT_MS / 1000)
    page.wait_for_load_state()


MAIN = "main form[method=post] button:not([name=search]), main form[method=post] input[type=submit]"


@pytest.mark.browser
@pytest.mark.timeout(400)
@pytest.mark.parametrize(("scripts", "gaps"), [(True, (20, 200)), (False, (60,))], ids=["with scripts", "without"])
@on_one_server
def test_double_clicks_on_the_forms_of_the_pages_do_each_once(
    server: Server, farm: Farm, sessions: dict[str, str], browser: Browser, scripts: bool, gaps: tuple[float, ...]
) -> None:
    before = counted(farm, server)
    for number, gap in enumerate(gaps):
        context = browser.new_context(java_script_enabled=scripts)
        page = context.new_page()
        page.set_default_timeout(WAIT_MS)
        answers: list[int] = []
        page.on("response", lambda answer, answers=answers: answers.append(answer.status))
        name = f"twice-{number}-{int(scripts)}"
        page.goto(server.url("/accounts/sign-up/"))
        for field, value in {"username": name, "name": f"{name} shown", **NEW}.items():
            page.fill(f"[name={field}]", value)
        double_click(page, MAIN, gap)
        arrive(page, server.url("/"))
        page.goto(server.url("/rooms/new/"))
        page.fill("#id_title", f"两次 {name}")
        double_click(page, MAIN, gap)
        arrive(page, re.compile(r"/rooms/(?!new)[\w-]+$"))
        page.goto(server.url("/accounts/password/"))
        for field in ("new_password1", "new_password2"):
            page.fill(f"[name={field}]", f"another {PASSWORD}")
        page.fill("[name=old_password]", PASSWORD)
        double_click(page, MAIN, gap)
        arrive(page, server.url("/accounts/profile/"))
        page.fill("[name=name]", f"{name} again")
        double_click(page, MAIN, gap)
        page.wait_for_load_state()
        page.goto(server.url("/direct/new/?q=Ada"))
        page.get_by_label("Ada of the pages").check()
        double_click(page, ".steps button", gap)
        arrive(page, re.compile(r"/rooms/direct-\w+$"))
        context.close()
        context = browser.new_context(
            java_script_enabled=scripts,
            storage_state={
                "cookies": [{"name": "sessionid", "value": sessions["Ada"], "url": server.url()}],
                "origins": [],
            },
        )
        page = context.new_page()
        page.on("response", lambda answer, answers=answers: answers.append(answer.status))
        page.goto(server.url("/rooms/twice/invitations/"))
        double_click(page, ".steps button", gap)
        page.locator("#link").wait_for()
        context.close()
        assert max(answers) < 400, answers
    after = counted(farm, server)
    assert after == {key: count + len(gaps) for key, count in before.items()}
