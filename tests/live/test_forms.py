"""Forms that are sent twice: at once to real servers, and by double clicks in a real browser."""

from __future__ import annotations

import contextlib
import http.client
import json
import re
import sqlite3
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from http.cookies import SimpleCookie
from typing import Any
from urllib.parse import urlencode

import pytest
from playwright.sync_api import Browser, BrowserContext, Page

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


@dataclass(frozen=True)
class Press:
    """A form whose button is pressed twice: whose, where, what is filled in, what the page shows then, what is written."""

    who: str
    path: str
    button: str
    shows: str
    rows: dict[str, int] = field(default_factory=dict)
    typed: dict[str, str] = field(default_factory=dict)
    # Pressed first: what opens a menu.
    opens: str = ""


# Counted by `written`: these come and go by themselves.
NOT_COUNTED = ("django_session", "chat_usersession", "chat_sentform", "chat_invalidation", "sqlite_sequence")
RENEWED = {"new_password1": f"another {PASSWORD}", "new_password2": f"another {PASSWORD}"}
STEPS = ".steps button"
MEMBER = ".people li:has-text('{name}')"
SAVE = "input[name=_save]"
NUMBERED = ("chat_allowedorigin", "chat_broadcast", "auth_user")
DOWNLOAD = ""
DONE = ".messagelist .success"
# Those of a new account; a script of the page's holds all forms alike, so these stand for the rest in a short run.
SOME = 7
# In this order: each finds what those before it have left, and the last leave it as the first found it.
PRESSES = (
    Press("new", "/accounts/sign-up/", ".buttons button", "#composer", {"auth_user": 1, "chat_profile": 1, "chat_membership": 1},
          {"username": "{name}", "name": "{name}", **NEW}),
    Press("new", "/accounts/profile/", ".buttons button", "text=Your profile is saved.", {}, {"name": "{name} again"}),
    Press("new", "/accounts/password/", ".buttons button", "text=Your password is changed.", {},
          {"old_password": PASSWORD, **RENEWED}),
    Press("new", "/accounts/profile/", ".account form button", ".account a:has-text('Sign in')", {}, {},
          ".account summary"),
    Press("new", "/accounts/sign-in/", ".buttons button", "#composer", {},
          {"username": "{name}", "password": RENEWED["new_password1"]}),
    Press("new", "/rooms/new/", STEPS, "#composer", {"chat_room": 1, "chat_membership": 1}, {"title": "两次 {name}"}),
    Press("new", "/direct/new/?q=Ada", STEPS, "#composer", {"chat_room": 1, "chat_membership": 2},
          {"with": "Ada of the pages"}),
    Press("new", "/rooms/room-2/members/", ".panel button", "#composer", {"chat_membership": 1}),
    Press("new", "/rooms/room-2/members/", ".panel button", "text=You have left", {"chat_membership": -1}),
    Press("ada", "/rooms/twice/invitations/", STEPS, "#link", {"chat_invitation": 1}),
    Press("new", "{link}", STEPS, "#composer", {"chat_membership": 1, "used": 1}),
    Press("ada", "/rooms/twice/members/", f"{MEMBER} button[value=moderator]", "text=is a moderator", {}, {},
          f"{MEMBER} summary"),
    Press("ada", "/rooms/twice/members/", f"{MEMBER} button[value='']", "text=is no longer in this room",
          {"chat_membership": -1, "chat_putout": 1}, {}, f"{MEMBER} summary"),
    Press("ada", "/rooms/twice/members/", "button[value=member]", "text=is a member",
          {"chat_membership": 1, "chat_putout": -1}, {"name": "{name} again"}),
    Press("ada", "/rooms/twice/invitations/", STEPS, "#link", {"chat_invitation": 1}),
    Press("ada", "/rooms/twice/invitations/", "button[name=withdraw]", "text=is withdrawn", {"chat_invitation": -1}),
    Press("ada", "/rooms/twice/settings/", "form:has(#id_title) button", "text=It is in force within two seconds.", {}, {"topic": "{name}"}),
    Press("ada", "/rooms/twice/settings/", "button[value=archive]", "button[value=unarchive]", {"archived": 1}),
    Press("ada", "/rooms/twice/settings/", "button[value=unarchive]", "button[value=archive]", {"archived": -1}),
    Press("stranger", "/accounts/password/reset/", ".buttons button", "h1:has-text('Look into your mail')", {"mails": 1},
          {"email": "operator@example.com"}),
    Press("stranger", "{reset}", ".buttons button", "text=Your password is changed", {}, RENEWED),
    Press("admin", "/admin/", "input[type=submit]", "h1:has-text('Site administration')", {},
          {"username": "operator", "password": RENEWED["new_password1"]}),
    Press("admin", "/admin/chat/room/add/", SAVE, DONE, {"chat_room": 1, "django_admin_log": 1},
          {"slug": "admin-{name}", "title": "{name}"}),
    Press("admin", "/admin/chat/allowedorigin/add/", SAVE, DONE, {"chat_allowedorigin": 1, "django_admin_log": 1},
          {"pattern": "https://{name}.example"}),
    Press("admin", "/admin/chat/allowedorigin/{chat_allowedorigin}/delete/", "input[type=submit]", DONE,
          {"chat_allowedorigin": -1, "django_admin_log": 1}),
    Press("admin", "/admin/chat/broadcast/add/", SAVE, DONE, {"chat_broadcast": 1, "django_admin_log": 1},
          {"name": "{name}", "template": "now", "room": "Lobby"}),
    Press("admin", "/admin/chat/broadcast/{chat_broadcast}/change/", "form[action*=send] button", DONE,
          {"django_admin_log": 1}),
    Press("admin", "/admin/chat/broadcast/{chat_broadcast}/change/", SAVE, DONE, {"django_admin_log": 1},
          {"template": "then"}),
    Press("admin", "/admin/auth/user/add/", SAVE, DONE, {"auth_user": 1, "django_admin_log": 1},
          {"username": "made-{name}", **NEW}),
    Press("admin", "/admin/auth/user/{auth_user}/password/", "input[name=set-password]", DONE, {"django_admin_log": 1}, NEW),
    Press("admin", "/admin/auth/user/{auth_user}/delete/", "input[type=submit]", DONE,
          {"auth_user": -1, "chat_erased": 1, "django_admin_log": 1}, {"messages": "Keep it"}),
    Press("new", "/accounts/export/", ".buttons button", DOWNLOAD, {}, {"password": RENEWED["new_password1"]}),
    Press("new", "/accounts/erase/", ".buttons button", "h1:has-text('Your account is gone')",
          {"auth_user": -1, "chat_profile": -1, "chat_membership": -4, "chat_erased": 1},
          {"confirmation": "erase", "password": RENEWED["new_password1"]}),
)  # fmt: skip


