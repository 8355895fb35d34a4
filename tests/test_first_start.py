"""The first start: who runs the server finds the link in its log, or has it printed."""

from __future__ import annotations

import dataclasses
import io
import logging
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from django.db import OperationalError

from chat import set_up
from chat.schema import Schema
from chatsite import first_start

pytestmark = pytest.mark.django_db
LEARNED: list[Schema] = []


@pytest.fixture(autouse=True)
def told(caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch) -> pytest.LogCaptureFixture:
    """What the start logs; the test's own connection stays open."""
    caplog.set_level(logging.INFO, "chatsite")
    monkeypatch.setattr(first_start.connections, "close_all", lambda: None)
    monkeypatch.delenv(first_start.SITE, raising=False)
    return caplog


def test_without_an_account_the_log_has_the_link(
    told: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    first_start._tell(LEARNED.append)
    assert told.messages == [
        "Nobody has an account yet. This link makes the administrator, once: "
        f"/accounts/set-up/?token={set_up.token()} at this server's address"
    ]
    told.clear()
    monkeypatch.setenv(first_start.SITE, "http://127.0.0.1:9000")
    first_start._tell(LEARNED.append)
    assert told.messages[0].endswith(f"once: http://127.0.0.1:9000/accounts/set-up/?token={set_up.token()}")


def test_the_link_is_at_the_sites_own_address_where_that_is_known(
    told: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch, settings: Any
) -> None:
    settings.CHAT = dataclasses.replace(settings.CHAT, site_url="https://chat.example.com")
    monkeypatch.setenv(first_start.SITE, "http://127.0.0.1:9000")
    first_start._tell(LEARNED.append)
    link = f"https://chat.example.com/accounts/set-up/?token={set_up.token()}"
    assert told.messages[0].endswith(f"once: {link}")
    assert printed() == f"{link}\n"


def test_with_an_account_the_log_has_none(told: pytest.LogCaptureFixture) -> None:
    User.objects.create_user("somebody")
    first_start._tell(LEARNED.append)
    assert told.messages == []


def test_a_database_that_is_down_does_not_keep_a_server_from_starting(
    told: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail() -> bool:
        raise OperationalError("no such\ntable")

    monkeypatch.setattr(set_up, "needed", fail)
    first_start._tell(LEARNED.append)
    assert told.messages == ["Whether there are accounts is not known: no such table"]


def printed(*arguments: str) -> str:
    out = io.StringIO()
    call_command("set_up_link", *arguments, stdout=out)
    return out.getvalue()


def test_the_command_prints_the_link_at_the_sites_address() -> None:
    assert printed() == f"http://127.0.0.1:8080/accounts/set-up/?token={set_up.token()}\n"
    assert printed("--at", "https://chat.example.com/") == set_up.link("https://chat.example.com") + "\n"


def test_the_command_says_why_it_prints_none() -> None:
    with pytest.raises(CommandError, match="'chat.example.com' makes no sense: expected an address like https://"):
        printed("--at", "chat.example.com")
    User.objects.create_user("somebody")
    with pytest.raises(CommandError, match="There are accounts already"):
        printed()
