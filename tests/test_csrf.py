"""Forms of a second tab: the first one has signed in or out, and Django's CSRF token is another by now."""

from __future__ import annotations

import dataclasses
import re
from html import unescape
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.contrib.auth.tokens import default_token_generator
from django.test import Client
from django.utils.encoding import force_bytes
from django.utils.http import urlsafe_base64_encode

from chat import people, throttle
from chat.models import Room

pytestmark = pytest.mark.django_db

PASSWORD = "a long and good one"
OWN = "http://testserver"
HIDDEN = re.compile(r'<input type="hidden" name="([^"]*)" value="([^"]*)">')


@pytest.fixture(autouse=True)
def quick_passwords(settings: Any) -> None:
    settings.ALLOWED_HOSTS = ["testserver"]
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    for one in (throttle.sign_ups, throttle.resets, throttle.mails):
        one.buckets.clear()


@pytest.fixture
def ada() -> User:
    user = User.objects.create_superuser("ada", "ada@example.com", PASSWORD)
    people.begin(user, "Ada")
    return user


@pytest.fixture
def browser() -> Client:
    """Two tabs of one browser, which checks tokens."""
    return Client(enforce_csrf_checks=True)


def token_of(browser: Client, path: str = "/accounts/sign-in/") -> str:
    """Open a form in a tab and return its token."""
    found = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', browser.get(path).content.decode())
    assert found
    return found[1]


def sign_in(browser: Client, name: str = "ada") -> None:
    form = {"username": name, "password": PASSWORD, "csrfmiddlewaretoken": token_of(browser)}
    assert browser.post("/accounts/sign-in/", form, headers={"Origin": OWN}).status_code == 302


SIGN_IN = {"username": "ada", "password": PASSWORD}
SIGN_UP = {"username": "bob", "password1": PASSWORD, "password2": PASSWORD}
# A form of the second tab, what it holds, and where it leads once the first tab has signed in.
LED_ON: dict[str, tuple[str, dict[str, str], str]] = {
    "sign-in": ("/accounts/sign-in/", SIGN_IN, "/"),
    "sign-in, to a room": ("/accounts/sign-in/", {**SIGN_IN, "next": "/rooms/lobby"}, "/rooms/lobby"),
    "sign-in, to a room by its whole address": (
        "/accounts/sign-in/",
        {**SIGN_IN, "next": "http://testserver/rooms/lobby?x=1"},
        "/rooms/lobby?x=1",
    ),
    "sign-in, to another site": ("/accounts/sign-in/", {**SIGN_IN, "next": "http://evil.example/"}, "/"),
    "sign-in, with a wrong password": ("/accounts/sign-in/", {**SIGN_IN, "password": "x"}, "/"),
    "sign-up": ("/accounts/sign-up/", SIGN_UP, "/"),
    "sign-up, to a room": ("/accounts/sign-up/", {**SIGN_UP, "next": "/rooms/lobby"}, "/rooms/lobby"),
    "a forgotten password": (
        "/accounts/password/reset/",
        {"email": "ada@example.com"},
        "/accounts/password/reset/sent/",
    ),
    "the admin's": (
        "/admin/login/?next=/admin/chat/room/",
        {**SIGN_IN, "next": "/admin/chat/room/"},
        "/admin/chat/room/",
    ),
    "sign-out": ("/accounts/sign-out/", {}, "/"),
    "the admin's, by its whole address": (
        "/admin/login/",
        {**SIGN_IN, "next": "http://TESTSERVER:80/admin/chat/room/"},
        "/admin/chat/room/",
    ),
    "the admin's, to another site": ("/admin/login/", {**SIGN_IN, "next": "http://evil.example/"}, "/"),
    "sign-out, and back to sign in": ("/accounts/sign-out/", {"next": "/accounts/sign-in/"}, "/accounts/sign-in/"),
    "sign-out, to another site": ("/accounts/sign-out/", {"next": "//evil.example/rooms/"}, "/"),
    "the admin's sign-out, to a page": ("/admin/logout/", {"next": "http://testserver/admin/"}, "/admin/"),
    "the admin's sign-out": ("/admin/logout/", {}, "/"),
}


