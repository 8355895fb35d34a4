"""A PostgreSQL server of the test's own, that can be stopped and started again on its port."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
from importlib.util import find_spec
from pathlib import Path
from pwd import getpwnam
from typing import Any

import psycopg

from .servers import free_port
from .waiting import until

USER = "chat"
START_SECONDS = 60.0
STOP_SECONDS = 60.0


def binaries() -> Path | None:
    """Return where postgres and initdb are, the pgserver wheel's or the system's; None where nothing runs."""
    places = [Path(found).resolve().parent for found in (shutil.which("initdb"), shutil.which("postgres")) if found]
    # Found, not imported: the wheel is made for few systems, and says things when it is imported.
    wheel = find_spec("pgserver")
    if wheel is not None and wheel.origin is not None:
        places.insert(0, Path(wheel.origin).parent / "pginstall" / "bin")
    return next((place for place in places if (place / "initdb").exists() and runs(place)), None)


def runs(place: Path) -> bool:
    """Tell whether the user that the server would run as may run it: a wheel in root's home is closed to others."""
    try:
        return subprocess.run([place / "postgres", "--version"], capture_output=True, **somebody()).returncode == 0
    except OSError:
        return False


def somebody() -> dict[str, Any]:
    """Return as whom to run it, for subprocess: PostgreSQL refuses to run as root."""
    if os.geteuid() != 0:
        return {}
    return {"user": "nobody", "group": getpwnam("nobody").pw_gid, "extra_groups": []}


class PostgresServer:
    """One server on loopback with an empty database, its files in a throw-away directory."""

    def __init__(self, place: Path) -> None:
        self.place = place
        self.port = free_port()
        # Not below the test's own directory: that one is closed to other users.
        self.directory = Path(tempfile.mkdtemp(prefix="chatsite-postgres-"))
        self.popen: subprocess.Popen[bytes] | None = None
        if os.geteuid() == 0:
            shutil.chown(self.directory, "nobody", getpwnam("nobody").pw_gid)
        self._make()

    @property
    def url(self) -> str:
        return f"postgres://{USER}@127.0.0.1:{self.port}/postgres"

    @property
    def log_path(self) -> Path:
        return self.directory / "postgres.log"

    def _make(self) -> None:
        subprocess.run(
            [self.place / "initdb", "-D", self.directory / "data", "-U", USER, "--auth=trust", "--no-sync"]
            + ["--encoding=UTF8", "--locale=C"],
            cwd=self.directory,
            check=True,
            capture_output=True,
            **somebody(),
        )

    def start(self) -> PostgresServer:
        """Start it on its port and wait until it answers."""
        with self.log_path.open("ab") as log:
            self.popen = subprocess.Popen(
                [self.place / "postgres", "-D", self.directory / "data", "-h", "127.0.0.1", "-p", str(self.port)]
                + ["-c", "unix_socket_directories="],
                cwd=self.directory,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                **somebody(),
            )
        until(self.answers, f"PostgreSQL on port {self.port}", START_SECONDS)
        return self

    def answers(self) -> bool:
        assert self.popen is not None, "not started"
        assert self.popen.poll() is None, f"PostgreSQL ended:\n{self.log_path.read_text()[-2000:]}"
        try:
            with self.connect(connect_timeout=2):
                return True
        except psycopg.OperationalError:
            return False

    def connect(self, **options: Any) -> psycopg.Connection[Any]:
        return psycopg.connect(self.url, **options)

    def stop(self, *, crash: bool = False) -> None:
        """Cut everybody off and stop: in good order, or as after a crash, when the next start recovers from the log."""
        if self.popen is None or self.popen.poll() is not None:
            return
        os.kill(self.popen.pid, signal.SIGQUIT if crash else signal.SIGINT)
        self.popen.wait(STOP_SECONDS)

    def restart(self, *, crash: bool = False) -> None:
        self.stop(crash=crash)
        self.start()

    def end(self) -> None:
        """Stop it and take its files away."""
        self.stop(crash=True)
        shutil.rmtree(self.directory, ignore_errors=True)
