"""Keeping and leaving, beside a running server; and every command of docs/keeping.md, as it stands there."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from ..test_docs import page, section
from .farm import Farm
from .guests import Guest
from .postgres import PostgresServer, binaries
from .servers import BIN, ROOT, Server, environment
from .services import require
from .waiting import until

# Which server it is makes no difference here, and every command takes its seconds.
pytestmark = [pytest.mark.long, pytest.mark.parametrize("kind", ["uvicorn"], indirect=True)]

# In force within 2 s is the goal; the rest is for a machine that is busy with other tests.
SECONDS = 10.0


def commands(title: str) -> str:
    """Return the commands that stand in a section of the page, as a script."""
    return "\n".join(re.findall(r"^ {4}(\S.*)$", section(page("keeping.md"), title), re.MULTILINE))


def run(script: str, var_dir: Path, backups: Path, path: str = "", **variables: str) -> None:
    """Run a script of the page, at this test's places.

    Raises: AssertionError with its output when a command of it fails.
    """
    assert script, "no commands were found"
    script = script.replace("/backups", str(backups)).replace("var/", f"{var_dir}/")
    environ = {**environment(var_dir, variables), "PATH": os.pathsep.join([str(BIN), path, os.environ["PATH"]])}
    done = subprocess.run(
        ["sh", "-eux", "-c", script], cwd=ROOT, env=environ, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, f"{done.stdout}{done.stderr}"


@pytest.fixture
def backups(tmp_path: Path) -> Path:
    made = tmp_path / "backups"
    made.mkdir()
    return made


def since(guest: Guest, room: str, epoch: str, offset: int) -> dict[str, Any]:
    """Join again from a position; return the ack's payload."""
    answer = guest.ask("join", {"room": room, "since": {"epoch": epoch, "offset": offset}})
    assert answer["type"] == "ack", answer
    return answer["payload"]


def texts(page: dict[str, Any]) -> list[str]:
    return [message["text"] for message in page["messages"]]


def fill(guest: Guest, room: str, *words: str) -> None:
    for word in words:
        guest.send(room, word)
    guest.texts(len(words))


# Beside a running server


def test_members_of_a_log_with_a_new_epoch_start_over(server: Server, farm: Farm, guest: Callable[..., Guest], room):
    alice, bob = guest(server, room), guest(server, "lobby")
    fill(alice, room, "one", "two")
    old = alice.join(room)
    farm.manage(server.var_dir, "new_epoch", room)
    assert alice.expect("resync", SECONDS)["payload"] == {"room": room}
    again = since(alice, room, old["epoch"], old["offset"])
    assert again["recovered"] is False and again["epoch"] != old["epoch"]
    assert texts(again) == ["one", "two"]
    fill(alice, room, "three")
    assert [it for it in bob.settle() if it["type"] == "resync"] == []


def test_a_room_is_pruned_under_its_members_who_go_on_and_whoever_is_behind_starts_over(
    server: Server, farm: Farm, guest: Callable[..., Guest], room
):
    alice = guest(server, room)
    fill(alice, room, "one", "two", "three")
    alice.ask("delete", {"room": room, "message": 1})
    epoch = alice.join(room)["epoch"]
    farm.manage(server.var_dir, "shell", "-c", KEEP_ONE.format(room=room))
    assert "messages deleted: 2" in farm.manage(server.var_dir, "prune", "--room", room).stdout
    assert alice.ask("send", {"room": room, "text": "four"})["payload"]["message"] == 4
    bob = guest(server)
    assert texts(bob.join(room)) == ["three", "four"]
    behind, up = since(bob, room, epoch, 3), since(bob, room, epoch, 4)
    assert (behind["recovered"], texts(behind)) == (False, ["three", "four"])
    assert (up["recovered"], texts(up)) == (True, ["four"])
    assert [it["type"] for it in alice.settle() if it["type"] != "presence"] == ["message", "message"]


KEEP_ONE = """
from chat.models import Room
Room.objects.filter(slug="{room}").update(retention_count=1)
"""


