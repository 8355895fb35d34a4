"""What is measured: chatsite on each server, and the references of `baselines/`."""

from __future__ import annotations

import os
import secrets
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from bench.cores import Cores
from bench.processes import NotStarted, Running, free_port, running

ROOT = Path(__file__).resolve().parent.parent
BASELINES = Path(__file__).resolve().parent / "baselines"
SERVERS = ("daphne", "uvicorn")
CONFIGURING = {
    *("ALLOWED_HOSTS", "DATABASE_URL", "DEBUG", "DJANGO_SETTINGS_MODULE"),
    *("REDIS_URL", "SECRET_KEY", "TIME_ZONE", "TRUSTED_PROXIES"),
}
VOLATILE = "from chat.models import Room; Room.objects.update(durable=False)"
GOPATH = "/usr/share/gocode"  # where Debian's golang-*-dev packages put sources


@dataclass(frozen=True)
class Subject:
    """A server that can be started: `command` takes the port; `missing` says why it cannot be."""

    name: str
    command: Callable[[int], list[str]] = lambda port: []
    cwd: Path = ROOT
    env: Mapping[str, str] = field(default_factory=dict)
    missing: str = ""

    @property
    def ours(self) -> bool:
        """Whether this is chatsite and not a reference."""
        return self.name.startswith("chatsite")


def asgi(server: str, application: str) -> Callable[[int], list[str]]:
    """Return the plain command of an ASGI server."""
    host = {"daphne": "-b", "uvicorn": "--host"}[server]
    port_flag = {"daphne": "-p", "uvicorn": "--port"}[server]
    return lambda port: [sys.executable, "-m", server, host, "127.0.0.1", port_flag, str(port), application]


def plain_environment() -> dict[str, str]:
    """Return the environment without what would configure a server under test."""
    return {k: v for k, v in os.environ.items() if k not in CONFIGURING and not k.startswith("CHAT_")}


class Catalogue:
    """The subjects of one run; files and logs go into `work`."""

    def __init__(self, work: Path, cores: Cores) -> None:
        self.work = work
        self.cores = cores
        self.environment = plain_environment()
        self.secret_key = secrets.token_urlsafe(50)

    @contextmanager
    def started(self, subject: Subject) -> Iterator[Running]:
        """Run a subject on the server's core. Raises NotStarted."""
        port = free_port()
        env = self.environment | dict(subject.env)
        log = self.work / f"{subject.name}.log"
        with running(subject.command(port), port, log, self.cores.server, subject.cwd, env) as server:
            yield server

    def prepare(self) -> None:
        """Make the databases of the servers under test: one with a volatile lobby, as the references have, one with a
        durable one. Raises NotStarted."""
        for durable in (False, True):
            self.manage(durable, "migrate", "--verbosity", "0")
        self.manage(False, "shell", "--verbosity", "0", "--command", VOLATILE)

    def manage(self, durable: bool, *arguments: str) -> str:
        """Run a management command on one of the databases; return what it prints. Raises NotStarted."""
        env = self.environment | self._settings(durable)
        command = [sys.executable, "manage.py", *arguments]
        done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, check=False)
        if done.returncode:
            raise NotStarted(f"expected `manage.py {arguments[0]}` to succeed, it says:\n{done.stderr[-2000:]}")
        return done.stdout

    def chatsite(self, server: str, redis_url: str = "", durable: bool = False) -> Subject:
        """Return chatsite on a server, in memory or through Redis, its lobby volatile or durable."""
        name = f"chatsite-{server}" + ("-redis" if redis_url else "") + ("-durable" if durable else "")
        env = self._settings(durable) | ({"REDIS_URL": redis_url} if redis_url else {})
        return Subject(name, asgi(server, "chatsite.asgi:application"), ROOT, env)

    def tutorial(self, server: str) -> Subject:
        """Return the Channels tutorial's shape on a server."""
        return Subject(f"tutorial-{server}", asgi(server, "tutorial.asgi:application"), BASELINES)

    def gohub(self) -> Subject:
        """Return gorilla's hub, built here, on one processor as all others."""
        name = "gohub"
        if not shutil.which("go"):
            return Subject(name, missing="go is not on PATH (Debian: golang-go)")
        binary = self.work / name
        env = self.environment | {"GOPATH": GOPATH, "GO111MODULE": "off", "GOCACHE": str(self.work / "gocache")}
        build = ["go", "build", "-o", str(binary), "."]
        built = subprocess.run(build, cwd=BASELINES / "gohub", env=env, capture_output=True, text=True, check=False)
        if built.returncode:
            why = built.stderr.strip().splitlines()[-1]
            return Subject(name, missing=f"it does not build (Debian: golang-github-gorilla-websocket-dev): {why}")
        return Subject(name, lambda port: [str(binary), "-addr", f"127.0.0.1:{port}"], BASELINES, {"GOMAXPROCS": "1"})

    def nodews(self) -> Subject:
        """Return Node's `ws` in a loop over the clients; the package is found as `node` does, by NODE_PATH too."""
        name, cwd = "nodews", BASELINES / "nodews"
        if not shutil.which("node"):
            return Subject(name, missing="node is not on PATH")
        probe = ["node", "-e", "require.resolve('ws')"]
        if subprocess.run(probe, cwd=cwd, env=self.environment, capture_output=True, check=False).returncode:
            return Subject(name, missing="node has no package `ws` (npm install ws elsewhere, and set NODE_PATH)")
        return Subject(name, lambda port: ["node", "server.js", str(port)], cwd)

    def _settings(self, durable: bool = False) -> dict[str, str]:
        var = self.work / ("durable" if durable else "var")
        var.mkdir(exist_ok=True)
        return {
            "SECRET_KEY": self.secret_key,
            "CHAT_VAR_DIR": str(var),
            "CHAT_MESSAGE_RATE": "0",
            "CHAT_MAX_CONNECTIONS_PER_IP": "0",
            "CHAT_EMBEDDED_BROADCAST": "0",
        }
