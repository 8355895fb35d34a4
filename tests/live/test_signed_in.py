"""Somebody signed in: the session of the pages is who speaks over the WebSocket."""

from __future__ import annotations

import http.client
from collections.abc import Callable
from http.cookies import SimpleCookie
from urllib.parse import urlencode

import pytest
from playwright.sync_api import expect

from .farm import Farm
from .guests import Guest
from .servers import Server
from .sockets import RawSocket
from .windows import Window, on_one_server

PASSWORD = "a long and good one"


class Session:
    """A browser's cookies, kept by hand, on a server's pages."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.cookies: dict[str, str] = {}
        # The name that this site gives its CSRF cookie; another site on the host has another one.
        self.csrf = "csrftoken"

    def ask(self, method: str, path: str, **form: str) -> http.client.HTTPResponse:
        connection = self.server.http()
        headers = {"Cookie": self.cookie, "Content-Type": "application/x-www-form-urlencoded"}
        body = urlencode({**form, "csrfmiddlewaretoken": self.cookies.get(self.csrf, "")}) if method == "POST" else None
        connection.request(method, path, body, headers)
        answer = connection.getresponse()
        answer.read()
        connection.close()
        for value in answer.headers.get_all("Set-Cookie", []):
            for name, morsel in SimpleCookie(value).items():
                self.cookies[name] = morsel.value
                self.csrf = name if "csrftoken_" in name else self.csrf
        return answer

    @property
    def cookie(self) -> str:
        return "; ".join(f"{name}={value}" for name, value in self.cookies.items())

    @property
    def headers(self) -> dict[str, str]:
        """What a page of the server itself sends with a handshake."""
        return {"Cookie": self.cookie, "Origin": f"http://{self.server.netloc}"}

    def sign_in(self, name: str) -> Session:
        self.ask("GET", "/admin/login/")
        assert self.ask("POST", "/admin/login/", username=name, password=PASSWORD).status == 302
        assert "sessionid" in self.cookies
        return self

    def sign_out(self) -> None:
        assert self.ask("POST", "/admin/logout/").status in (200, 302)


@pytest.fixture
def private(shared: Callable[..., Server], farm: Farm) -> Server:
    """A server that lets no guests in and puts names before what is said in raw frames; it has users."""
    server = shared(CHAT_GUESTS="0", CHAT_RAW_SENDER="name")
    for name in ("ada", "Server admin"):
        farm.add_user(server.var_dir, name, PASSWORD)
    return server


def dialled(guest: Callable[..., Guest], server: Server, headers: dict[str, str], *rooms: str) -> Guest:
    return guest(server, *rooms, origin=headers.get("Origin"), additional_headers={"Cookie": headers.get("Cookie", "")})


def refused(
    guest: Callable[..., Guest], raw: Callable[..., RawSocket], server: Server, headers: dict[str, str]
) -> set[int]:
    """Return the codes that a raw connection is closed with; a json one is nobody until it sends a token."""
    one = dialled(guest, server, headers)
    assert one.welcome["user"] is None
    assert one.ask("join", {"room": "lobby"})["payload"]["code"] == "unauthenticated"
    return {raw(server, headers=headers.items()).ending().code}


def test_who_is_signed_in_speaks_by_the_name_of_the_account_in_both_codecs_and_everybody_else_is_a_guest(
    private: Server, guest: Callable[..., Guest], raw: Callable[..., RawSocket], room: str
) -> None:
    session = Session(private).sign_in("ada")
    ada = dialled(guest, private, session.headers, room)
    user = ada.welcome["user"]
    assert (user["name"], user["kind"]) == ("ada", "user")
    assert user["id"].startswith("user:")
    plain = raw(private, f"/ws/{room}", headers=session.headers.items())
    ada.send(room, "from the page")
    assert ada.message()["author"] == user
    assert plain.read() == "ada echo: from the page"
    plain.send("from the program")
    assert plain.read() == "ada echo: from the program"
    assert ada.message()["author"] == user
    answer = ada.ask("name", {"name": "Grace"})
    assert (answer["type"], answer["payload"]["code"]) == ("error", "forbidden")

    server = Session(private).sign_in("Server admin")
    shown = dialled(guest, private, server.headers).welcome["user"]
    assert shown["name"] == shown["id"].replace(":", "-"), "nobody passes for the server"

    here = {"Origin": session.headers["Origin"]}
    assert refused(guest, raw, private, {"Cookie": session.cookie}) == {4508}, "a cookie without an Origin"
    assert refused(guest, raw, private, here) == {4508}, "no cookie"
    assert refused(guest, raw, private, {**here, "Cookie": "sessionid=abcdefghijklmnopqrstuvwxyz012345"}) == {4508}
    old = session.headers
    session.sign_out()
    assert refused(guest, raw, private, old) == {4508}, "signed out"


@on_one_server
def test_an_account_takes_its_name_from_a_guest_who_has_it(
    server: Server, farm: Farm, guest: Callable[..., Guest], room: str
) -> None:
    one, other = guest(server, room), guest(server, room)
    given = one.welcome["user"]["name"]
    assert one.ask("name", {"name": "Nomad"})["payload"]["user"]["name"] == "Nomad"
    farm.add_user(server.var_dir, "nomad", PASSWORD)
    assert other.ask("name", {"name": "NOMAD"})["payload"]["code"] == "conflict"
    session = Session(server).sign_in("nomad")
    session.ask("GET", "/")
    told = one.pick(lambda it: it["type"] == "error", "word of the account", 20.0)
    assert told["payload"]["code"] == "conflict" and f"“{given}”" in told["payload"]["message"]
    one.send(room, "hello")
    assert other.message()["author"] == one.welcome["user"]


@pytest.mark.browser
@on_one_server
def test_a_guest_who_signs_in_is_shown_by_the_accounts_name_as_the_author(
    server: Server, farm: Farm, window: Callable[..., Window], room: str
) -> None:
    farm.add_user(server.var_dir, "ada", PASSWORD)
    other, one = window(server, f"/rooms/{room}").joined(), window(server, f"/rooms/{room}").joined()
    one.rename("Wanderer")
    expect(one.page.locator("#name .shown")).to_have_text("Wanderer")
    one.page.goto(server.url(f"/admin/login/?next=/rooms/{room}"))
    one.page.fill("[name=username]", "ada")
    one.page.fill("[name=password]", PASSWORD)
    one.page.click("[type=submit]")
    one.joined()
    one.say("it is me")
    other.shows("it is me")
    expect(other.page.locator("#messages .message .author")).to_have_text("ada")
    expect(one.page.locator("#signed-in .shown")).to_have_text("ada")
    expect(one.page.locator("#name")).to_be_hidden()
    tab = one.page.context.new_page()
    tab.goto(server.url("/admin/"))
    tab.click("#logout-form button")
    one.is_("stopped")
    expect(one.page.locator("#status .words")).to_contain_text("you are signed out")
    assert one.errors == other.errors == []


@pytest.mark.browser
@on_one_server
def test_a_guest_who_comes_back_is_the_same_one_and_may_change_what_it_said(
    server: Server, window: Callable[..., Window], room: str
) -> None:
    one = window(server, f"/rooms/{room}").joined()
    one.rename("Wanderer")
    one.say("before")
    own = one.page.locator("#messages .message.own .text")
    expect(own).to_have_text("before")
    one.page.evaluate("localStorage.removeItem('chat.name')")
    one.page.reload()
    one.joined()
    expect(one.page.locator("#name .shown")).to_have_text("Wanderer")
    expect(own).to_have_text("before")
    one.page.evaluate("localStorage.setItem('chat.guest', 'a.forged.one')")
    one.page.reload()
    one.joined()
    expect(one.page.locator("#name .shown")).not_to_have_text("Wanderer")
    expect(own).to_have_count(0)
    assert one.errors == []