@pytest.mark.parametrize("case", LED_ON)
def test_a_form_of_the_second_tab_leads_on_when_the_first_has_signed_in(ada: User, browser: Client, case: str) -> None:
    path, form, leads_to = LED_ON[case]
    stale = token_of(browser)
    sign_in(browser)
    answer = browser.post(path, {**form, "csrfmiddlewaretoken": stale}, headers={"Origin": OWN})
    assert answer.headers.get("Location", str(answer.status_code)) == leads_to
    assert not User.objects.filter(username="bob").exists()


def test_a_form_for_a_new_password_takes_it_though_another_tab_has_signed_in(ada: User, browser: Client) -> None:
    who = urlsafe_base64_encode(force_bytes(ada.pk))
    path = browser.get(f"/accounts/password/reset/{who}/{default_token_generator.make_token(ada)}/").headers["Location"]
    stale = token_of(browser, path)
    other = User.objects.create_user("bob", password=PASSWORD)
    people.begin(other, "Bob")
    sign_in(browser, "bob")
    form = {"new_password1": PASSWORD + "!", "new_password2": PASSWORD + "!", "csrfmiddlewaretoken": stale}
    answer = browser.post(path, form, headers={"Origin": OWN})
    # Django keeps the link's token in the session, which goes on where an anonymous one becomes an account's.
    assert (answer.status_code, answer.headers.get("Location")) == (302, "/accounts/sign-in/")
    ada.refresh_from_db()
    assert ada.check_password(PASSWORD + "!")


@pytest.mark.parametrize("case", ["sign-in", "sign-up", "a forgotten password", "the admin's"])
def test_it_is_taken_as_well_when_the_first_tab_has_signed_in_and_out_again(
    ada: User, browser: Client, case: str
) -> None:
    path, form, _ = LED_ON[case]
    stale = token_of(browser)
    sign_in(browser)
    browser.post("/accounts/sign-out/", {"csrfmiddlewaretoken": token_of(browser, "/")}, headers={"Origin": OWN})
    answer = browser.post(path, {**form, "csrfmiddlewaretoken": stale}, headers={"Origin": OWN})
    assert answer.status_code == 302


FOREIGN = {
    "another site": {"Origin": "http://evil.example"},
    "no page's": {"Origin": "null"},
    "another port": {"Origin": "http://testserver:8080"},
    "https": {"Origin": "https://testserver"},
    "nobody's word": {},
}


@pytest.mark.parametrize("case", FOREIGN)
def test_a_form_of_another_page_is_refused_and_never_offered_again(ada: User, browser: Client, case: str) -> None:
    stale = token_of(browser)
    sign_in(browser)
    for path, form in (
        ("/accounts/sign-in/", SIGN_IN),
        ("/accounts/sign-out/", {}),
        ("/rooms/new/", {"title": "Mine"}),
    ):
        answer = browser.post(path, {**form, "csrfmiddlewaretoken": stale}, headers=FOREIGN[case])
        assert answer.status_code == 403
        assert "Send again" not in answer.content.decode() and "Mine" not in answer.content.decode()
    assert browser.get("/accounts/profile/").status_code == 200, "still signed in"


def test_a_browser_that_keeps_no_cookies_is_told_so(ada: User, browser: Client) -> None:
    stale = token_of(browser)
    browser.cookies.clear()
    answer = browser.post("/accounts/sign-in/", {**SIGN_IN, "csrfmiddlewaretoken": stale}, headers={"Origin": OWN})
    assert answer.status_code == 403 and "allow cookies" in answer.content.decode()


# The forms of the signed-in: what they hold is kept, and sent again by a button.
KEPT: dict[str, tuple[str, dict[str, Any]]] = {
    "a room": (
        "/rooms/new/",
        {"title": 'The "best" <room> & more', "slug": "best", "topic": "线上\n聊天", "durable": "on"},
    ),
    "a profile": ("/accounts/profile/", {"name": "Ada L.", "colour": "2", "time_zone": "", "language": ""}),
    "several of one name": ("/direct/new/", {"with": ["1", "2"], "search": "x"}),
    "a row in the admin": (
        "/admin/chat/allowedorigin/add/",
        {"pattern": "https://a.example", "note": "ours", "enabled": "on"},
    ),
}


