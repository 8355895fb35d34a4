"""A provider of single sign-on (OpenID Connect) of the tests' own, on the loopback."""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import jwt

CLIENT, SECRET = "chatsite", "a secret of the tests, long enough for a key"


class Provider:
    """Vouches for `person`, a dict of claims, or for nobody where it is None; it checks what a client owes it."""

    def __init__(self) -> None:
        self.person: dict[str, Any] | None = {}
        self.codes: dict[str, dict[str, str]] = {}
        self.wrong: list[str] = []
        provider = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                provider.get(self)

            def do_POST(self) -> None:
                provider.token(self)

            def log_message(self, *arguments: Any) -> None: ...

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        self.thread = threading.Thread(target=self.server.serve_forever, daemon=True)
        self.thread.start()

    @property
    def variables(self) -> dict[str, str]:
        """What a site that trusts this provider is told."""
        return {
            "OIDC_SERVER_URL": self.url,
            "OIDC_CLIENT_ID": CLIENT,
            "OIDC_CLIENT_SECRET": SECRET,
            "OIDC_NAME": "the Test House",
        }

    def end(self) -> None:
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()

    def get(self, request: BaseHTTPRequestHandler) -> None:
        parts = urlsplit(request.path)
        asked = {name: values[0] for name, values in parse_qs(parts.query).items()}
        if parts.path == "/.well-known/openid-configuration":
            places = {name: f"{self.url}/{place}" for name, place in PLACES.items()}
            answer(request, {"issuer": self.url, **places})
        elif parts.path == "/authorize":
            self.authorize(request, asked)
        else:
            held = request.headers["Authorization"] == "Bearer access-token"
            answer(request, dict(self.person or {}) if held else {}, 200 if held else 401)

    def authorize(self, request: BaseHTTPRequestHandler, asked: dict[str, str]) -> None:
        """Lead back with a code for whoever is vouched for."""
        if asked.get("client_id") != CLIENT or asked.get("code_challenge_method") != "S256":
            self.wrong.append(f"authorize: {asked}")
        code = secrets.token_hex(8)
        self.codes[code] = asked
        said = {"error": "access_denied"} if self.person is None else {"code": code}
        request.send_response(302)
        request.send_header("Location", f"{asked['redirect_uri']}?{urlencode({**said, 'state': asked['state']})}")
        request.send_header("Content-Length", "0")
        request.end_headers()

    def token(self, request: BaseHTTPRequestHandler) -> None:
        """Change a code, once, for tokens."""
        body = request.rfile.read(int(request.headers["Content-Length"])).decode()
        form = {name: values[0] for name, values in parse_qs(body).items()}
        asked = self.codes.pop(form.get("code", ""), {})
        proof = base64.urlsafe_b64encode(hashlib.sha256(form.get("code_verifier", "").encode()).digest())
        fits = proof.decode().rstrip("=") == asked.get("code_challenge") and form.get("client_secret") == SECRET
        if not fits:
            self.wrong.append(f"token: {form}")
        now = int(time.time())
        claims = {"iss": self.url, "aud": CLIENT, "iat": now, "exp": now + 60, **(self.person or {})}
        tokens = {"access_token": "access-token", "token_type": "Bearer", "id_token": jwt.encode(claims, SECRET)}
        answer(request, tokens if fits else {"error": "invalid_grant"}, 200 if fits else 400)


PLACES = {
    "authorization_endpoint": "authorize",
    "token_endpoint": "token",
    "userinfo_endpoint": "userinfo",
    "jwks_uri": "keys",
}


def answer(request: BaseHTTPRequestHandler, value: dict[str, Any], status: int = 200) -> None:
    body = json.dumps(value).encode()
    request.send_response(status)
    request.send_header("Content-Type", "application/json")
    request.send_header("Content-Length", str(len(body)))
    request.end_headers()
    request.wfile.write(body)
