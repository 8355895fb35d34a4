"""Django's settings, as far as they are more than a table."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
from django.conf import settings
from django.test import Client

from tests.live.servers import ROOT, environment


def test_the_tests_leave_the_checkouts_own_var_alone() -> None:
    assert settings.CHAT.var_dir != settings.BASE_DIR / "var"
    assert settings.STATIC_ROOT.is_relative_to(settings.CHAT.var_dir)


def test_a_cookie_is_not_sent_along_from_other_sites() -> None:
    assert settings.SESSION_COOKIE_SAMESITE == settings.CSRF_COOKIE_SAMESITE == "Lax"
    assert settings.X_FRAME_OPTIONS == "DENY"


CSP = {
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    "img-src 'self' data:",
    "font-src 'self'",
    "connect-src 'self'",
    "manifest-src 'self'",
    "form-action 'self'",
    "base-uri 'none'",
    "frame-ancestors 'none'",
}


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("path", "host", "status"),
    [
        ("/", "localhost", 200),
        ("/rooms/lobby", "localhost", 200),
        ("/rooms/nowhere", "localhost", 404),
        ("/nowhere", "localhost", 404),
        ("/admin/login/", "localhost", 200),
        ("/admin/", "localhost", 302),
        ("/", "evil.example", 400),
    ],
)
def test_every_page_forbids_scripts_and_styles_that_are_not_the_sites_own_files(
    path: str, host: str, status: int
) -> None:
    answer = Client(raise_request_exception=False).get(path, headers={"host": host})
    assert answer.status_code == status
    assert {part.strip() for part in answer["content-security-policy"].split(";")} == CSP


@pytest.mark.django_db
def test_a_form_sent_without_its_token_is_refused_by_a_page_with_the_same_policy() -> None:
    answer = Client(enforce_csrf_checks=True).post("/admin/login/", {"username": "a", "password": "b"})
    assert answer.status_code == 403
    assert {part.strip() for part in answer["content-security-policy"].split(";")} == CSP


# Deployments, each in a process of its own, since settings are read once

# Long and of many letters, as Django wants it of a deployment.
PRODUCTION = {
    "SECRET_KEY": "".join(map(chr, range(33, 93))),
    "ALLOWED_HOSTS": "chat.example",
    "HTTPS_ONLY": "1",
    "TRUSTED_PROXIES": "127.0.0.1",
}
NODES = {"REDIS_URL": "redis://127.0.0.1:1/0", "DATABASE_URL": "postgres://u:p@127.0.0.1:1/chat"}


def python(var: Path, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=ROOT,
        env={**environment(var, {}), **variables},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
    )


def checked(var: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    return python(var, "manage.py", "check", "--deploy", "--fail-level", "WARNING", **variables)


def test_a_deployment_with_production_settings_has_nothing_to_be_said_against(tmp_path: Path) -> None:
    assert "chat.E021" in checked(tmp_path, **PRODUCTION).stderr, "not migrated"
    assert python(tmp_path, "manage.py", "migrate", "-v0", **PRODUCTION).returncode == 0
    done = checked(tmp_path, **PRODUCTION)
    assert done.returncode == 0, done.stderr
    assert "no issues" in done.stdout


def test_of_several_nodes_without_their_database_just_that_is_said(tmp_path: Path) -> None:
    done = checked(tmp_path, **PRODUCTION, **NODES)
    assert done.returncode != 0
    assert re.findall(r"[a-z]+\.[EW]\d+", done.stderr) == ["chat.E020"]


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        # W010, not W012: Django looks for its own session middleware by name.
        ({"HTTPS_ONLY": "0"}, "security.W010"),
        ({"DEBUG": "1"}, "security.W018"),
        ({"TRUSTED_PROXIES": ""}, "chat.W007"),
        ({"ALLOWED_HOSTS": "chat.example,*"}, "chat.E006"),
        ({**NODES, "SECRET_KEY": ""}, "SECRET_KEY=''"),
        ({"REDIS_URL": "redis+cluster://127.0.0.1:1"}, "no cluster"),
        ({"CHAT_OUTBOX_BYTES": "1000"}, "CHAT_OUTBOX_BYTES='1000'"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_is_wrong_in_a_deployment_fails_its_check_and_names_itself(
    tmp_path: Path, wrong: dict[str, str], says: str
) -> None:
    done = checked(tmp_path, **{**PRODUCTION, **wrong})
    assert done.returncode != 0
    assert says in done.stderr
    assert "Traceback" not in done.stderr


ASKS = """
import django
django.setup()
from django.core.management import call_command
from django.test import Client
from chat.models import AllowedOrigin
AllowedOrigin.objects.bulk_create([AllowedOrigin(pattern="*")])
call_command("migrate", verbosity=0)
plain, secure = Client(), Client()
answer = plain.get("/admin/login/", headers={"host": "chat.example"})
print(answer.status_code, answer["location"], dict(answer.cookies))
answer = secure.get("/admin/login/", secure=True, headers={"host": "chat.example"})
print(answer.status_code, answer["strict-transport-security"])
print(answer.cookies["csrftoken"].OutputString())
print(*(it.OutputString() for name, it in answer.cookies.items() if name != "csrftoken"))
"""


def test_https_alone_redirects_and_says_so_for_a_year_and_a_bad_row_of_the_list_keeps_no_server_from_its_start(
    tmp_path: Path,
) -> None:
    production = {**PRODUCTION, "DJANGO_SETTINGS_MODULE": "chatsite.settings"}
    assert python(tmp_path, "manage.py", "migrate", "-v0", **production).returncode == 0
    done = python(tmp_path, "-c", ASKS, **production)
    assert done.returncode == 0, done.stderr
    redirected, served, cookie, own = done.stdout.splitlines()
    assert redirected == "301 https://chat.example/admin/login/ {}"
    assert served == "200 max-age=31536000"
    assert "; Secure" in cookie
    assert re.match(r"__Host-csrftoken_[0-9a-f]{8}=\w+;.*; Path=/;.*; Secure$", own) and "Domain" not in own
    assert "chat.E008" in checked(tmp_path, **PRODUCTION).stderr
