"""Behind PgBouncer, which pools transactions: whatever writes or reads, server and commands, and nothing is left behind."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from .conftest import QUIET
from .pgbouncer import POOLED, PgBouncer, binary
from .postgres import PostgresServer, binaries
from .services import require

SECRET = {"SECRET_KEY": "a key of the tests, the same on every node"}
PEOPLE = """
from django.contrib.auth.models import User
User.objects.create_user("ada", password="a password of the tests")
"""


@pytest.fixture
def postgres() -> Iterator[PostgresServer]:
    place = binaries()
    require(place, "PostgreSQL is neither on PATH nor in the pgserver wheel")
    made = PostgresServer(Path(str(place)))
    yield made.start()
    made.end()


@pytest.fixture
def bouncer(postgres: PostgresServer) -> Iterator[PgBouncer]:
    program = binary()
    require(program, "pgbouncer is neither on PATH nor in /usr/sbin")
    made = PgBouncer(str(program), postgres.url)
    yield made.start()
    made.end()


@pytest.mark.long
@pytest.mark.timeout(600)
@pytest.mark.parametrize("kind", ["uvicorn"], indirect=True, scope="session")
def test_all_commands_and_a_server_work_on_pooled_transactions(farm, kind, postgres, bouncer, guest, tmp_path) -> None:
    variables = {**QUIET, **SECRET, "DATABASE_URL": bouncer.url}
    var_dir = farm.var_dir()
    farm.manage(var_dir, "migrate", "-v0", **variables)
    farm.manage(var_dir, "shell", "-v0", "-c", PEOPLE, **variables)
    server = farm.server(kind, var_dir=var_dir, **variables)
    try:
        alice, bob = guest(server, "lobby"), guest(server, "lobby")
        for number in range(20):
            alice.send("lobby", f"text {number}")
        assert bob.texts(20)[-1] == "text 19"
        assert alice.ask("history", {"room": "lobby"})["type"] == "ack"
        archive = tmp_path / "lobby.jsonl"
        farm.manage(var_dir, "export_room", "lobby", "--output", str(archive), **variables)
        for _ in range(POOLED + 1):
            farm.manage(var_dir, "import_room", str(archive), "--slug", "copy", "--replace", **variables)
        broken = tmp_path / "broken.jsonl"
        broken.write_text("\n".join(archive.read_text().splitlines()[:-1]) + "\n")
        assert farm.run(var_dir, "import_room", str(broken), "--slug", "other", **variables).returncode != 0
        farm.manage(var_dir, "import_room", str(archive), "--slug", "other", **variables)
        assert "deleted: 0" in farm.manage(var_dir, "prune", "--days", "1", **variables).stdout
        farm.manage(var_dir, "export_person", "ada", str(tmp_path / "ada.zip"), **variables)
        farm.manage(var_dir, "erase_person", "ada", "--messages", "remove", **variables)
        farm.manage(var_dir, "new_epoch", "--all", **variables)
        assert [server.get(path).status for path in ("/", "/readyz", "/rooms/copy", "/rooms/other")] == [200] * 4
        with postgres.connect() as connection:
            counts = connection.execute(
                "SELECT slug, count(*) FROM chat_room JOIN chat_message ON room_id = chat_room.id GROUP BY slug"
            ).fetchall()
            kept = connection.execute("SELECT count(*) FROM pg_class WHERE relname = 'incoming'").fetchone()
        assert dict(counts) == {"lobby": 20, "copy": 20, "other": 20}
        assert kept == (0,), "no table of an import stays"
    finally:
        farm.end([server])
