"""A server that writes down what a proxy sends it."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote


@dataclass(frozen=True)
class Request:
    method: str
    path: str
    headers: list[tuple[str, str]]
    body: int

    def values(self, name: str) -> list[str]:
        """Return all values that a header has."""
        return [value for key, value in self.headers if key.lower() == name.lower()]

    @property
    def decoded(self) -> str:
        """The path as the application sees it."""
        return unquote(self.path.partition("?")[0])


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Upstream

    def answer(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        body = len(self.rfile.read(length))
        if self.headers.get("X-Forwarded-For"):  # The proxy's own look at /readyz has none.
            self.server.requests.append(Request(self.command, self.path, self.headers.items(), body))
            if self.server.drops:
                self.close_connection = True
                return
        self.send_response(200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"ok")

    do_GET = do_POST = answer

    def log_message(self, format: str, *arguments: object) -> None:
        """Write nothing: the test looks at `requests`."""


class Upstream(ThreadingHTTPServer):
    """Answers every request with 200; with `drops` it takes the request and hangs up without an answer."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.requests: list[Request] = []
        self.drops = False
        self.thread = threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.05})
        self.thread.start()

    @property
    def address(self) -> tuple[str, int]:
        return "127.0.0.1", self.server_address[1]

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing of a proxy that hung up."""

    def end(self) -> None:
        self.shutdown()
        self.server_close()
        self.thread.join()
