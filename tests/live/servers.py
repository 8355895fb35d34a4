"""Start, ask and end chatsite's servers as processes of their own."""

from __future__ import annotations

import http.client
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .waiting import until

ROOT = Path(__file__).resolve().parent.parent.parent
BIN = Path(sys.executable).parent
START_SECONDS = 60.0
END_SECONDS = 30.0
KINDS = ("daphne", "uvicorn")
# The project's own variables never leak in from the shell that runs the tests.
OURS = (
    "CHAT_",
    "DJANGO_",
    "REDIS_URL",
    "DATABASE_URL",
    "SECRET_KEY",
    "DEBUG",
    "ALLOWED_HOSTS",
    "TRUSTED_PROXIES",
    "TIME_ZONE",
)


def environment(var_dir: Path, variables: Mapping[str, str]) -> dict[str, str]:
    """Return the environment of a server: the shell's without the project's variables, and these."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(OURS)}
    return {**kept, "CHAT_VAR_DIR": str(var_dir), "PYTHONUNBUFFERED": "1", "PYTHONWARNINGS": "default", **variables}


def free_port(host: str = "127.0.0.1") -> int:
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        probe.bind((host, 0))
        return probe.getsockname()[1]


def command(kind: str, host: str, port: int, application: str) -> list[str]:
    """Return the plain command that interface.md promises to work."""
    if kind == "daphne":
        return [str(BIN / "daphne"), "-b", host, "-p", str(port), application]
    return [str(BIN / "uvicorn"), "--host", host, "--port", str(port), application]


@dataclass(frozen=True)
class Response:
    status: int
    body: bytes
    headers: Mapping[str, str]

    def json(self) -> Any:
        return json.loads(self.body)


class Process:
    """A process of the project's, with its log in a file. Only its own pid is ever signalled."""

    def __init__(self, arguments: list[str], environ: Mapping[str, str], log_path: Path) -> None:
        self.arguments, self.environ, self.log_path = arguments, dict(environ), log_path
        self.checked = 0
        self.popen: subprocess.Popen[bytes] | None = None

    def spawn(self) -> None:
        with self.log_path.open("ab") as log:
            self.popen = subprocess.Popen(
                self.arguments,
                cwd=ROOT,
                env=self.environ,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
            )

    @property
    def pid(self) -> int:
        assert self.popen is not None, "not started"
        return self.popen.pid

    @property
    def alive(self) -> bool:
        return self.popen is not None and self.popen.poll() is None

    def signal(self, number: int) -> None:
        if self.alive:
            os.kill(self.pid, number)

    def wait(self, seconds: float = END_SECONDS) -> int:
        """Return the exit code.

        Raises: AssertionError when it still runs after `seconds`.
        """
        assert self.popen is not None, "not started"
        try:
            return self.popen.wait(seconds)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"still running after {seconds:g} s:\n{self.log()[-2000:]}") from None

    def terminate(self, seconds: float = END_SECONDS) -> int:
        """Ask it to end with SIGTERM; return the exit code."""
        self.signal(signal.SIGTERM)
        return self.wait(seconds)

    def kill(self) -> None:
        """End it with SIGKILL."""
        if self.popen is None:
            return
        self.signal(signal.SIGKILL)
        self.popen.wait(END_SECONDS)

    def end(self) -> None:
        """End it, politely first."""
        if self.alive:
            self.signal(signal.SIGTERM)
            try:
                self.popen.wait(END_SECONDS)  # type: ignore[union-attr]
            except subprocess.TimeoutExpired:
                self.kill()

    def log(self, start: int = 0) -> str:
        """Return what it has written, from a byte position on."""
        if not self.log_path.exists():
            return ""
        with self.log_path.open("rb") as file:
            file.seek(start)
            return file.read().decode("utf-8", "replace")

    def mark(self) -> int:
        """Return the log's present end, for `log(start)`."""
        return self.log_path.stat().st_size

    def logged(self, text: str, start: int = 0, seconds: float = 15) -> str:
        """Wait for a line that holds `text`; return it."""

        def line() -> str | None:
            return next((it for it in self.log(start).splitlines() if text in it), None)

        return until(line, f"a log line with {text!r}; the log ends with:\n{self.log(start)[-1500:]}", seconds)

    def unchecked_log(self) -> str:
        """Return what came into the log since the last call."""
        text = self.log(self.checked)
        self.checked += len(text.encode("utf-8", "replace"))
        return text


