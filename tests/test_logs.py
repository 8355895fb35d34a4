"""Logs: what opens a door stands in no line and in no stack."""

from __future__ import annotations

import io
import logging
import logging.config
from collections.abc import Iterator
from typing import Any

import pytest
from django.conf import settings
from django.test import Client

from chatsite.logs import masked

TOKEN = "Tweet-a_canary"

MASKED = {
    f"Not Found: /invitations/{TOKEN}/": "Not Found: /invitations/***/",
    f"/invitations/{TOKEN}": "/invitations/***",
    f"//invitations//{TOKEN}": "//invitations//***",
    f"/INVITATIONS/{TOKEN}/x": "/INVITATIONS/***/x",
    f"next=%2Finvitations%2F{TOKEN}%2F": "next=%2Finvitations%2F***%2F",
    f"Forbidden: /accounts/password/reset/MQ/{TOKEN}/": "Forbidden: /accounts/password/reset/MQ/***/",
    f"/accounts/password/reset/MQ//{TOKEN}": "/accounts/password/reset/MQ//***",
    f"/accounts/set-up/?token={TOKEN}": "/accounts/set-up/?token=***",
    f"/ws?room=x&ticket={TOKEN}&more": "/ws?room=x&ticket=***&more",
    f"'/accounts/set-up/?token={TOKEN}' failed": "'/accounts/set-up/?token=***' failed",
}
LEFT = [
    "GET /rooms/tea/invitations/ HTTP/1.1",
    "GET /accounts/password/reset/ HTTP/1.1",
    "GET /accounts/password/reset/sent/ HTTP/1.1",
    "GET /rooms/invitations HTTP/1.1",
    "3 invitations / 4 tokens",
]


@pytest.mark.parametrize(("said", "kept"), MASKED.items())
def test_what_opens_a_door_is_masked(said: str, kept: str) -> None:
    assert masked(said) == kept


@pytest.mark.parametrize("said", LEFT)
def test_what_opens_none_is_left(said: str) -> None:
    assert masked(said) == said


@pytest.fixture
def lines() -> Iterator[io.StringIO]:
    """What the handler of the settings writes."""
    out = io.StringIO()
    logging.config.dictConfig(
        {**settings.LOGGING, "handlers": {"console": {**settings.LOGGING["handlers"]["console"], "stream": out}}}
    )
    yield out
    logging.config.dictConfig(settings.LOGGING)


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("path", "status"),
    [
        (f"/invitations/{TOKEN}/", 404),
        (f"/accounts/password/reset/MQ/{TOKEN}/more", 404),
        (f"/accounts/set-up/?token={TOKEN}", 403),
    ],
)
def test_a_refused_request_is_logged_without_its_token(lines: Any, path: str, status: int) -> None:
    assert Client().get(path).status_code == status
    assert path.split("/")[1] in lines.getvalue() and TOKEN not in lines.getvalue()


@pytest.mark.django_db
def test_a_form_out_of_date_is_logged_without_its_token(lines: Any) -> None:
    client = Client(enforce_csrf_checks=True)
    assert client.post(f"/accounts/password/reset/MQ/{TOKEN}/", {}).status_code == 403
    assert client.post(f"/invitations/{TOKEN}/", {}).status_code == 403
    assert lines.getvalue().count("Forbidden") == 2 and TOKEN not in lines.getvalue()


def test_a_stack_is_masked_too_and_the_link_of_the_first_start_is_said(lines: Any) -> None:
    try:
        raise ValueError(f"/invitations/{TOKEN}/ is odd")
    except ValueError:
        logging.getLogger("django.request").exception("Internal Server Error: %s", f"/invitations/{TOKEN}/")
    assert "Traceback" in lines.getvalue() and "ValueError: /invitations/***/ is odd" in lines.getvalue()
    assert TOKEN not in lines.getvalue()
    logging.getLogger("chat.anything").warning("%s", f"/ws?ticket={TOKEN}")
    assert TOKEN not in lines.getvalue()
    logging.getLogger("chatsite").info("once: %s", f"/accounts/set-up/?token={TOKEN}")
    assert f"?token={TOKEN}" in lines.getvalue()
