"""Servers that listen on a Unix socket, by their plain commands: by its path, or handed over as systemd does."""

from __future__ import annotations

import contextlib
import http.client
import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path

from .farm import Farm
from .servers import APPLICATION, BIN, ROOT, Response, Server, heed_sigint

SECONDS = 15.0


class UnixConnection(http.client.HTTPConnection):
    """HTTP over a Unix socket."""

    def __init__(self, path: str) -> None:
        super().__init__("localhost", timeout=SECONDS)
        self.path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(SECONDS)
        self.sock.connect(self.path)


class UnixServer(Server):
    """A server on a Unix socket; `handed`: the socket is its standard input (`--fd 0`)."""

    path = ""
    handed = False

    def start(self, *, wait: bool = True) -> UnixServer:
        option = ["--fd", "0"] if self.handed else ["-u" if self.kind == "daphne" else "--uds", self.path]
        self.arguments = [str(BIN / self.kind), *option, APPLICATION]
        with contextlib.ExitStack() as stack:
            stdin: int | socket.socket = subprocess.DEVNULL
            if self.handed:
                stdin = stack.enter_context(socket.socket(socket.AF_UNIX))
                stdin.bind(self.path)
                stdin.listen(64)
            log = stack.enter_context(self.log_path.open("ab"))
            self.popen = subprocess.Popen(
                self.arguments, cwd=ROOT, env=self.environ, stdin=stdin, stdout=log, stderr=log, preexec_fn=heed_sigint
            )
        assert self.answers(), self.log()[-4000:]
        return self

    def ask(self, path: str, headers: Iterable[tuple[str, str]] = (), host: str = "localhost") -> Response:
        connection = UnixConnection(self.path)
        try:
            connection.putrequest("GET", path, skip_host=True)
            for name, value in [("Host", host), *headers]:
                connection.putheader(name, value)
            connection.endheaders()
            answer = connection.getresponse()
            return Response(answer.status, answer.read(), {name.lower(): value for name, value in answer.getheaders()})
        finally:
            connection.close()

    def healthy(self) -> bool:
        try:
            return self.ask("/healthz").status == 200
        except OSError:
            return False


@contextlib.contextmanager
def unix_server(farm: Farm, kind: str, *, handed: bool = False, **variables: str) -> Iterator[UnixServer]:
    # Short: a path has 108 bytes at most (unix(7)).
    directory = tempfile.mkdtemp(prefix="chatsite-")
    log = farm.directory / f"unix-{kind}-{len(farm.processes)}.log"
    made = UnixServer(kind, farm.var_dir(), log, variables)
    made.path, made.handed = os.path.join(directory, "s"), handed
    farm.processes.append(made)
    try:
        yield made.start()
    finally:
        farm.end([made])
        shutil.rmtree(Path(directory))
