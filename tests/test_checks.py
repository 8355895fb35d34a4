"""Start-up checks: ids are a promise."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from django.core.checks import ERROR, WARNING, run_checks
from django.db import OperationalError, connection
from django.test import override_settings

from chat.checks import (
    check_conf,
    check_database,
    check_deployment,
    check_hosts,
    check_origins,
    check_prefix,
    check_settings,
)
from chat.models import AllowedOrigin, Process
from chatsite.turns import Turns
from tests.fakes import configuration


@pytest.mark.parametrize(
    ("variables", "ids"),
    [
        ({}, []),
        ({"CHAT_DRAIN_SECONDS": 1}, ["chat.W002"]),
        ({"CHAT_DRAIN_SECONDS": 2}, []),
        ({"CHAT_MAX_CONNECTIONS": 100}, ["chat.W003"]),
        ({"CHAT_MAX_CONNECTIONS": 999}, ["chat.W003"]),
        ({"CHAT_MAX_CONNECTIONS": 1000}, []),
        ({"CHAT_MAX_CONNECTIONS": 0}, []),
        ({"CHAT_MAX_CONNECTIONS_PER_IP": 0}, []),
        ({"REDIS_URL": "redis://a"}, ["chat.W004"]),
        ({"REDIS_URL": "redis://a", "DATABASE_URL": "postgres://a/b"}, []),
        ({"CHAT_PING_INTERVAL": 1, "CHAT_PING_TIMEOUT": 11}, ["chat.W005"]),
        ({"CHAT_PING_INTERVAL": 1, "CHAT_PING_TIMEOUT": 10}, []),
        ({"CHAT_DRAIN_SECONDS": 1, "REDIS_URL": "redis://a"}, ["chat.W002", "chat.W004"]),
    ],
)
def test_settings_that_make_no_sense_together_are_warned_of(variables: dict[str, object], ids: list[str]) -> None:
    found = check_conf(configuration(**variables))
    assert [message.id for message in found] == ids
    assert all(message.level == WARNING for message in found)


def test_a_star_in_allowed_hosts_stops_a_server_that_is_no_developers() -> None:
    (error,) = check_hosts(configuration(ALLOWED_HOSTS="*"))
    assert (error.id, error.level) == ("chat.E006", ERROR)
    assert check_hosts(configuration(ALLOWED_HOSTS="*", DEBUG=1)) == []
    assert check_hosts(configuration(ALLOWED_HOSTS="chat.example")) == []


def test_the_checks_are_among_those_that_every_command_runs() -> None:
    with override_settings(CHAT=configuration(ALLOWED_HOSTS="*", CHAT_DRAIN_SECONDS=1)):
        ours = [message.id for message in run_checks() if str(message.id).startswith("chat.")]
        assert ours == [message.id for message in check_settings()] == ["chat.W002", "chat.E006"]


def test_a_key_of_other_backends_that_makes_no_sense_is_an_error_without_the_key_in_it() -> None:
    (error,) = check_conf(configuration(CHAT_JWT_KEY="a-short-secret"))
    assert (error.id, error.level) == ("chat.E010", ERROR)
    assert "14 bytes" in error.msg and "a-short-secret" not in str(error)
    assert check_conf(configuration(CHAT_JWT_KEY="x" * 32)) == []


@pytest.mark.parametrize(
    ("variables", "ids"),
    [
        ({}, []),
        ({"HTTPS_ONLY": 1}, ["chat.W007"]),
        ({"HTTPS_ONLY": 1, "TRUSTED_PROXIES": "127.0.0.1"}, []),
        ({"TRUSTED_PROXIES": "127.0.0.1"}, []),
    ],
)
def test_https_alone_behind_a_proxy_that_nobody_named_is_warned_of(
    variables: dict[str, object], ids: list[str]
) -> None:
    with override_settings(CHAT=configuration(**variables)):
        assert [message.id for message in check_deployment()] == ids


@pytest.mark.parametrize(
    ("variables", "ids"),
    [
        ({"EMAIL_URL": "smtp://mail.example:25"}, ["chat.W011"]),
        ({"EMAIL_URL": "smtp://mail.example:25", "SITE_URL": "https://chat.example.com"}, []),
        ({"EMAIL_URL": "consolemail://"}, []),
        ({"SITE_URL": "https://chat.example.com"}, []),
        ({"EMAIL_URL": "smtp://mail.example:25", "HTTPS_ONLY": 1}, ["chat.W007", "chat.W011"]),
    ],
)
def test_mail_whose_links_lead_where_a_request_says_is_warned_of(variables: dict[str, object], ids: list[str]) -> None:
    with override_settings(CHAT=configuration(**variables)):
        assert [message.id for message in check_deployment()] == ids


@pytest.mark.django_db
def test_a_row_that_lets_nobody_in_is_an_error_of_a_deployment_and_names_itself() -> None:
    AllowedOrigin.objects.bulk_create(
        AllowedOrigin(pattern=text) for text in ("*", "https://*", "https://a.example", "http://b.example/")
    )
    found = check_origins()
    assert [(message.id, message.level) for message in found] == [("chat.E008", ERROR)] * 3
    assert [str(message.msg).split("'")[1] for message in found] == ["*", "https://*", "http://b.example/"]
    assert "never *" in str(found[0].hint)


@pytest.mark.django_db
def test_such_a_row_is_looked_for_in_deployments_and_keeps_no_migration_nor_server_from_its_start() -> None:
    AllowedOrigin.objects.bulk_create([AllowedOrigin(pattern="*")])
    before_migrate = run_checks(databases=["default"])
    assert "chat.E008" not in [message.id for message in before_migrate]
    assert "chat.E008" in [message.id for message in run_checks(include_deployment_checks=True)]


def test_a_database_that_is_down_is_not_the_lists_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail() -> None:
        raise OperationalError("gone")

    monkeypatch.setattr(AllowedOrigin, "listed", fail)
    assert check_origins() == []


# The database


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("statement", "ids"),
    [
        ("SELECT 1", []),
        ("DELETE FROM django_migrations WHERE app = 'chat' AND name = '0007_leaving'", ["chat.E021"]),
        ("DELETE FROM django_migrations WHERE app = 'axes'", ["chat.E021"]),
        ("INSERT INTO django_migrations (app, name, applied) VALUES ('chat', '9_x', '2026-01-01')", ["chat.W022"]),
        ("ALTER TABLE chat_process RENAME TO away", ["chat.E023"]),
    ],
)
def test_a_database_on_which_servers_would_not_be_ready_is_an_error_of_a_deployment(
    statement: str, ids: list[str]
) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement)
    assert [message.id for message in check_database()] == ids
    assert "away" in statement or not Process.objects.exists()


@pytest.mark.django_db
def test_a_lock_file_that_cannot_be_opened_is_an_error_of_a_deployment(tmp_path: Path, settings: Any) -> None:
    settings.TURN = Turns(tmp_path / "made.sqlite3")
    assert check_database() == []
    (tmp_path / "made.sqlite3.turn").unlink()
    (tmp_path / "made.sqlite3.turn").mkdir()
    (error,) = check_database()
    assert (error.id, error.msg) == ("chat.E023", "The database cannot be written: its file cannot be opened.")


def test_a_database_that_does_not_answer_is_an_error_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail() -> None:
        raise OperationalError("connection\nrefused")

    monkeypatch.setattr("chat.schema.read", fail)
    (error,) = check_database()
    assert (error.id, error.msg) == ("chat.E020", "The database does not answer: connection refused")


PREFIXES = {
    "uvicorn": (["uvicorn", "--root-path", "/chat", "x:y"], {}, "", "--root-path=/chat"),
    "daphne, with a sign": (["daphne", "--root-path=/chat", "x:y"], {}, "", "--root-path=/chat"),
    "daphne, shortened": (["daphne", "--root=/chat", "x:y"], {}, "", "--root-path=/chat"),
    "daphne, shortened to a hyphen": (["daphne", "--root-", "/chat", "x:y"], {}, "", "--root-path=/chat"),
    "daphne, shortened to a letter": (["daphne", "--r=chat/", "x:y"], {}, "", "--root-path=chat/"),
    "without a slash": (["uvicorn", "--root-path", "chat"], {}, "", "--root-path=chat"),
    "uvicorn's variable": (["uvicorn"], {"UVICORN_ROOT_PATH": "/chat"}, "", "UVICORN_ROOT_PATH=/chat"),
    "a gateway's variable": (["uvicorn"], {"SCRIPT_NAME": "/chat"}, "", "SCRIPT_NAME=/chat"),
    "Django's setting": (["daphne"], {}, "/chat", "FORCE_SCRIPT_NAME=/chat"),
    "none": (["uvicorn", "--port", "1"], {}, "", ""),
    "other options": (["uvicorn", "--reload", "--root-paths", "/chat", "--", "--ropes=/chat"], {}, "", ""),
    "nothing behind a sign": (["daphne", "--root=", "/chat"], {}, "", ""),
    "an empty one": (["uvicorn", "--root-path", ""], {"SCRIPT_NAME": ""}, "", ""),
    "the root": (["uvicorn", "--root-path", "/"], {"SCRIPT_NAME": "/"}, "", ""),
    "an option without a value": (["uvicorn", "--root-path"], {}, "", ""),
}


@pytest.mark.parametrize("case", PREFIXES)
def test_a_path_prefix_is_told_of_by_whichever_way_it_comes(case: str) -> None:
    arguments, environment, forced, expected = PREFIXES[case]
    found = check_prefix(arguments, environment, forced)
    assert [(it.id, it.msg.partition(": ")[0]) for it in found] == ([("chat.W024", expected)] if expected else [])
