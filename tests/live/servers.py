"""Start, ask and end chatsite's servers as processes of their own."""

from __future__ import annotations

import http.client
import json
import os
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
APPLICATION = "chatsite.asgi:application"
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
    "HTTPS_ONLY",
    "OIDC_",
    "EMAIL_",
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


def heed_sigint() -> None:
    """Let a child end by SIGINT: a shell's background job, which this run may be, ignores it, and so do its children."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


class Process:
    """A process of the project's, with its log in a file. Only its own pid is ever signalled."""

    def __init__(self, arguments: list[str], environ: Mapping[str, str], log_path: Path) -> None:
        self.arguments, self.environ, self.log_path = arguments, dict(environ), log_path
        self.checked = 0
        self.root = ROOT
        self.popen: subprocess.Popen[bytes] | None = None

    def spawn(self) -> None:
        with self.log_path.open("ab") as log:
            self.popen = subprocess.Popen(
                self.arguments,
                cwd=self.root,
                env=self.environ,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                preexec_fn=heed_sigint,
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
        application: str = APPLICATION,
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
            return self.get("/healthz", seconds=15).status == 200
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
