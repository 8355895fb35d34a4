"""Many requests at once against one PostgreSQL: its connections are bounded, and what it has no slot for is 503."""

from __future__ import annotations

import http.client
import json
import re
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from urllib.parse import urlencode

import psycopg
import pytest

from .conftest import QUIET
from .farm import Farm
from .postgres import PostgresServer, binaries
from .servers import KINDS, Response, Server
from .services import require
from .waiting import until

# What docs/deploying.md says of each process.
MOST_CONNECTIONS = 16
PAGES = 60
SIGN_INS = 24


@pytest.fixture(scope="module")
def postgres() -> Iterator[PostgresServer]:
    place = binaries()
    require(place, "there is no PostgreSQL that runs here (the pgserver wheel, or initdb and postgres on PATH)")
    assert place is not None
    made = PostgresServer(place)
    yield made.start()
    made.end()


@pytest.fixture(scope="module")
def servers(farm: Farm, postgres: PostgresServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Server]]:
    """A daphne and a uvicorn on one PostgreSQL; neither needs the farm's SQLite."""
    places = [tmp_path_factory.mktemp(kind) for kind in KINDS]
    variables = {**QUIET, "DATABASE_URL": postgres.url, "SECRET_KEY": "for tests only"}
    farm.manage(places[0], "migrate", "-v0", **variables)
    made = [farm.server(kind, var_dir=place, **variables) for kind, place in zip(KINDS, places, strict=True)]
    yield made
    farm.end(made)


def ask(server: Server, source: str, method: str = "GET", path: str = "/", body: str = "", **headers: str) -> Response:
    """Ask from an address of one's own."""
    connection = http.client.HTTPConnection(server.host, server.port, timeout=60, source_address=(source, 0))
    with closing(connection):
        connection.request(method, path, body or None, headers)
        answer = connection.getresponse()
        return Response(answer.status, answer.read(), {name.lower(): value for name, value in answer.getheaders()})


def count(postgres: PostgresServer) -> int:
    """Return how many connections there are beside the one that asks."""
    with postgres.connect() as connection:
        row = connection.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()"
        ).fetchone()
        assert row is not None
        return int(row[0])


def end_all(postgres: PostgresServer) -> None:
    """Cut all connections off, as a restart does."""
    with postgres.connect() as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()"
        )


@contextmanager
def no_slot(postgres: PostgresServer) -> Iterator[None]:
    """Take every slot that there is."""
    taken: list[psycopg.Connection[object]] = []
    try:
        end_all(postgres)
        try:
            while True:
                taken.append(postgres.connect())
        except psycopg.OperationalError as error:
            assert "too many clients" in str(error)
        yield
    finally:
        for connection in taken:
            connection.close()


def test_a_rush_of_pages_takes_few_connections_and_other_servers_pages_answer(
    servers: list[Server], postgres: PostgresServer
) -> None:
    with ThreadPoolExecutor(PAGES * 2) as crowd:
        asked = [crowd.submit(ask, server, "127.0.0.21") for _ in range(PAGES) for server in servers]
        seen = [count(postgres)]
        while not all(one.done() for one in asked):
            honest = [ask(server, "127.0.0.22", path="/rooms/lobby") for server in servers]
            assert [one.status for one in honest] == [200, 200]
            seen.append(count(postgres))
        told = Counter(one.result().status for one in asked)
    assert set(told) == {200}, "there are fewer than may wait"
    assert max(seen) <= MOST_CONNECTIONS * len(servers), seen


@pytest.mark.parametrize("number", range(len(KINDS)), ids=KINDS)
def test_a_rush_of_sign_ins_ends_with_503_and_pages_and_health_answer_meanwhile(
    servers: list[Server], postgres: PostgresServer, number: int
) -> None:
    server = servers[number]
    form = ask(server, "127.0.0.23", path="/accounts/sign-in/")
    token = re.search(rb'name="csrfmiddlewaretoken" value="(\w+)"', form.body)
    assert token is not None
    body = urlencode({"csrfmiddlewaretoken": token[1].decode(), "username": "eve", "password": "wrong"})
    headers = {"Cookie": form.headers["set-cookie"].split(";")[0], "Content-Type": "application/x-www-form-urlencoded"}
    with ThreadPoolExecutor(SIGN_INS) as crowd:
        asked = [
            crowd.submit(ask, server, f"127.0.0.{24 + number}", "POST", "/accounts/sign-in/", body, **headers)
            for _ in range(SIGN_INS)
        ]
        until(lambda: any(one.done() for one in asked), "one is answered", 30)
        assert ask(server, "127.0.0.26", path="/rooms/lobby").status == 200
        assert server.healthy()
        answers = [one.result() for one in asked]
    told = Counter(one.status for one in answers)
    assert set(told) <= {200, 429, 503} and told[503] >= 1, told
    # The tenth says that it was one too many.
    assert told[200] <= 9, told
    assert all(int(one.headers["retry-after"]) > 0 for one in answers if one.status == 503)


@pytest.mark.parametrize("number", range(len(KINDS)), ids=KINDS)
def test_connections_that_were_cut_off_cost_no_page(
    servers: list[Server], postgres: PostgresServer, number: int
) -> None:
    assert ask(servers[number], "127.0.0.27").status == 200
    end_all(postgres)
    assert ask(servers[number], "127.0.0.27").status == 200


@pytest.mark.parametrize("number", range(len(KINDS)), ids=KINDS)
def test_without_a_slot_the_answer_is_503_in_words_and_when_to_come_back(
    servers: list[Server], postgres: PostgresServer, number: int
) -> None:
    server = servers[number]
    with no_slot(postgres):
        page = ask(server, "127.0.0.28", path="/rooms/lobby", **{"Accept-Language": "zh-CN"})
        admin = ask(server, "127.0.0.28", path="/admin/", Cookie="sessionid=" + "a" * 32)
        api = ask(
            server,
            "127.0.0.28",
            "POST",
            "/api/v1/tokens",
            "{}",
            Cookie="sessionid=" + "a" * 32,
            Origin=f"http://{server.netloc}",
            **{"Content-Type": "application/json"},
        )
    assert [one.status for one in (page, admin, api)] == [503] * 3
    assert all(int(one.headers["retry-after"]) > 0 for one in (page, admin, api))
    assert "本站暂时无法使用" in page.body.decode() and page.headers["content-language"] == "zh-hans"
    assert json.loads(api.body)["error"]["code"] == "unavailable"
    until(lambda: ask(server, "127.0.0.28", path="/rooms/lobby").status == 200, "pages are back", 15)
