"""The keys that another backend publishes."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from chat import jwks
from chat.database import Unavailable
from chat.jwks import FRESH_SECONDS, LEAST_BETWEEN_FETCHES, MAX_BYTES, KeySet
from chat.tokens import Refused, Tokens
from tests.fakes import configuration

ONE, TWO = (rsa.generate_private_key(public_exponent=65537, key_size=2048) for _ in range(2))
WEAK = rsa.generate_private_key(public_exponent=65537, key_size=1024)
EC, P384 = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP384R1())
ED = ed25519.Ed25519PrivateKey.generate()
ALGORITHMS: dict[type, Any] = {
    rsa.RSAPrivateKey: jwt.algorithms.RSAAlgorithm,
    ec.EllipticCurvePrivateKey: jwt.algorithms.ECAlgorithm,
    ed25519.Ed25519PrivateKey: jwt.algorithms.OKPAlgorithm,
}
URL = "https://a.example/keys"


def jwk(key: Any, kid: str | None, **more: Any) -> dict[str, Any]:
    algorithm = next(made for kind, made in ALGORITHMS.items() if isinstance(key, kind))
    published = algorithm.to_jwk(key.public_key(), as_dict=True)
    return {
        **{name: value for name, value in published.items() if name != "key_ops"},
        **({"kid": kid} if kid else {}),
        **more,
    }


def key_set(*entries: dict[str, Any]) -> bytes:
    return json.dumps({"keys": entries}).encode()


class Publisher:
    """A place where keys are published; a test changes them, or lets it fail. Time stands until a test moves it."""

    def __init__(self, *entries: dict[str, Any]) -> None:
        self.body = key_set(*entries)
        self.error: Exception | None = None
        self.asked = 0
        self.now = 1000.0
        self.gate = threading.Event()
        self.gate.set()

    def fetch(self, url: str) -> bytes:
        assert url == URL
        self.asked += 1
        assert self.gate.wait(10)
        if self.error is not None:
            raise self.error
        return self.body

    def keys(self, algorithm: str = "RS256") -> KeySet:
        return KeySet(URL, algorithm, lambda: self.now, self.fetch)


def numbers(key: Any) -> Any:
    return key.public_numbers()


async def test_a_key_is_found_by_its_name_and_fetched_once() -> None:
    publisher = Publisher(jwk(ONE, "one"), jwk(TWO, "two"))
    keys = publisher.keys()
    for _ in range(3):
        assert numbers(await keys.find("one")) == numbers(ONE.public_key())
        assert numbers(await keys.find("two")) == numbers(TWO.public_key())
    assert await keys.find(None) is None, "which of the two?"
    assert await keys.find(5) is None and await keys.find(["one"]) is None
    assert publisher.asked == 1


async def test_a_token_without_a_name_of_a_key_is_held_against_the_only_one() -> None:
    publisher = Publisher(jwk(ONE, "one"))
    assert numbers(await publisher.keys().find(None)) == numbers(ONE.public_key())


async def test_an_unknown_key_is_looked_for_at_most_once_a_minute() -> None:
    publisher = Publisher(jwk(ONE, "one"))
    keys = publisher.keys()
    assert await keys.find("one")
    publisher.body = key_set(jwk(ONE, "one"), jwk(TWO, "two"))
    assert await keys.find("two") is None
    assert publisher.asked == 1
    publisher.now += LEAST_BETWEEN_FETCHES
    assert numbers(await keys.find("two")) == numbers(TWO.public_key())
    for number in range(1000):
        assert await keys.find(f"made up {number}") is None
    assert publisher.asked == 2


async def test_a_key_that_may_be_new_is_no_wrong_one_while_the_place_does_not_answer() -> None:
    place = Publisher(jwk(ONE, "one"))
    keys = place.keys()
    await keys.find("one")
    place.error = OSError("refused")
    place.now += LEAST_BETWEEN_FETCHES
    for _ in range(2):
        with pytest.raises(Unavailable):
            await keys.find("two")
        assert await keys.find("one") is not None
    place.error, place.body = None, key_set(jwk(ONE, "one"), jwk(TWO, "two"))
    place.now += LEAST_BETWEEN_FETCHES
    assert await keys.find("two") is not None
    assert await keys.find("three") is None


async def test_a_key_that_was_withdrawn_is_forgotten() -> None:
    publisher = Publisher(jwk(ONE, "one"), jwk(TWO, "two"))
    keys = publisher.keys()
    assert await keys.find("one")
    publisher.body = key_set(jwk(TWO, "two"))
    publisher.now += FRESH_SECONDS
    assert await keys.find("one") is None, "also the first who comes after a while waits for what holds now"
    assert await keys.find("two")


async def test_many_who_ask_at_once_share_one_fetch() -> None:
    publisher = Publisher(jwk(ONE, "one"))
    publisher.gate.clear()
    keys = publisher.keys()
    asking = [asyncio.create_task(keys.find("one")) for _ in range(50)]
    await asyncio.sleep(0.01)
    publisher.gate.set()
    assert all(await asyncio.gather(*asking))
    assert publisher.asked == 1


@pytest.mark.parametrize("error", [OSError("refused"), ValueError("odd"), TimeoutError()])
async def test_a_place_that_does_not_answer_is_nobodys_fault_and_what_was_known_goes_on(
    error: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    publisher = Publisher(jwk(ONE, "one"))
    keys = publisher.keys()
    publisher.error = error
    for _ in range(3):
        with pytest.raises(Unavailable):
            await keys.find("one")
    said = [record.message for record in caplog.records if record.name == "chat.tokens"]
    assert publisher.asked == len(said) == 1
    publisher.error, publisher.now = None, publisher.now + LEAST_BETWEEN_FETCHES
    assert await keys.find("one")
    publisher.error, publisher.now = error, publisher.now + FRESH_SECONDS
    for _ in range(3):
        assert await keys.find("one")


BODIES = {
    "no JSON": b"<html>",
    "a list": b"[]",
    "no keys": b"{}",
    "keys a text": b'{"keys": "x"}',
    "keys of numbers": b'{"keys": [1]}',
    "deep": b"[" * 100_000,
    "no key at all": key_set(),
    "a shared secret": key_set({"kty": "oct", "k": "c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0", "kid": "one"}),
    "for encryption": key_set(jwk(ONE, "one", use="enc")),
    "of another algorithm": key_set(jwk(ONE, "one", alg="RS512")),
    "of another kind": key_set(jwk(EC, "one")),
    "a weak key": key_set(jwk(WEAK, "one")),
    "half a key": key_set({"kty": "RSA", "n": "AQAB", "kid": "one"}),
}


@pytest.mark.parametrize("name", BODIES)
async def test_what_is_no_key_set_for_the_algorithm_gives_no_key(name: str) -> None:
    publisher = Publisher()
    publisher.body = BODIES[name]
    with pytest.raises(Unavailable):
        await publisher.keys().find("one")


ODD: list[Any] = [
    1,
    None,
    [],
    "text",
    {},
    {**jwk(ONE, None), "kid": ["a list"]},
    jwk(WEAK, "weak"),
    {"kty": "RSA", "n": 7},
]


@pytest.mark.parametrize("odd", ODD)
async def test_one_odd_entry_takes_no_good_key_away(odd: Any) -> None:
    keys = Publisher(odd, jwk(ONE, "one"), odd).keys()
    assert await keys.find("one")
    assert list(keys.keys) == ["one"]


@pytest.mark.parametrize(("algorithm", "key"), [("ES256", EC), ("EdDSA", ED)])
async def test_keys_of_each_algorithm_are_read(algorithm: str, key: Any) -> None:
    keys = Publisher(jwk(P384, "p384"), jwk(ONE, "rsa"), jwk(key, "one")).keys(algorithm)
    assert await keys.find("one")
    assert list(keys.keys) == ["one"]


async def test_a_token_is_held_against_the_published_key_of_its_name() -> None:
    publisher = Publisher(jwk(ONE, "one"), jwk(TWO, "two"))
    conf = configuration(CHAT_JWT_ALGORITHM="RS256", CHAT_JWT_JWKS_URL=URL)
    tokens = Tokens(conf, lambda: 1000.0, publisher.keys())
    claims = {"sub": "42", "exp": 2000}
    assert (await tokens.verify(jwt.encode(claims, TWO, "RS256", {"kid": "two"}))).person.id == "ext:42"
    for key, kid, reason in ((ONE, "two", "signature"), (ONE, "three", "key"), (ONE, None, "key")):
        with pytest.raises(Refused, match=reason):
            await tokens.verify(jwt.encode(claims, key, "RS256", {"kid": kid} if kid else {}))


# The fetch itself


class Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        status, headers, body = ANSWERS[self.path]
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *arguments: Any) -> None:
        """Say nothing."""


ANSWERS: dict[str, tuple[int, dict[str, str], bytes]] = {
    "/keys": (200, {}, b'{"keys": []}'),
    "/most": (200, {}, b"x" * MAX_BYTES),
    "/more": (200, {}, b"x" * (MAX_BYTES + 1)),
    "/moved": (302, {"Location": "/keys"}, b""),
    "/gone": (404, {}, b""),
}


@pytest.fixture
def place() -> Iterator[str]:
    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_place_is_asked_as_it_is_named_and_not_believed_without_end(place: str) -> None:
    assert jwks.fetch(f"{place}/keys") == b'{"keys": []}'
    assert len(jwks.fetch(f"{place}/most")) == MAX_BYTES
    for path in ("/more", "/moved", "/gone"):
        with pytest.raises((OSError, ValueError)) as failed:
            jwks.fetch(f"{place}{path}")
        getattr(failed.value, "close", lambda: None)()
