"""Tokens and tickets by HTTP."""

from __future__ import annotations

import asyncio
import json
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.conf import settings
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from chat import tickets
from chat.models import Ticket
from chat.tickets import MAX_WAITING, Redeemed, redeem
from chat.tokens import USER_SECONDS, Tokens

PATHS = ("/api/v1/tokens", "/api/v1/tickets")
OWN = "http://testserver"


@pytest.fixture
def ada(db: None) -> User:
    return User.objects.create_user("ada")


@pytest.fixture
def page(ada: User) -> Client:
    """A browser that is signed in."""
    made = Client(enforce_csrf_checks=True)
    made.force_login(ada)
    return made


def session_of(client: Client) -> str:
    return str(client.cookies[settings.SESSION_COOKIE_NAME].value)


def ask(client: Client, path: str, origin: str | None = OWN, kind: str = "application/json", **headers: str) -> Any:
    given = {**({} if origin is None else {"Origin": origin}), **headers}
    return client.post(path, "{}", content_type=kind, headers=given)


def refused(answer: Any, status: int, code: str) -> str:
    assert (answer.status_code, answer["Content-Type"]) == (status, "application/json"), answer.content
    error = answer.json()["error"]
    assert error["code"] == code
    return str(error["message"])


def test_a_token_is_the_sessions_and_lasts_ten_minutes(page: Client, ada: User) -> None:
    answer = ask(page, "/api/v1/tokens")
    assert (answer.status_code, answer["Cache-Control"]) == (200, "no-store")
    payload = answer.json()
    assert payload.keys() == {"token", "expires_at"}
    claims = asyncio.run(Tokens(settings.CHAT).verify(payload["token"]))
    assert (claims.person.id, claims.person.name, claims.session) == (f"user:{ada.pk}", "ada", session_of(page))
    left = datetime.fromisoformat(payload["expires_at"]) - timezone.now()
    assert timedelta(seconds=USER_SECONDS - 60) < left <= timedelta(seconds=USER_SECONDS)


def test_a_ticket_is_the_sessions_and_bound_to_the_pages_origin(page: Client, ada: User) -> None:
    payload = ask(page, "/api/v1/tickets").json()
    assert payload.keys() == {"ticket", "expires_at"}
    assert redeem(payload["ticket"], "http://testserver:80") == Redeemed(ada.pk, session_of(page))


def with_csrf(client: Client) -> dict[str, str]:
    """Return the headers of a page's own request, after the page was fetched."""
    client.get("/admin/login/?next=/")
    client.cookies[settings.CSRF_COOKIE_NAME] = "a" * 32
    return {"X-CSRFToken": "a" * 32}


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize(
    ("origin", "kind", "csrf", "status"),
    [
        (OWN, "application/json", False, 200),
        (OWN, "application/json; charset=utf-8", False, 200),
        (OWN, "text/plain", False, 403),
        (OWN, "application/x-www-form-urlencoded", False, 403),
        (None, "application/json", False, 403),
        ("null", "application/json", False, 403),
        ("http://evil.example", "application/json", False, 403),
        ("https://testserver", "application/json", False, 403),
        ("http://testserver:8080", "application/json", False, 403),
        ("http://testserver.evil.example", "application/json", False, 403),
        ("http://testserver, http://evil.example", "application/json", False, 403),
        (OWN, "text/plain", True, 200),
        (None, "text/plain", True, 200),
        ("http://evil.example", "text/plain", True, 403),
        ("null", "application/json", True, 403),
    ],
)
def test_only_what_a_page_of_this_site_meant_to_ask_is_answered(
    page: Client, path: str, origin: str | None, kind: str, csrf: bool, status: int
) -> None:
    answer = ask(page, path, origin, kind, **(with_csrf(page) if csrf else {}))
    assert answer.status_code == status, answer.content
    if status == 403:
        assert "of this very site" in refused(answer, 403, "forbidden")
        assert not Ticket.objects.exists()


@pytest.mark.parametrize("path", PATHS)
def test_who_is_not_signed_in_gets_neither(path: str, ada: User, page: Client) -> None:
    assert refused(ask(Client(enforce_csrf_checks=True), path), 401, "unauthenticated") == "Sign in first."
    User.objects.update(is_active=False)
    refused(ask(page, path), 401, "unauthenticated")


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("method", ["get", "put", "delete", "patch"])
def test_only_post_is_answered(page: Client, path: str, method: str) -> None:
    answer = getattr(page, method)(path)
    assert refused(answer, 405, "method_not_allowed") == f"Expected POST, got {method.upper()}."
    assert answer["Allow"] == "POST"


def test_more_tickets_than_may_wait_are_refused_in_words(page: Client, ada: User) -> None:
    soon = timezone.now() + timedelta(seconds=tickets.SECONDS)
    Ticket.objects.bulk_create([Ticket(digest=str(n), user=ada, expires_at=soon) for n in range(MAX_WAITING)])
    one_too_many = ask(page, "/api/v1/tickets")
    assert str(MAX_WAITING) in refused(one_too_many, 429, "rate_limited")
    assert one_too_many["Retry-After"] == "30"


def test_answers_are_json_whatever_is_sent(page: Client) -> None:
    for body in (b"\xff", b"[" * 1000, json.dumps({"sub": "user:1"}).encode()):
        answer = page.post("/api/v1/tokens", body, content_type="application/json", headers={"Origin": OWN})
        assert answer.status_code == 200
