"""What `make run` runs."""

from __future__ import annotations

import os
import sys
from typing import Any

import pytest

from chatsite import run

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


def start(**variables: str) -> None:
    os.environ.update(variables)
    run.main()


def test_without_variables_daphne_serves_the_loopback_address(ran: Ran, capsys: pytest.CaptureFixture[str]) -> None:
    start()
    assert ran["path"] == sys.executable
    assert ran["command"][1:] == ["-m", "daphne", "-b", "127.0.0.1", "-p", "8080", "chatsite.asgi:application"]
    assert capsys.readouterr().out == "chatsite: http://127.0.0.1:8080/\n"
    assert os.environ["ALLOWED_HOSTS"] == "localhost,127.0.0.1,[::1]"
    assert os.environ["CHATSITE_AT"] == "http://127.0.0.1:8080"


def test_a_host_that_means_all_lets_the_machines_own_names_in_and_prints_their_links(
    ran: Ran, capsys: pytest.CaptureFixture[str]
) -> None:
    start(HOST="0.0.0.0", PORT="9000")
    assert ran["command"][3:7] == ["-b", "0.0.0.0", "-p", "9000"]
    assert os.environ["ALLOWED_HOSTS"] == "localhost,127.0.0.1,[::1],box,192.0.2.7,[2001:db8::7]"
    assert capsys.readouterr().out.splitlines() == [
        "chatsite: http://127.0.0.1:9000/",
        "chatsite: http://box:9000/",
        "chatsite: http://192.0.2.7:9000/",
        "chatsite: http://[2001:db8::7]:9000/",
    ]


def test_one_host_is_let_in_beside_the_loopback_names(ran: Ran) -> None:
    start(HOST="2001:db8::7")
    assert os.environ["ALLOWED_HOSTS"] == "localhost,127.0.0.1,[::1],[2001:db8::7]"


def test_hosts_that_the_operator_allows_are_left_as_they_are(ran: Ran, capsys: pytest.CaptureFixture[str]) -> None:
    start(HOST="0.0.0.0", ALLOWED_HOSTS="box")
    assert os.environ["ALLOWED_HOSTS"] == "box"
    assert capsys.readouterr().out == "chatsite: http://box:8080/\n"


def test_where_no_name_of_the_machine_is_allowed_the_server_starts_without_a_link(ran: Ran) -> None:
    start(HOST="0.0.0.0", ALLOWED_HOSTS="chat.example")
    assert ran["command"]
    assert "CHATSITE_AT" not in os.environ


@pytest.mark.parametrize("port", ["0", "65536", "-1", "http", "80 80", "1e3"])
def test_a_port_that_makes_no_sense_is_one_line(ran: Ran, port: str) -> None:
    with pytest.raises(SystemExit, match="PORT=.* makes no sense: expected a number from 1 to 65535"):
        start(PORT=port)
    assert ran == {}
