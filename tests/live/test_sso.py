"""Single sign-on: somebody whom the provider vouches for has an account here, and nobody else."""

from __future__ import annotations

import http.client
import re
from collections.abc import Callable, Iterator
from http.cookies import SimpleCookie
from urllib.parse import urlsplit

import pytest

from .farm import Farm
from .provider import Provider
from .servers import Server
from .windows import on_one_server

pytestmark = on_one_server

GRACE = {"sub": "g-1", "name": "Grace Hopper", "preferred_username": "grace", "email": "grace@example.com"}
FIRST = "from django.contrib.auth.models import User\nUser.objects.create_superuser('root', 'grace@example.com')"
CLOSE = "from django.contrib.auth.models import User\nUser.objects.filter(username='grace').update(is_active=False)\nprint(sorted(User.objects.values_list('username', 'profile__name')))"
PEOPLE = r"\[\('grace', 'Grace Hopper'\), \('root', None\), \('\w+', 'user-\d+'\)\]"


@pytest.fixture
def provider() -> Iterator[Provider]:
    made = Provider()
    yield made
    made.end()


class Browser:
    """Goes where it is led, with the cookies of each place."""

    def __init__(self) -> None:
        self.cookies: dict[str, dict[str, str]] = {}
        self.steps: list[str] = []

    def go(self, url: str) -> tuple[int, str]:
        """Return the status and the text of the page that an address leads to in the end."""
        for _ in range(10):
            self.steps.append(url)
            status, location, page = self.ask(url)
            if status != 302:
                return status, " ".join(page.split())
            parts = urlsplit(url)
            url = f"{parts.scheme}://{parts.netloc}{location}" if location.startswith("/") else location
        raise AssertionError(f"led round in circles: {self.steps}")

    def ask(self, url: str) -> tuple[int, str, str]:
        parts = urlsplit(url)
        jar = self.cookies.setdefault(parts.netloc, {})
        connection = http.client.HTTPConnection(parts.netloc, timeout=30)
        cookie = "; ".join(f"{name}={value}" for name, value in jar.items())
        connection.request("GET", f"{parts.path}?{parts.query}", headers={"Cookie": cookie})
        answer = connection.getresponse()
        page = answer.read().decode()
        connection.close()
        for value in answer.headers.get_all("Set-Cookie", []):
            jar.update({name: morsel.value for name, morsel in SimpleCookie(value).items()})
        return answer.status, answer.getheader("Location", ""), page


def test_whom_the_provider_vouches_for_comes_in_and_nobody_else(
    fresh: Callable[..., Server], farm: Farm, provider: Provider
) -> None:
    server = fresh(**provider.variables)

    def manage(code: str) -> str:
        return farm.manage(server.var_dir, "shell", "-v0", "-c", code, **provider.variables).stdout.strip()

    def come() -> tuple[int, str]:
        return Browser().go(server.url("/accounts/oidc/sso/login/?next=/accounts/profile/"))

    _, page = Browser().go(server.url("/accounts/sign-in/?next=/accounts/profile/"))
    assert 'href="/accounts/oidc/sso/login/?next=/accounts/profile/">Sign in with the Test House<' in page

    provider.person = GRACE
    status, page = come()
    assert (status, "Not set up yet" in page) == (200, True), "the first account is the administrator's"
    manage(FIRST)

    browser = Browser()
    status, page = browser.go(server.url("/accounts/oidc/sso/login/?next=/accounts/profile/"))
    assert (status, browser.steps[-1]) == (200, server.url("/accounts/profile/")), browser.steps
    assert 'value="Grace Hopper"' in page
    assert "Change your password" not in page
    assert come()[0] == 200, "and again, with the same account"

    provider.person = {"sub": "g-2", "name": "Server", "preferred_username": "grace"}
    assert re.search('value="user-[0-9]+"', come()[1]), "nobody passes for the server by the provider's word either"

    provider.person = None
    assert "Signing in did not work" in come()[1]
    forged = server.url("/accounts/oidc/sso/login/callback/?code=x&state=forged")
    assert "Signing in did not work" in browser.go(forged)[1]

    provider.person = GRACE
    # The administrator has Grace's address of mail, and stays somebody else.
    assert re.fullmatch(PEOPLE, manage(CLOSE)), "an account for each"
    assert "This account is closed" in come()[1]
    assert provider.wrong == []

    provider.end()
    assert "Signing in did not work" in come()[1], "a provider that is down is told"
    assert "access-token" not in server.log() and "eyJ" not in server.log()
