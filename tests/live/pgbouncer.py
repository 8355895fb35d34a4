"""A PgBouncer of the test's own, which pools transactions."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
from pathlib import Path
from pwd import getpwnam
from urllib.parse import urlsplit

import psycopg

from .postgres import somebody
from .servers import free_port
from .waiting import until

# Debian keeps it where only root looks.
PLACES = (*os.environ.get("PATH", "").split(os.pathsep), "/usr/sbin")
POOLED = 2


def binary() -> str | None:
    return shutil.which("pgbouncer", path=os.pathsep.join(PLACES))


class PgBouncer:
    """One process in front of a PostgreSQL server; few connections, so that clients do share them."""

    def __init__(self, program: str, url: str) -> None:
        self.program = program
        self.parts = urlsplit(url)
        self.port = free_port()
        self.directory = Path(tempfile.mkdtemp(prefix="chatsite-pgbouncer-"))
        self.popen: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"postgres://{self.parts.username}@127.0.0.1:{self.port}{self.parts.path}"

    def start(self) -> PgBouncer:
        (self.directory / "users").write_text(f'"{self.parts.username}" ""\n')
        (self.directory / "pgbouncer.ini").write_text(
            f"[databases]\n* = host={self.parts.hostname} port={self.parts.port}\n"
            f"[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {self.port}\nunix_socket_dir =\nauth_type = trust\n"
            f"auth_file = {self.directory}/users\npool_mode = transaction\ndefault_pool_size = {POOLED}\n"
            # Each transaction on another connection than the one before, as under load.
            f"min_pool_size = {POOLED}\nserver_round_robin = 1\n"
            f"max_client_conn = 200\nlogfile = {self.directory}/log\n"
        )
        if os.geteuid() == 0:
            for path in (self.directory, *self.directory.iterdir()):
                shutil.chown(path, "nobody", getpwnam("nobody").pw_gid)
        self.popen = subprocess.Popen(
            [self.program, "--quiet", str(self.directory / "pgbouncer.ini")],
            cwd=self.directory,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            **somebody(),
        )
        until(self.answers, f"PgBouncer on port {self.port}", 30)
        return self

    def answers(self) -> bool:
        try:
            with psycopg.connect(self.url, connect_timeout=2):
                return True
        except psycopg.OperationalError:
            return False

    def end(self) -> None:
        if self.popen is not None and self.popen.poll() is None:
            os.kill(self.popen.pid, signal.SIGTERM)
            self.popen.wait(30)
        shutil.rmtree(self.directory, ignore_errors=True)
