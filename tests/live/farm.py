"""A farm of servers and workers, each on a copy of one migrated database; and the rows that the tests rely on."""

from __future__ import annotations

import contextlib
import shutil
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from django.contrib.auth.hashers import make_password

from .servers import APPLICATION, ROOT, START_SECONDS, Process, Server, environment

# Of servers that tests share; the one that was not asked for the longest makes place.
MOST_SHARED = 8
Key = tuple[str, str, tuple[tuple[str, str], ...]]


class Farm:
    """Makes servers and workers, each on a copy of one migrated database, and ends them all."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.processes: list[Process] = []
        self.count = 0
        self._shared: dict[Key, Server] = {}
        self._template: Path | None = None

    @property
    def template(self) -> Path:
        """The migrated var/ that every server gets a copy of, made at first use."""
        if self._template is None:
            path = self.directory / "template"
            path.mkdir(exist_ok=True)
            self.manage(path, "migrate", "-v0")
            self.manage(path, "shell", "-v0", "-c", ROWS)
            self._template = path
        return self._template

    def var_dir(self) -> Path:
        """Return a fresh copy of the template."""
        self.count += 1
        path = self.directory / f"var-{self.count}"
        shutil.copytree(self.template, path, ignore=shutil.ignore_patterns("*.lock"))
        return path

    def server(
        self,
        kind: str,
        *,
        var_dir: Path | None = None,
        start: bool = True,
        options: Mapping[str, Any] | None = None,
        **variables: str,
    ) -> Server:
        """Start a server; `variables` are its environment."""
        where = var_dir or self.var_dir()
        log = self.directory / f"{kind}-{len(self.processes)}.log"
        made = Server(kind, where, log, variables, **(options or {}))
        self.processes.append(made)
        return made.start() if start else made

    def shared(self, kind: str, application: str = APPLICATION, **variables: str) -> Server:
        """Return the server of this kind with these variables: for tests that leave it as they found it."""
        key = (kind, application, tuple(sorted(variables.items())))
        found = self._shared.pop(key, None)
        if found is None or not found.alive:
            found = self.server(kind, options={"application": application}, **variables)
        self._shared[key] = found  # The last one asked for is the last of them.
        while len(self._shared) > MOST_SHARED:
            self.end([self._shared.pop(next(iter(self._shared)))])
        return found

    def worker(self, var_dir: Path, *arguments: str, **variables: str) -> Process:
        """Start a `manage.py` command."""
        log = self.directory / f"{arguments[0]}-{len(self.processes)}.log"
        made = Process([sys.executable, "manage.py", *arguments], environment(var_dir, variables), log)
        self.processes.append(made)
        made.spawn()
        return made

    def manage(self, var_dir: Path, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
        """Run a `manage.py` command to its end.

        Raises: AssertionError with its output when it fails.
        """
        done = self.run(var_dir, *arguments, **variables)
        assert done.returncode == 0, f"manage.py {' '.join(arguments)}: {done.stdout}{done.stderr}"
        return done

    def run(self, var_dir: Path, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "manage.py", *arguments],
            cwd=ROOT,
            env=environment(var_dir, variables),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=START_SECONDS,
        )

    def few_rooms(self, var_dir: Path) -> None:
        """Leave one of the tests' rooms only: pages that list them all are long."""
        with contextlib.closing(sqlite3.connect(var_dir / "chatsite.sqlite3", timeout=15)) as database, database:
            database.execute("DELETE FROM chat_room WHERE slug LIKE 'room-%' AND slug != 'room-1'")

    def add_user(self, var_dir: Path, name: str, password: str, *, superuser: bool = False) -> None:
        """Make a member of staff where there is none of that name, past Django: its shell takes a second to start."""
        row = {
            "username": name,
            "password": make_password(password),
            "is_superuser": superuser,
            "is_staff": True,
            "is_active": True,
            "first_name": "",
            "last_name": "",
            "email": "",
            "date_joined": "2026-01-01 00:00:00",
        }
        statement = f"INSERT OR IGNORE INTO auth_user ({', '.join(row)}) VALUES ({', '.join('?' * len(row))})"
        with contextlib.closing(sqlite3.connect(var_dir / "chatsite.sqlite3", timeout=15)) as database, database:
            database.execute(statement, tuple(row.values()))

    def traceback(self) -> str:
        """Return the end of the first log in which a traceback came since the last call, or nothing."""
        found = ""
        for process in self.processes:
            text = process.unchecked_log()
            place = text.find("Traceback (most recent call last)")
            if place >= 0 and not found:
                found = f"{process.log_path.name}:\n{text[max(0, place - 300) : place + 3000]}"
        return found

    def end(self, processes: list[Process] | None = None) -> None:
        """End processes, all at once and each with SIGTERM first."""
        ending = self.processes if processes is None else processes
        for process in ending:
            process.signal(signal.SIGCONT)
            process.signal(signal.SIGTERM)
        for process in ending:
            process.end()


ROOMS = 1500  # room-1 … room-1500: each test takes fresh ones, so that tests may share a server

ROWS = f"""
from chat.models import Broadcast, Room
Room.objects.bulk_create([Room(slug=f"room-{{n}}", title=f"Room {{n}}") for n in range(1, {ROOMS} + 1)])
Room.objects.create(slug="volatile", title="Volatile", durable=False)
for slug, title, text in (
    ("ticks", "Ticks", "Server broadcast: tick {{time}}"),
    ("goframe", "GoFrame", "GoFrame Server broadcast: Current time is {{time}}"),
):
    room = Room.objects.create(slug=slug, title=title)
    Broadcast.objects.create(name=slug, room=room, template=text, interval=1, time_zone="UTC")
"""