@contextlib.contextmanager
def database(server: Server) -> Iterator[sqlite3.Connection]:
    """Open a server's database for a moment."""
    with contextlib.closing(sqlite3.connect(server.var_dir / "chatsite.sqlite3", timeout=15)) as opened, opened:
        yield opened


def written(server: Server) -> dict[str, int]:
    """Return how many rows each table has, how often invitations were used, how many rooms are archived, and mails."""
    with database(server) as rows:
        tables = [name for (name,) in rows.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        count = {it: f"SELECT count(*) FROM {it}" for it in tables if it not in NOT_COUNTED}
        count |= {"used": "SELECT sum(used) FROM chat_invitation", "archived": "SELECT sum(archived) FROM chat_room"}
        found = {name: rows.execute(statement).fetchone()[0] or 0 for name, statement in count.items()}
    return found | {"mails": server.log().count("Subject: ")}


def last_of(server: Server, table: str) -> int:
    with database(server) as rows:
        return int(rows.execute(f"SELECT max(id) FROM {table}").fetchone()[0])


def changed(before: dict[str, int], after: dict[str, int]) -> dict[str, int]:
    return {name: after[name] - before[name] for name in after if after[name] != before[name]}


def total(every: Iterable[dict[str, int]]) -> dict[str, int]:
    found: Counter[str] = Counter()
    for rows in every:
        found.update(rows)
    return {name: count for name, count in found.items() if count}


GAPS_MS = (20, 60, 200)


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


def press_twice(page: Page, press: Press, names: dict[str, str], gap: float) -> None:
    """Open a form's page, fill it in, press its button twice and wait for what comes of it."""
    page.goto(names["site"] + press.path.format(**names))
    if press.opens:
        page.locator(press.opens.format(**names)).click()
    for name, value in press.typed.items():
        typed = value.format(**names)
        there = page.locator(f"main [name={name}]")
        kind = there.first.evaluate("(field) => field.type")
        if kind in ("radio", "checkbox"):
            page.get_by_label(typed).check()
        elif kind == "select-one":
            there.select_option(label=typed)
        else:
            there.fill(typed)
    button = press.button.format(**names)
    if press.shows == DOWNLOAD:
        with page.expect_download():
            double_click(page, button, gap)
    else:
        double_click(page, button, gap)
        page.locator(press.shows).first.wait_for()


@pytest.mark.browser
@pytest.mark.timeout(400)
@pytest.mark.parametrize(
    ("scripts", "presses"),
    [
        pytest.param(True, PRESSES[:SOME], id="some with scripts"),
        pytest.param(True, PRESSES, id="with scripts", marks=pytest.mark.long),
        pytest.param(False, PRESSES, id="without"),
    ],
)
@on_one_server
def test_a_double_click_on_any_form_does_it_once(
    server: Server, farm: Farm, sessions: dict[str, str], browser: Browser, scripts: bool, presses: tuple[Press, ...]
) -> None:
    farm.add_user(server.var_dir, "operator", PASSWORD, superuser=True)
    with database(server) as rows:
        rows.execute("UPDATE auth_user SET email = 'operator@example.com' WHERE username = 'operator'")
    ada = {"cookies": [{"name": "sessionid", "value": sessions["Ada"], "url": server.url()}], "origins": []}
    names = {"site": server.url("").rstrip("/"), "name": f"twice-{int(scripts)}-{len(presses)}"}
    answers: list[tuple[int, str]] = []
    contexts: dict[str, BrowserContext] = {}
    for who in dict.fromkeys(press.who for press in presses):
        stored = ada if who == "ada" else None
        contexts[who] = browser.new_context(java_script_enabled=scripts, storage_state=stored)
        contexts[who].set_default_timeout(WAIT_MS)
        contexts[who].on("response", lambda answer: answers.append((answer.status, answer.url)))
    first = written(server)
    for number, press in enumerate(presses):
        # A tab of its own: where a second click is still under way, Chromium forgets to go on to another address.
        page = contexts[press.who].new_page()
        before = written(server)
        press_twice(page, press, names, GAPS_MS[(number + scripts) % len(GAPS_MS)])
        assert max(answers)[0] < 400, (press, max(answers))
        # A message is written soon after the page that tells of it.
        told = f"{press.path} {press.button} has changed {press.rows}"
        until(lambda before=before, rows=press.rows: changed(before, written(server)) == rows, told)
        if press.shows == "#link":
            names["link"] = page.locator("#link").input_value().removeprefix(names["site"])
        if "mails" in press.rows:
            names["reset"] = re.findall(r"http://[^/]+(/accounts/password/reset/\S+)", server.log())[-1]
        names |= {
            table: str(last_of(server, table)) for table, count in press.rows.items() if table in NUMBERED and count > 0
        }
        page.close()
    for context in contexts.values():
        context.close()
    # Nothing came later either.
    assert changed(first, written(server)) == total(press.rows for press in presses)