def test_a_room_that_is_replaced_by_an_import_is_seen_by_its_members(
    server: Server, farm: Farm, guest: Callable[..., Guest], room, backups: Path
):
    alice = guest(server, room)
    fill(alice, room, "one", "two")
    farm.manage(server.var_dir, "export_room", room, "--output", str(backups / "it.jsonl"))
    fill(alice, room, "not in the file")
    farm.manage(server.var_dir, "import_room", str(backups / "it.jsonl"), "--replace")
    alice.expect("resync", SECONDS)
    assert texts(alice.join(room)) == ["one", "two"]
    assert alice.send(room, "three")["message"] == 3


# The page


def test_the_pages_commands_for_retention_and_for_leaving_run_beside_a_server(
    fresh: Callable[..., Server], guest: Callable[..., Guest], backups: Path
):
    server = fresh()
    alice = guest(server, "lobby")
    fill(alice, "lobby", "one", "two")
    run(commands("Retention"), server.var_dir, backups)
    run(commands("Leaving and coming"), server.var_dir, backups)
    alice.expect("resync", SECONDS)
    assert texts(alice.join("lobby")) == texts(alice.join("lobby-copy")) == ["one", "two"]
    assert sorted(it.name for it in backups.iterdir()) == ["lobby.jsonl", "lobby.jsonl.gz"]


def lose_and_restore(
    server: Server, guest: Callable[..., Guest], backup: Callable[[], None], restore: Callable[[], None]
):
    """Back up beside a running server, say something more, lose everything, restore."""
    alice = guest(server, "lobby")
    fill(alice, "lobby", "one", "two")
    backup()
    fill(alice, "lobby", "after the backup")
    held = alice.join("lobby")
    assert held["offset"] == 3
    server.terminate()
    restore()
    server.start()
    bob = guest(server)
    found = since(bob, "lobby", held["epoch"], held["offset"])
    assert (found["recovered"], texts(found), found["offset"]) == (False, ["one", "two"], 2)
    assert found["epoch"] != held["epoch"]
    # The offset that alice holds is another message's now: it is the epoch that tells her.
    fill(bob, "lobby", "three")
    found = since(bob, "lobby", held["epoch"], held["offset"])
    assert (found["recovered"], texts(found)) == (False, ["one", "two", "three"])


@pytest.mark.parametrize("copy", ["chat.sqlite3", "chat-2.sqlite3"])
def test_a_backup_of_sqlite_is_restored_by_the_pages_commands(
    fresh: Callable[..., Server], guest: Callable[..., Guest], backups: Path, copy: str
):
    require(shutil.which("sqlite3"), "the sqlite3 program is not there")
    server = fresh()

    def restore() -> None:
        run(commands("SQLite files").replace("/backups/chat.sqlite3", f"/backups/{copy}"), server.var_dir, backups)

    lose_and_restore(server, guest, lambda: run(commands("SQLite"), server.var_dir, backups), restore)


@pytest.fixture
def postgres() -> Iterator[PostgresServer]:
    place = binaries()
    require(place, "PostgreSQL is neither on PATH nor in the pgserver wheel")
    assert place is not None
    made = PostgresServer(place)
    try:
        yield made.start()
    finally:
        made.end()


def test_a_dump_of_postgresql_is_restored_by_the_pages_commands_and_rooms_leave_and_come_there_too(
    fresh: Callable[..., Server], guest: Callable[..., Guest], farm: Farm, postgres: PostgresServer, backups: Path
):
    variables = {"DATABASE_URL": postgres.url, "SECRET_KEY": "for-this-test"}
    path = str(postgres.place)
    require((postgres.place / "pg_dump").exists(), "pg_dump of the server's version is not there")
    server = fresh(start=False, **variables)
    farm.manage(server.var_dir, "migrate", "-v0", **variables)
    server.start()

    def there(title: str) -> Callable[[], None]:
        return lambda: run(commands(title), server.var_dir, backups, path, **variables)

    lose_and_restore(server, guest, there("PostgreSQL"), there("PostgreSQL dumps"))
    there("Retention")()
    there("Leaving and coming")()
    alice = guest(server)
    assert texts(alice.join("lobby-copy")) == ["one", "two", "three"]
    until(lambda: texts(alice.join("lobby")) == ["one", "two", "three"], "the lobby is what was imported", SECONDS)
