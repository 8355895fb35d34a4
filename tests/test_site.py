"""The site: its own origins, and where its links lead."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
from django.http import HttpRequest
from django.test import RequestFactory
from django.urls import include, path

from chat import site
from chat.accounts.sso import Provider
from chat.wire.origins import parse

SITE = "https://chat.example"
urlpatterns = [path("accounts/", include("chat.accounts.sso_urls"))]


@pytest.fixture(autouse=True)
def hosts(settings: Any) -> None:
    settings.ALLOWED_HOSTS = ["chat.example", "inner.example"]


@pytest.fixture
def stated(settings: Any) -> None:
    settings.CHAT = dataclasses.replace(settings.CHAT, site_url=SITE)


def asked(host: str = "inner.example:8080", secure: bool = False, **headers: str) -> HttpRequest:
    return RequestFactory().get("/", secure=secure, headers={"host": host, **headers})


def test_without_site_url_links_lead_to_the_host_that_was_asked() -> None:
    assert site.absolute(asked(), "/x") == "http://inner.example:8080/x"
    assert site.absolute(asked("chat.example", secure=True), "/x") == "https://chat.example/x"


@pytest.mark.usefixtures("stated")
def test_with_site_url_every_link_leads_there(settings: Any) -> None:
    settings.ROOT_URLCONF = __name__
    assert site.absolute(asked(), "/x") == f"{SITE}/x"
    callback = Provider(asked(), "sso").get_callback_url(asked(), None)
    assert callback == f"{SITE}/accounts/oidc/sso/login/callback/"


OWN: list[tuple[str | None, bool, bool]] = [
    # Origin; own without SITE_URL, and with it
    ("http://inner.example:8080", True, True),
    ("https://chat.example", False, True),
    ("http://chat.example", False, False),
    ("https://chat.example:8443", False, False),
    ("https://inner.example:8080", False, False),
    ("http://inner.example", False, False),
    ("null", False, False),
    (None, False, False),
]


@pytest.mark.parametrize(("origin", "without", "with_it"), OWN)
def test_pages_of_the_request_s_origin_and_of_site_url_are_own(
    settings: Any, origin: str | None, without: bool, with_it: bool
) -> None:
    request = asked(**({} if origin is None else {"origin": origin}))
    assert site.from_own_page(request) is without
    settings.CHAT = dataclasses.replace(settings.CHAT, site_url=SITE)
    assert site.from_own_page(request) is with_it


def test_a_host_that_is_not_allowed_makes_no_page_own() -> None:
    assert not site.from_own_page(asked("evil.example", origin="http://evil.example"))
    with pytest.raises(ValueError, match=r"evil\.example"):
        site.is_own(asked("evil.example"), parse(SITE))


WITHIN = {
    "/rooms/lobby": "/rooms/lobby",
    "http://inner.example:8080/rooms/lobby?x=1#m-2": "/rooms/lobby?x=1#m-2",
    "HTTP://Inner.Example:8080/rooms/lobby": "/rooms/lobby",
    "https://chat.example:443/rooms/lobby": "/rooms/lobby",
    "//inner.example:8080/rooms/lobby": "/rooms/lobby",
    "http://inner.example:8080": "/",
    "http://inner.example:8080//evil.example/": "/",
    # Not this site's: whoever leads on refuses it.
    "http://chat.example/rooms/lobby": "http://chat.example/rooms/lobby",
    "http://inner.example/rooms/lobby": "http://inner.example/rooms/lobby",
    "http://inner.example:8080@evil.example/": "http://inner.example:8080@evil.example/",
    "http://evil.example\\@inner.example:8080/": "http://evil.example\\@inner.example:8080/",
    "//evil.example/": "//evil.example/",
    "http://[::1": "http://[::1",
    "javascript:alert(1)": "javascript:alert(1)",
}


@pytest.mark.usefixtures("stated")
@pytest.mark.parametrize("url", WITHIN)
def test_an_address_of_this_site_is_led_on_to_by_its_path(url: str) -> None:
    assert site.within(asked(), url) == WITHIN[url]
