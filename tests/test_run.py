"""What `make run` runs."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from chatsite import run
from tests.live.servers import ROOT, environment

Ran = dict[str, Any]


@pytest.fixture
def ran(monkeypatch: pytest.MonkeyPatch) -> Ran:
    """Return what the process became: its command and its environment."""
    found: Ran = {}
    monkeypatch.setattr(run.os, "environ", {})
    monkeypatch.setattr(run, "own_names", lambda: ["127.0.0.1", "box", "192.0.2.7", "2001:db8::7"])
    monkeypatch.setattr("chat.links.own_names", lambda: ["127.0.0.1", "box", "192.0.2.7", "2001:db8::7"])
    monkeypatch.setattr(run.os, "execv", lambda path, command: found.update(path=path, command=command))
    return found


def start(*arguments: str, **variables: str) -> None:
    os.environ.update(variables)
    run.main(arguments)


def test_without_variables_daphne_serves_the_loopback_address(ran: Ran, capsys: pytest.CaptureFixture[str]) -> None:
    start()
    assert ran["path"] == sys.executable
    assert ran["command"][1:] == ["-m", "daphne", "-b", "127.0.0.1", "-p", "8080", "chatsite.asgi:application"]
    assert capsys.readouterr().out == "chatsite: listening at 127.0.0.1:8080\nchatsite: http://127.0.0.1:8080/\n"
    assert os.environ["ALLOWED_HOSTS"] == "localhost,127.0.0.1,[::1]"
    assert os.environ["CHATSITE_AT"] == "http://127.0.0.1:8080"


def test_a_host_that_means_all_lets_the_machines_own_names_in_and_prints_their_links(
    ran: Ran, capsys: pytest.CaptureFixture[str]
) -> None:
    start("--host", "0.0.0.0", "--port", "9000")
    assert ran["command"][3:7] == ["-b", "0.0.0.0", "-p", "9000"]
    assert os.environ["ALLOWED_HOSTS"] == "localhost,127.0.0.1,[::1],box,192.0.2.7,[2001:db8::7]"
    assert capsys.readouterr().out.splitlines() == [
        "chatsite: listening at 0.0.0.0:9000",
        "chatsite: http://127.0.0.1:9000/",
        "chatsite: http://box:9000/",
        "chatsite: http://192.0.2.7:9000/",
        "chatsite: http://[2001:db8::7]:9000/",
    ]


def test_one_host_is_let_in_beside_the_loopback_names(ran: Ran) -> None:
    start("--host", "2001:db8::7")
    assert os.environ["ALLOWED_HOSTS"] == "localhost,127.0.0.1,[::1],[2001:db8::7]"


def test_hosts_that_the_operator_allows_are_left_as_they_are(ran: Ran, capsys: pytest.CaptureFixture[str]) -> None:
    start("--host", "0.0.0.0", ALLOWED_HOSTS="box")
    assert os.environ["ALLOWED_HOSTS"] == "box"
    assert capsys.readouterr().out == "chatsite: listening at 0.0.0.0:8080\nchatsite: http://box:8080/\n"


@pytest.mark.parametrize("value", ["", " "])
def test_an_empty_variable_counts_as_none(ran: Ran, value: str) -> None:
    start("--host", "0.0.0.0", ALLOWED_HOSTS=value)
    assert os.environ["ALLOWED_HOSTS"] == "localhost,127.0.0.1,[::1],box,192.0.2.7,[2001:db8::7]"


def test_hosts_with_spaces_between_them_have_links_too(ran: Ran, capsys: pytest.CaptureFixture[str]) -> None:
    start("--host", "0.0.0.0", ALLOWED_HOSTS="chat.example, box")
    assert capsys.readouterr().out.splitlines()[1:] == ["chatsite: http://box:8080/"]


def test_where_no_name_of_the_machine_is_allowed_the_server_starts_without_a_link(ran: Ran) -> None:
    start("--host", "0.0.0.0", ALLOWED_HOSTS="chat.example")
    assert ran["command"]
    assert "CHATSITE_AT" not in os.environ


@pytest.mark.parametrize("port", ["0", "65536", "-1", "http", "80 80", "1e3", "²", "８０"])
def test_a_port_that_makes_no_sense_is_one_line(ran: Ran, port: str) -> None:
    with pytest.raises(SystemExit, match="PORT=.* makes no sense: expected a number from 1 to 65535"):
        start(f"--port={port}")
    assert ran == {}


@pytest.mark.parametrize(
    "variables",
    [
        {"HOST": "x86_64-conda-linux-gnu", "PORT": "3000"},
        {"HOST": "0.0.0.0"},
        {"PORT": "tcp://10.0.0.1:80"},
        {"PORT": ""},
    ],
)
def test_what_others_have_set_is_not_obeyed(ran: Ran, variables: dict[str, str]) -> None:
    start(**variables)
    assert ran["command"][3:7] == ["-b", "127.0.0.1", "-p", "8080"]
    assert os.environ["ALLOWED_HOSTS"] == "localhost,127.0.0.1,[::1]"


# What make hands on

MAKE = shutil.which("make")
LOOPBACK = "--host '127.0.0.1' --port '8080'"


@pytest.mark.parametrize(
    ("target", "arguments", "variables", "expected"),
    [
        ("run", [], {}, LOOPBACK),
        ("run", [], {"HOST": "x86_64-conda-linux-gnu", "PORT": "3000"}, LOOPBACK),
        ("run", ["HOST=0.0.0.0", "PORT=9000"], {"HOST": "other", "PORT": "1"}, "--host '0.0.0.0' --port '9000'"),
        ("run", ["HOST=::"], {}, "--host '::' --port '8080'"),
        ("run", ["-e"], {"HOST": "other", "PORT": "1"}, LOOPBACK),
        ("run", ["HOST="], {"HOST": "other"}, LOOPBACK),
        (
            "run",
            [],
            {"VENV": "/elsewhere", "BIN": "/elsewhere/bin", "PIP": "false"},
            ".venv/bin/python -m chatsite.run",
        ),
        ("run", ["-e"], {"VENV": "/elsewhere"}, ".venv/bin/python -m chatsite.run"),
        ("run", ["-e"], {"BIN": "/elsewhere/bin"}, ".venv/bin/python -m chatsite.run"),
        ("setup", ["-e", "-B"], {"PIP": "false"}, ".venv/bin/python -m pip install"),
        ("run", ["-e"], {"argument": "foo"}, LOOPBACK),
        ("run", ["-e", "PORT=9000"], {"argument": "foo", "PORT": "1"}, "--host '127.0.0.1' --port '9000'"),
        ("fuzz", [], {"SECONDS": "7"}, "--seconds 300"),
        ("fuzz", ["SECONDS=7"], {"SECONDS": "8"}, "--seconds 7"),
        ("chaos", [], {"SECONDS": "7", "SEED": "1"}, "tests.chaos --database sqlite --seconds 180 \n"),
        ("chaos", ["SEED=1"], {"SEED": "2"}, "--seconds 180 --seed 1"),
        (".venv/bin/python", ["-B"], {"PYTHON": "/usr/bin/python2"}, "python3 -m venv .venv"),
        (".venv/bin/python", ["-B", "PYTHON=python3.12"], {"PYTHON": "python2"}, "python3.12 -m venv .venv"),
    ],
)
def test_only_arguments_of_make_count(
    target: str, arguments: list[str], variables: dict[str, str], expected: str
) -> None:
    assert MAKE, "make is needed to run the tests at all"
    plain = {name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS"))}
    done = subprocess.run(
        [MAKE, "--dry-run", *arguments, target], cwd=ROOT, env={**plain, **variables}, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert expected in done.stdout


def test_what_leads_pythons_astray_is_not_handed_on(tmp_path: Path) -> None:
    assert MAKE
    (tmp_path / "Makefile").write_text(f"shown:\n\t@env\ninclude {ROOT / 'Makefile'}\n")
    stray = {
        "PYTHONPATH": "/elsewhere",
        "PYTHONHOME": "/elsewhere",
        "DJANGO_SETTINGS_MODULE": "other.settings",
        "PIP_REQUIRE_VIRTUALENV": "1",
        "PIP_USER": "1",
        "PIP_TARGET": "/elsewhere",
    }
    kept = {"PIP_INDEX_URL": "https://pypi.example/simple", "DATABASE_URL": "sqlite:////srv/x"}
    done = subprocess.run(
        [MAKE, "-C", str(tmp_path), "shown"], env={**os.environ, **stray, **kept}, capture_output=True, text=True
    )
    names = dict(line.partition("=")[::2] for line in done.stdout.splitlines())
    assert not names.keys() & stray.keys()
    assert kept.items() <= names.items()


@pytest.mark.parametrize(
    ("value", "said"),
    [("sqlite:///VAR/b+c.sqlite3", "VAR/b+c.sqlite3"), ("", "VAR/chatsite.sqlite3")],
)
def test_a_command_that_writes_says_where(tmp_path: Path, value: str, said: str) -> None:
    variables = {"DATABASE_URL": value.replace("VAR", str(tmp_path)), "DJANGO_SETTINGS_MODULE": "other.settings"}
    done = subprocess.run(
        [sys.executable, "manage.py", "migrate", "--plan", "-v0"],
        cwd=ROOT,
        env={**environment(tmp_path, {}), **variables},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr.splitlines()[0] == f"chatsite: database {said.replace('VAR', str(tmp_path))}"
