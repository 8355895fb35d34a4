"""nginx and HAProxy, run with the very files of deploy/: only addresses, paths and users are replaced in them."""

from __future__ import annotations

import grp
import http.client
import os
import pwd
import shutil
import socket
import ssl
import subprocess
from collections.abc import Mapping, Sequence
from contextlib import closing
from pathlib import Path

import pytest

from .certificates import Certificate, make
from .servers import ROOT, Process, Response, free_port
from .services import require
from .sockets import RawSocket
from .waiting import until

KINDS = ("nginx", "haproxy")
FILES = {"nginx": ROOT / "deploy/nginx.conf", "haproxy": ROOT / "deploy/haproxy.cfg"}
# Where distributions put daemons; a person's PATH often lacks it.
SBIN = os.pathsep.join(("/usr/sbin", "/usr/local/sbin"))
TEMPORARY = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")

Address = tuple[str, int]


def binary(kind: str) -> str | None:
    return shutil.which(kind) or shutil.which(kind, path=SBIN)


def edited(text: str, changes: Mapping[str, str]) -> str:
    """Return a text with each key replaced by its value. A key that does not stand there exactly once is an error."""
    for old, new in changes.items():
        assert text.count(old) == 1, f"{old!r} stands {text.count(old)} times in the file, expected once"
        text = text.replace(old, new)
    return text


class Proxy(Process):
    """nginx or HAProxy with a file of deploy/, on two loopback ports, in front of servers."""

    def __init__(
        self,
        kind: str,
        directory: Path,
        certificate: Certificate,
        servers: Sequence[Address],
        changes: Mapping[str, str] | None = None,
        *,
        ipv6: bool | None = None,
    ) -> None:
        assert len(servers) == 2, "deploy/ names two servers"
        self.kind, self.directory, self.certificate = kind, directory, certificate
        self.servers, self.changes = servers, dict(changes or {})
        self.ipv6 = HAS_IPV6 if ipv6 is None else ipv6
        self.port = self.plain_port = 0
        self.access_path = directory / "access.log"
        super().__init__([], os.environ, directory / f"{kind}.log")

    def start(self) -> Proxy:
        """Start it and wait until it listens; a port that somebody else took meanwhile is tried again."""
        for _ in range(3):
            self.port, self.plain_port = free_port(), free_port()
            self.arguments = self.command(self.write())
            self.spawn()
            until(lambda: self.listens() or not self.alive, f"{self.kind} listens or ends", 30)
            if self.alive:
                return self
        raise AssertionError(f"{self.kind} did not start:\n{self.log()[-3000:]}")

    def listens(self) -> bool:
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=2):
                return True
        except OSError:
            return False

    def check(self) -> subprocess.CompletedProcess[str]:
        """Let it check its file, as an operator does before a reload."""
        self.port, self.plain_port = free_port(), free_port()
        option = "-t" if self.kind == "nginx" else "-c"
        return subprocess.run(
            [*self.command(self.write()), option], capture_output=True, text=True, timeout=30, check=False
        )

    def command(self, path: Path) -> list[str]:
        found = binary(self.kind)
        assert found, f"{self.kind} is not there; require() it first"
        if self.kind == "nginx":
            return [found, "-p", str(self.directory), "-e", "stderr", "-c", str(path), "-g", "daemon off;"]
        return [found, "-db", "-f", str(path)]

    def write(self) -> Path:
        """Write the file as an operator would have edited it, for this machine and user."""
        ours = self.nginx_places() if self.kind == "nginx" else self.haproxy_places()
        path = self.directory / FILES[self.kind].name
        if self.ipv6:
            ours |= self.ipv6_places()
        path.write_text(edited(FILES[self.kind].read_text("utf-8"), {**ours, **self.changes}), "utf-8")
        return path

    def nginx_places(self) -> dict[str, str]:
        user, group = user_and_group()
        temporary = "".join(f"\n    {name}_temp_path {self.directory}/{name};" for name in TEMPORARY)
        return {
            "user www-data;": f"user {user} {group};",
            "pid /run/nginx.pid;": f"pid {self.directory}/nginx.pid;",
            "/var/log/nginx/error.log": "stderr",
            "/var/log/nginx/access.log": str(self.access_path),
            "http {\n": f"http {{{temporary}\n",
            "worker_processes auto;": "worker_processes 2;",
            "worker_rlimit_nofile 65536;": "",
            "worker_connections 40960;": "worker_connections 500;",
            "listen 80;": f"listen 127.0.0.1:{self.plain_port};",
            "listen 443 ssl http2;": f"listen 127.0.0.1:{self.port} ssl http2;",
            "server_name chat.example;": "server_name localhost;",
            "/etc/letsencrypt/live/chat.example/fullchain.pem": str(self.certificate.chain),
            "/etc/letsencrypt/live/chat.example/privkey.pem": str(self.certificate.key),
        } | {f"10.0.0.1{number}:8080": f"{host}:{port}" for number, (host, port) in enumerate(self.servers, 1)}

    def haproxy_places(self) -> dict[str, str]:
        given, mine = self.haproxy_tls()
        return {
            "user haproxy\n": "",
            "group haproxy\n": "",
            "chroot /var/lib/haproxy\n": "",
            "maxconn 40000\n": "maxconn 400\n",
            "bind :80\n": f"bind 127.0.0.1:{self.plain_port}\n",
            f"bind :443 {given}\n": f"bind 127.0.0.1:{self.port} {mine}\n",
        } | {f"10.0.0.1{number}:8080": f"{host}:{port}" for number, (host, port) in enumerate(self.servers, 1)}

    def haproxy_tls(self) -> tuple[str, str]:
        """Return how the file says where the certificate is, and how this run has it."""
        given = "ssl crt /etc/haproxy/certs/chat.example.pem alpn h2,http/1.1"
        return given, given.replace("/etc/haproxy/certs/chat.example.pem", str(self.certificate.both))

    def ipv6_places(self) -> dict[str, str]:
        """Take the `#` away, as the file says: this machine has IPv6."""
        if self.kind == "nginx":
            return {"# listen [::]:443 ssl http2;": f"listen [::1]:{self.port} ssl http2;"}
        given, mine = self.haproxy_tls()
        return {f"# bind :::443 v6only {given}\n": f"bind ::1:{self.port} v6only {mine}\n"}

    def access_log(self) -> str:
        """Return the lines of requests: nginx has a file for them, HAProxy writes them to its standard output."""
        if self.kind == "haproxy":
            return self.log()
        return self.access_path.read_text("utf-8") if self.access_path.exists() else ""

    # Where it is

    @property
    def origin(self) -> str:
        return f"https://localhost:{self.port}"

    def url(self, path: str = "/") -> str:
        return f"{self.origin}{path}"

    # Going through it

    def stream(self, source: str = "127.0.0.1") -> ssl.SSLSocket:
        """Open a TLS connection, from one of the addresses of the loopback: what the proxy sees as the client's.

        It is wrapped before it connects. `wrap_socket` on a connection that the proxy has reset meanwhile raises and
        leaves its socket open.
        """
        family = socket.AF_INET6 if ":" in source else socket.AF_INET
        made = self.certificate.trusted().wrap_socket(socket.socket(family), server_hostname="localhost")
        try:
            made.settimeout(15)
            made.bind((source, 0))
            made.connect(("::1" if ":" in source else "127.0.0.1", self.port))
        except BaseException:
            made.close()
            raise
        return made

    def https(self, source: str = "127.0.0.1") -> http.client.HTTPSConnection:
        connection = http.client.HTTPSConnection("localhost", self.port, timeout=15)
        connection.sock = self.stream(source)
        return connection

    def get(self, path: str, headers: Mapping[str, str] | None = None) -> Response:
        with closing(self.https()) as connection:
            connection.request("GET", path, headers=dict(headers or {}))
            answer = connection.getresponse()
            return Response(answer.status, answer.read(), {name.lower(): value for name, value in answer.getheaders()})


