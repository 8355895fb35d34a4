"""The canary: what opens a door stands in no log, of no server and no proxy."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import jwt
import pytest

from .certificates import Certificate
from .conftest import QUIET
from .farm import Farm
from .guests import JSON, Guest
from .proxies import Proxy, binary, on_socket, one_certificate, status  # noqa: F401  (fixtures)
from .servers import Server
from .services import require
from .sockets import Ended, RawSocket, Refused
from .test_signed_in import PASSWORD, Session

# Base64 leaves it as it is where it stands in a token of its own; in claims it is looked for as the whole token.
CANARY = "tweet-a-canary-that-nobody-must-hear"
SHARED = "a key that two backends share, of some length"
BEHIND = {**QUIET, "TRUSTED_PROXIES": "127.0.0.1", "CHAT_JWT_KEY": SHARED, "SECRET_KEY": "the same on both servers"}


@pytest.fixture(scope="module")
def servers(farm: Farm) -> Iterator[list[Server]]:
    """A daphne and a uvicorn. They share no rooms here, which nobody needs."""
    made = [farm.server(kind, **BEHIND) for kind in ("daphne", "uvicorn")]
    for server in made:
        farm.add_user(server.var_dir, "ada", PASSWORD)
    yield made
    farm.end(list(made))


@pytest.fixture(scope="module")
def proxy(servers: list[Server], certificate: Certificate, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Proxy]:
    require(binary("nginx"), "nginx is neither on PATH nor in /usr/sbin")
    made = Proxy("nginx", tmp_path_factory.mktemp("nginx"), certificate, [server.address for server in servers]).start()
    yield made
    made.end()


Open = Callable[..., RawSocket]


def opened_by(server: Server, proxy: Proxy | None) -> Open:
    """Return a dialler to a server, or through the proxy to whichever it takes."""

    def dial(path: str, *bearers: str, **headers: str) -> RawSocket:
        one = RawSocket(server.address) if proxy is None else on_socket(proxy.stream(), ("127.0.0.1", proxy.port))
        protocols = [JSON, *(f"bearer.{token}" for token in bearers)] if bearers else []
        host = None if proxy is None else f"localhost:{proxy.port}"
        try:
            return one.open(path, protocols=protocols, headers=headers.items(), host=host)
        except (Refused, Ended):
            one.drop()
            raise

    return dial


def shows(secret: str) -> list[tuple[str, tuple[str, ...], dict[str, str]]]:
    """Return handshakes, as path, tokens and headers, with a secret wherever one may be, and where none belongs."""
    return [
        (f"/ws?ticket={secret}", (), {}),
        (f"/ws/lobby?x=1&ticket={secret}", (secret,), {}),
        (f"/ws?ticket={secret}&ticket={secret}", (), {}),
        (f"/nowhere?ticket={secret}", (), {}),
        ("/ws", (secret,), {}),
        ("/ws", (secret, secret), {}),
        ("/ws", (), {"Sec-WebSocket-Protocol": f"bearer.{secret}"}),
        ("/ws", (secret,), {"Origin": "http://evil.example"}),
        ("/ws", (secret,), {"Cookie": f"sessionid={secret}", "Authorization": f"Bearer {secret}"}),
    ]


def talk(one: RawSocket, secret: str) -> None:
    """Say a secret in frames, good ones and bad ones, until the server has answered or hung up."""
    frames = [
        json.dumps({"type": "auth", "id": 1, "payload": {"token": secret}}),
        json.dumps({"type": "auth", "id": 2, "payload": {"token": [secret]}}),
        json.dumps({"type": secret, "id": 3}),
        f'{{"type": "auth", "payload": {{"token": "{secret}',
        json.dumps({"type": "ping", "id": 5}),
    ]
    try:
        for frame in frames:
            one.send(frame)
        while '"id":5' not in str(one.read()):
            pass
    except (Ended, OSError):
        pass  # It was closed: that is an answer, too.
    finally:
        one.drop()


def show(dial: Open, secrets: list[str]) -> None:
    for secret in secrets:
        for path, bearers, headers in shows(secret):
            try:
                one = dial(path, *bearers, **headers)
            except (Refused, Ended):
                continue
            if bearers:
                talk(one, secret)
            else:
                one.drop()


def pieces(secret: str) -> list[str]:
    """Return what would give a secret away: itself, and of a token what nobody else's begins with."""
    return [secret, *(part for part in secret.split(".")[1:] if len(part) > 20)]


def post(server: Server, session: Session, path: str) -> Any:
    connection = server.http()
    headers = {"Cookie": session.cookie, "Content-Type": "application/json", "Origin": f"http://{server.netloc}"}
    connection.request("POST", path, "{}", headers)
    answer = connection.getresponse()
    body = answer.read()
    connection.close()
    return json.loads(body) if answer.status == 200 else None


def test_neither_a_token_nor_a_ticket_nor_a_session_stands_in_any_log(servers: list[Server], proxy: Proxy) -> None:
    forged = [f"{CANARY}.{CANARY}.{CANARY}", "t" * 10 + CANARY.replace("-", "_")[:22]]
    foreign = jwt.encode({"sub": CANARY, "exp": 4e9}, SHARED, "HS256")
    for server in servers:
        session = Session(server).sign_in("ada")
        token = post(server, session, f"/api/v1/tokens?token={CANARY}")["token"]
        ticket = post(server, session, f"/api/v1/tickets?token={CANARY}")["ticket"]
        assert post(server, Session(server), f"/api/v1/tokens?token={CANARY}") is None
        guest = Guest(server.ws())
        secrets = [token, ticket, guest.welcome["token"], foreign, *forged]
        guest.close()
        for dial in (opened_by(server, None), opened_by(server, proxy)):
            show(dial, secrets)
        for request in (
            f"GET /ws?ticket={ticket} HTTP/1.1\r\nHost: localhost\r\nSec-WebSocket-Protocol: bearer.{token}\r\nX: {'x' * 20_000}\r\n\r\n",
            f"GET /ws?ticket={ticket}\x01 HTTP/1.1\r\nHost: localhost\r\n\r\n",
        ):
            assert 400 <= status(proxy.stream(), request) < 500
        for path in (f"/invitations/{token}/", f"/accounts/password/reset/MQ/{token}/more?next=/invitations/{token}/"):
            assert server.get(path).status == proxy.get(path).status == 404
        last = opened_by(server, None)("/ws", guest.welcome["token"])
        server.logged(f"address={last.address}")
        last.drop()
        logs = {"server": server.log(), "proxy": proxy.log(), "access": proxy.access_log()}
        assert "Not Found: /invitations/***/" in logs["server"] and '"GET /invitations/*** ' in logs["access"]
        assert "/nowhere" in logs["server"] and "/nowhere" in logs["access"], "requests are logged"
        for secret in [*secrets, CANARY, session.cookies["sessionid"]]:
            for piece in pieces(secret):
                assert [name for name, log in logs.items() if piece in log] == []