class Server(Process):
    """A daphne or uvicorn process that serves the project on a port of its own."""

    def __init__(
        self,
        kind: str,
        var_dir: Path,
        log_path: Path,
        variables: Mapping[str, str],
        *,
        host: str = "127.0.0.1",
        port: int | None = None,
        application: str = "chatsite.asgi:application",
    ) -> None:
        self.kind, self.var_dir, self.host, self.application = kind, var_dir, host, application
        self.fixed_port = port
        self.port = port or 0
        super().__init__([], environment(var_dir, variables), log_path)

    def start(self, *, wait: bool = True) -> Server:
        """Start it and wait until it answers; a port that somebody else took meanwhile is tried again."""
        for attempt in range(3):
            start = self.mark() if self.log_path.exists() else 0
            # A restart keeps its port, so that clients find it again.
            self.port = self.fixed_port or self.port or free_port(self.host)
            self.arguments = command(self.kind, self.host, self.port, self.application)
            self.spawn()
            if not wait or self.answers():
                return self
            if attempt == 2 or self.fixed_port or "in use" not in self.log(start):
                break
            self.port = 0
        raise AssertionError(
            f"{self.kind} did not start (exit code {self.popen and self.popen.poll()}):\n{self.log(start)[-4000:]}"
        )

    def answers(self) -> bool:
        """Wait for /healthz; False when the process ends or does not answer in time."""
        end = time.monotonic() + START_SECONDS
        while self.alive and time.monotonic() < end:
            if self.healthy():
                return True
            time.sleep(0.05)
        return False

    def healthy(self) -> bool:
        try:
            return self.get("/healthz", seconds=2).status == 200
        except (OSError, http.client.HTTPException):
            return False

    @property
    def address(self) -> tuple[str, int]:
        return self.host, self.port

    @property
    def netloc(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    def url(self, path: str = "/") -> str:
        return f"http://{self.netloc}{path}"

    def ws(self, path: str = "/ws") -> str:
        return f"ws://{self.netloc}{path}"

    def http(self, seconds: float = 15) -> http.client.HTTPConnection:
        return http.client.HTTPConnection(self.host, self.port, timeout=seconds)

    def get(self, path: str, headers: Mapping[str, str] | None = None, seconds: float = 15) -> Response:
        connection = self.http(seconds)
        try:
            connection.request("GET", path, headers=dict(headers or {}))
            answer = connection.getresponse()
            return Response(answer.status, answer.read(), {name.lower(): value for name, value in answer.getheaders()})
        finally:
            connection.close()

    def ready(self) -> dict[str, Any]:
        return self.get("/readyz").json()

    def connections(self) -> int:
        return int(self.ready()["connections"])


class Farm:
    """Makes servers and workers, each on a copy of one migrated database, and ends them all."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.processes: list[Process] = []
        self.count = 0
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


ROOMS = 400  # room-1 … room-400: each test takes fresh ones, so that tests may share a server

ROWS = f"""
from chat.models import Broadcast, Room
Room.objects.bulk_create([Room(slug=f"room-{{n}}", title=f"Room {{n}}") for n in range(1, {ROOMS} + 1)])
for slug, title, text in (
    ("ticks", "Ticks", "Server broadcast: tick {{time}}"),
    ("goframe", "GoFrame", "GoFrame Server broadcast: Current time is {{time}}"),
):
    room = Room.objects.create(slug=slug, title=title)
    Broadcast.objects.create(name=slug, room=room, template=text, interval=1, time_zone="UTC")
"""