def on_socket(sock: socket.socket, address: Address) -> RawSocket:
    """Return a WebSocket client on a connection that is open already, from an address of the test's choice or over TLS.

    (The sync client of `websockets` does not serve over TLS: it selects on the socket, and sleeps on records that TLS
    has read already. 17.4, `recv_events`.)
    """
    one = RawSocket(address)
    one.sock.close()
    one.sock = sock
    return one


def is_ours(address: str) -> bool:
    """Tell whether this machine has an address."""
    try:
        with socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET) as probe:
            probe.bind((address, 0))
    except OSError:
        return False
    return True


HAS_IPV6 = is_ours("::1")


def user_and_group() -> tuple[str, str]:
    """Return who runs the tests, so that nginx's workers may write where the test may."""
    return pwd.getpwuid(os.getuid()).pw_name, grp.getgrgid(os.getgid()).gr_name


def status(connection: ssl.SSLSocket, request: str) -> int:
    """Send what may be no lawful request; return the answer's status, or 0 where the proxy hung up without one."""
    head = b""
    with connection:
        try:
            connection.sendall(request.encode())
            while b"\r\n" not in head and (data := connection.recv(1 << 16)):
                head += data
        except (ConnectionError, ssl.SSLError):
            pass  # It hung up.
    return int(head.split()[1]) if head else 0


# The functions' names differ from the fixtures', which tests take as arguments after having imported these.
@pytest.fixture(name="proxy_kind", scope="module", params=KINDS)
def each_kind(request: pytest.FixtureRequest) -> str:
    """The proxy that the test runs with."""
    kind = str(request.param)
    require(binary(kind), f"{kind} is neither on PATH nor in {SBIN}")
    require(is_ours("127.0.0.9"), "clients of several addresses are needed, and the loopback has only one here")
    return kind


@pytest.fixture(name="certificate", scope="module")
def one_certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    return make(tmp_path_factory.mktemp("certificate"))
