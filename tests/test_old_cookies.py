"""Names of cookies: two sites on one host, and a rolling upgrade from the names before."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.conf import settings
from django.contrib.auth.models import User
from django.contrib.sessions.models import Session
from django.test import Client, override_settings

from chat import cookie_names, people
from chat.cookie_names import OLD_CSRF, OLD_SESSION

pytestmark = pytest.mark.django_db

PASSWORD = "a long and good one"
OLD = {
    "SESSION_COOKIE_NAME": OLD_SESSION,
    "CSRF_COOKIE_NAME": OLD_CSRF,
    "MIDDLEWARE": [one for one in settings.MIDDLEWARE if one != "chat.old_cookies.OldCookies"],
}
SESSION, CSRF = settings.SESSION_COOKIE_NAME, settings.CSRF_COOKIE_NAME


class Browser:
    """One browser's cookies, on servers of both versions behind one balancer."""

    def __init__(self) -> None:
        self.new, self.old = Client(enforce_csrf_checks=True), Client(enforce_csrf_checks=True)
        self.old.cookies = self.new.cookies

    @contextmanager
    def on(self, version: str) -> Iterator[Client]:
        if version == "new":
            yield self.new
        else:
            with override_settings(**OLD):
                yield self.old
        gone = [name for name, morsel in self.new.cookies.items() if morsel["max-age"] == 0]
        for name in gone:  # As a browser does, and Django's client does not.
            del self.new.cookies[name]

    def form(self, version: str, path: str) -> str:
        with self.on(version) as client:
            found = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', client.get(path).content.decode())
        assert found
        return found[1]

    def send(self, version: str, path: str, token: str, **form: str) -> int:
        with self.on(version) as client:
            return client.post(path, {**form, "csrfmiddlewaretoken": token}).status_code

    def sign_in(self, version: str, name: str = "ada", form_of: str = "") -> None:
        token = self.form(form_of or version, "/accounts/sign-in/")
        assert self.send(version, "/accounts/sign-in/", token, username=name, password=PASSWORD) == 302

    def sign_out(self, version: str, form_of: str = "") -> None:
        token = self.form(form_of or version, "/accounts/profile/")
        assert self.send(version, "/accounts/sign-out/", token) == 302

    def who(self, version: str) -> str:
        with self.on(version) as client:
            answer = client.get("/accounts/profile/")
        return str(answer.wsgi_request.user) if answer.status_code == 200 else ""


@pytest.fixture(autouse=True)
def accounts(settings: Any) -> None:
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    for name in ("ada", "bob"):
        people.begin(User.objects.create_user(name, password=PASSWORD), name.title())


VERSIONS = ("old", "new")


@pytest.mark.parametrize("first", VERSIONS)
@pytest.mark.parametrize("form_of", VERSIONS)
@pytest.mark.parametrize("last", VERSIONS)
def test_whoever_signs_in_and_out_during_a_rolling_upgrade_is_so_on_both_versions(
    first: str, form_of: str, last: str
) -> None:
    browser = Browser()
    browser.sign_in(first, form_of=form_of)
    assert [browser.who(version) for version in ("new", "old", "new", "old")] == ["ada"] * 4
    browser.sign_out(last, form_of=form_of)
    assert [browser.who(version) for version in ("new", "old")] == ["", ""]
    assert not {SESSION, OLD_SESSION} & set(browser.new.cookies) or not Session.objects.exists()
    browser.sign_in(last, "bob", form_of=form_of)
    assert [browser.who(version) for version in ("old", "new", "old")] == ["bob"] * 3


def test_who_signed_in_again_at_an_old_server_is_known_to_the_new_and_its_forms_are_taken() -> None:
    browser = Browser()
    browser.sign_in("new")
    browser.sign_out("old")
    browser.sign_in("old", "bob")
    token = browser.form("old", "/accounts/profile/")
    assert browser.send("new", "/accounts/sign-out/", token) == 302
    assert [browser.who(version) for version in VERSIONS] == ["", ""]


def test_a_session_of_before_the_upgrade_goes_on_and_gets_the_new_name() -> None:
    browser = Browser()
    browser.sign_in("old")
    assert SESSION not in browser.new.cookies
    assert browser.who("new") == "ada"
    assert browser.new.cookies[SESSION].value == browser.new.cookies[OLD_SESSION].value
    del browser.new.cookies[OLD_SESSION]
    assert browser.who("new") == "ada"


# What another site on this host, of the version before or any of Django's, has under the old name.
OTHERS = {"a session of its own": "abcdefghijklmnopqrstuvwxyz012345", "no session key": "../../etc", "nothing": ""}


@pytest.mark.parametrize("case", OTHERS)
def test_another_site_s_cookies_by_the_old_names_stay_and_win_nothing(case: str) -> None:
    browser = Browser()
    browser.new.cookies[OLD_SESSION] = OTHERS[case]
    browser.sign_in("new")
    browser.new.cookies[OLD_CSRF] = "b" * 32
    assert browser.who("new") == "ada"
    browser.sign_out("new")
    assert browser.who("new") == ""
    assert browser.new.cookies[OLD_SESSION].value == OTHERS[case]
    assert browser.new.cookies[OLD_CSRF].value == "b" * 32
    assert SESSION not in browser.new.cookies


def test_the_names_are_alike_on_all_servers_of_a_site_and_different_between_sites() -> None:
    one, same, another = (cookie_names.suffix_of(key) for key in ("a key", "a key", "another key"))
    assert one == same != another
    assert re.fullmatch("[0-9a-f]{8}", one)
    assert SESSION == f"sessionid_{cookie_names.suffix_of(settings.SECRET_KEY)}"
    assert cookie_names.name("sessionid", "team", https_only=True) == "__Host-sessionid_team"
    names = {SESSION, CSRF, settings.MESSAGE_COOKIE_NAME, settings.LANGUAGE_COOKIE_NAME}
    assert len(names) == 4 and len({name[-9:] for name in names}) == 1


def test_messages_are_in_a_cookie_of_the_site_s_own_name() -> None:
    browser = Browser()
    browser.sign_in("new")
    token = browser.form("new", "/accounts/profile/")
    form = {"name": "Ada", "colour": "1", "time_zone": "", "language": ""}
    assert browser.send("new", "/accounts/profile/", token, **form) == 302
    assert settings.MESSAGE_COOKIE_NAME in browser.new.cookies and "messages" not in browser.new.cookies
