"""The site: its own origins, and where its links lead."""

from __future__ import annotations

import asyncio
import dataclasses
from typing import Any
from urllib.parse import urlencode

import pytest
from allauth.core import context
from django.conf import settings as django_settings
from django.contrib.auth.models import User
from django.core.asgi import get_asgi_application
from django.http import HttpRequest
from django.test import Client, RequestFactory
from django.urls import include, path

from chat import site
from chat.accounts.sso import AccountAdapter, Provider
from chat.hosts import Hosts
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
    # Too long to be kept.
    "/" + "x" * site.MAX_ADDRESS: "",
}


@pytest.mark.usefixtures("stated")
@pytest.mark.parametrize("url", WITHIN)
def test_an_address_of_this_site_is_led_on_to_by_its_path(url: str) -> None:
    assert site.within(asked(), url) == WITHIN[url]


# Whatever leads on, with what it is given for somebody who is signed in, and for a stranger's form.
SPELLINGS = ["https://chat.example:443/rooms/", "//chat.example:443/rooms/", "https://CHAT.EXAMPLE/rooms/", "/rooms/"]
LEADING: dict[str, tuple[str, bool]] = {
    "sign-in": ("/accounts/sign-in/", False),
    "sign-in, signed in": ("/accounts/sign-in/", True),
    "sign-up, signed in": ("/accounts/sign-up/", True),
    "sign-out": ("/accounts/sign-out/", True),
    "the admin's sign-in": ("/admin/login/", False),
    "the admin's sign-out": ("/admin/logout/", True),
}


@pytest.mark.django_db
@pytest.mark.parametrize("by", ["the form", "the address"])
@pytest.mark.parametrize("url", [*SPELLINGS, "https://evil.example/rooms/", "https://chat.example:8443/rooms/"])
@pytest.mark.parametrize("case", LEADING)
def test_whatever_leads_on_does_so_however_this_site_is_spelled(
    settings: Any, client: Client, case: str, url: str, by: str
) -> None:
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    user = User.objects.create_superuser("ada", "", "a long and good one")
    path, inside = LEADING[case]
    if inside:
        client.force_login(user, "django.contrib.auth.backends.ModelBackend")
    form = {"username": "ada", "password": "a long and good one"}
    asked = f"{path}?{urlencode({'next': url})}" if by == "the address" else path
    filled = {**form, "next": url} if by == "the form" else form
    answer = client.post(asked, filled, secure=True, headers={"host": "chat.example"})
    assert (answer.status_code, answer.headers["Location"]) == (302, "/rooms/" if url in SPELLINGS else "/")


@pytest.mark.parametrize("url", [*SPELLINGS, "https://evil.example/rooms/"])
def test_single_sign_on_leads_on_alike(url: str) -> None:
    request = RequestFactory().get("/", secure=True, headers={"host": "chat.example"})
    with context.request_context(request):
        assert AccountAdapter(request).is_safe_url(url) is (url in SPELLINGS)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    ("referer", "status"),
    [
        ("https://chat.example/x", 302),
        ("https://chat.example:443/x", 302),
        ("https://CHAT.EXAMPLE/x", 302),
        ("https://chat.example:8443/x", 403),
        ("http://chat.example/x", 403),
        ("https://evil.example/x", 403),
    ],
)
async def test_a_form_without_an_origin_is_taken_from_a_page_of_this_site(referer: str, status: int) -> None:
    headers = [(b"host", b"chat.example"), (b"cookie", f"{django_settings.CSRF_COOKIE_NAME}={'a' * 32}".encode())]
    headers += [(b"referer", referer.encode()), (b"x-csrftoken", b"a" * 32), (b"content-length", b"0")]
    scope = {"type": "http", "scheme": "https", "method": "POST", "path": "/accounts/sign-out/", "headers": headers}
    sent: list[dict[str, Any]] = []

    coming = [{"type": "http.request"}]

    async def receive() -> dict[str, Any]:
        return coming.pop() if coming else await asyncio.get_running_loop().create_future()

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    await Hosts(get_asgi_application())(scope, receive, send)
    assert sent[0]["status"] == status