@pytest.mark.parametrize("case", KEPT)
def test_a_form_of_the_signed_in_is_kept_and_sent_again(ada: User, browser: Client, case: str) -> None:
    path, form = KEPT[case]
    stale = token_of(browser)
    sign_in(browser)
    answer = browser.post(f"{path}?a=1&b=2", {**form, "csrfmiddlewaretoken": stale}, headers={"Origin": OWN})
    page = answer.content.decode()
    assert answer.status_code == 403
    assert "signed in as <bdi>ada</bdi>" in page and "Send again" in page
    assert f'action="{path}?a=1&amp;b=2"' in page
    kept: dict[str, list[str]] = {}
    for name, value in HIDDEN.findall(page):
        kept.setdefault(unescape(name), []).append(unescape(value))
    (token,) = kept.pop("csrfmiddlewaretoken")
    assert len(kept.pop("form_key")) == 1, "a key of its own"
    assert kept == {name: value if isinstance(value, list) else [value] for name, value in form.items()}
    again = browser.post(path, {**form, "csrfmiddlewaretoken": token}, headers={"Origin": OWN})
    assert again.status_code in (200, 302, 400), "the form's own answer"


def test_a_room_that_is_sent_again_is_made(ada: User, browser: Client) -> None:
    stale = token_of(browser)
    sign_in(browser)
    form = {"title": "Garden", "slug": "garden", "kind": "public", "posting": "everyone", "csrfmiddlewaretoken": stale}
    page = browser.post("/rooms/new/", form, headers={"Origin": OWN}).content.decode()
    again = {unescape(name): unescape(value) for name, value in HIDDEN.findall(page)}
    assert not Room.objects.filter(slug="garden").exists()
    answer = browser.post("/rooms/new/", again, headers={"Origin": OWN})
    assert Room.objects.filter(title="Garden").exists(), answer.content.decode()[-2000:]


def test_passwords_are_not_kept_in_the_page(ada: User, browser: Client) -> None:
    stale = token_of(browser)
    sign_in(browser)
    form = {"old_password": PASSWORD, "new_password1": "x", "new_password2": "x", "csrfmiddlewaretoken": stale}
    headers = {"Origin": OWN, "Referer": f"{OWN}/accounts/password/?from=profile"}
    answer = browser.post("/accounts/password/", form, headers=headers)
    page = answer.content.decode()
    assert answer.status_code == 403 and PASSWORD not in page and "Send again" not in page
    assert '<a href="/accounts/password/?from=profile">Open the form again</a>' in page
    assert "no-store" in answer.headers["Cache-Control"]


def test_the_page_speaks_the_reader_s_language(ada: User, browser: Client) -> None:
    stale = token_of(browser)
    sign_in(browser)
    headers = {"Origin": OWN, "Accept-Language": "zh-CN"}
    page = browser.post("/rooms/new/", {"csrfmiddlewaretoken": stale}, headers=headers).content.decode()
    assert "重新发送" in page and "Send again" not in page


def test_pages_of_site_url_are_the_site_s_own(ada: User, browser: Client, settings: Any) -> None:
    settings.CHAT = dataclasses.replace(settings.CHAT, site_url="https://chat.example")
    settings.CSRF_TRUSTED_ORIGINS = [settings.CHAT.site_url]  # As chatsite/settings.py has it; it is read once.
    stale = token_of(browser)
    sign_in(browser)
    form = {**SIGN_IN, "next": "https://chat.example/rooms/lobby", "csrfmiddlewaretoken": stale}
    answer = Client.post(browser, "/accounts/sign-in/", form, headers={"Origin": "https://chat.example"})
    assert answer.headers.get("Location") == "/rooms/lobby"
