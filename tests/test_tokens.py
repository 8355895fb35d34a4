"""Tokens: those that hold, and those that do not, by every trick that is known."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Callable
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from chat.tokens import (
    GUEST_SECONDS,
    MAX_ROOMS,
    MAX_SUBJECT,
    MAX_TOKEN_BYTES,
    NOT_BEFORE_LEEWAY_SECONDS,
    USER_SECONDS,
    Refused,
    Tokens,
    derive,
    key_problem,
)
from chat.wire.events import Person
from tests.fakes import configuration

NOW = 1_795_348_800.0
ADA = Person("user:7", "Ada", "user")
WANDERER = Person("guest:0123456789abcdef", "Wanderer", "guest")
SESSION = "asessionkeyof32charactersasdjango"
SHARED = "a key that two backends share, of some length"
OWN_KEY = derive("for tests only", "token")


def public_pem(key: Any) -> str:
    form = (serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    return str(key.public_key().public_bytes(*form).decode())


RSA = rsa.generate_private_key(public_exponent=65537, key_size=2048)
OTHER_RSA = rsa.generate_private_key(public_exponent=65537, key_size=2048)
EC = ec.generate_private_key(ec.SECP256R1())
ED = ed25519.Ed25519PrivateKey.generate()
RSA_PEM = public_pem(RSA)
WEAK_PEM = public_pem(rsa.generate_private_key(public_exponent=65537, key_size=1024))


def tokens(now: float = NOW, **variables: object) -> Tokens:
    return Tokens(configuration(**variables), lambda: now)


def hs256(**claims: Any) -> str:
    """Return another backend's token, signed by the shared key."""
    return jwt.encode({"sub": "42", "exp": NOW + 60, **claims}, SHARED, "HS256")


def part(value: Any) -> str:
    data = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def by_hand(header: Any, claims: Any, key: bytes = b"") -> str:
    """Return a token put together without a library: with an HMAC by `key`, or an empty signature."""
    signed = f"{part(header)}.{part(claims)}"
    return f"{signed}.{part(hmac.digest(key, signed.encode(), hashlib.sha256)) if key else ''}"


# Ours


async def test_a_users_token_says_who_it_is_and_which_session_made_it_for_ten_minutes() -> None:
    token, expires_at = tokens().for_user(ADA, SESSION)
    assert expires_at == NOW + USER_SECONDS
    claims = await tokens(NOW + USER_SECONDS - 1).verify(token)
    assert (claims.person, claims.session, claims.expires_at) == (ADA, SESSION, expires_at)
    assert claims.granted == {}
    with pytest.raises(Refused, match="expired"):
        await tokens(NOW + USER_SECONDS).verify(token)


def test_the_sessions_key_cannot_be_read_from_a_token() -> None:
    token, _ = tokens().for_user(ADA, SESSION)
    claims = jwt.decode(token, options={"verify_signature": False})
    assert SESSION not in json.dumps(claims) and SESSION not in token
    assert SESSION.encode() not in base64.urlsafe_b64decode(claims["ses"])


async def test_a_guests_token_keeps_id_and_name_for_thirty_days() -> None:
    token = tokens().for_guest(WANDERER)
    claims = await tokens(NOW + GUEST_SECONDS - 1).verify(token)
    assert (claims.person, claims.session, claims.is_guest) == (WANDERER, "", True)
    with pytest.raises(Refused, match="expired"):
        await tokens(NOW + GUEST_SECONDS).verify(token)


async def test_a_token_of_another_key_is_not_ours() -> None:
    token, _ = tokens(SECRET_KEY="another one").for_user(ADA, SESSION)
    with pytest.raises(Refused, match="signature"):
        await tokens().verify(token)


def test_keys_of_different_purposes_and_secrets_are_different() -> None:
    keys = {derive(secret, purpose) for secret in ("a", "b") for purpose in ("token", "session")}
    assert len(keys) == 4 and {len(key) for key in keys} == {32}


# Other backends'


@pytest.mark.parametrize(
    ("claims", "person", "granted"),
    [
        ({}, Person("ext:42", "42", "user"), {}),
        ({"name": "Grace"}, Person("ext:42", "Grace", "user"), {}),
        ({"sub": "user:7", "name": "Ada"}, Person("ext:user:7", "Ada", "user"), {}),
        ({"sub": "guest:1"}, Person("ext:guest:1", "guest:1", "user"), {}),
        ({"name": "Server"}, Person("ext:42", "42", "user"), {}),
        ({"name": "Server", "sub": "Server"}, Person("ext:Server", "user-13dfa4a6", "user"), {}),
            ({"name": "deleted user", "sub": "user-7"}, Person("ext:user-7", "user-b88838da", "user"), {}),
            ({"name": "S⋿rver b", "sub": "\u0301"}, Person("ext:\u0301", "user-85cb6ddd", "user"), {}),
        ({"name": 5}, Person("ext:42", "5", "user"), {}),
        ({"name": "x" * 500}, Person("ext:42", "x" * 40, "user"), {}),
        ({"rooms": []}, Person("ext:42", "42", "user"), {}),
        ({"rooms": ["one", "two"]}, Person("ext:42", "42", "user"), {"one": "member", "two": "member"}),
        ({"rooms": {"one": "owner", "two": "moderator"}}, Person("ext:42", "42", "user"), {"one": "owner", "two": "moderator"}),
        ({"nbf": NOW + NOT_BEFORE_LEEWAY_SECONDS}, Person("ext:42", "42", "user"), {}),
        ({"iat": NOW + 3600, "jti": "x", "more": [1]}, Person("ext:42", "42", "user"), {}),
        ({"iss": "https://another.example"}, Person("ext:42", "42", "user"), {}),
    ],
    ids=str,
)  # fmt: skip
async def test_another_backends_people_are_in_a_name_space_of_their_own(
    claims: dict[str, Any], person: Person, granted: dict[str, str]
) -> None:
    found = await tokens(CHAT_JWT_KEY=SHARED).verify(hs256(**claims))
    assert (found.person, dict(found.granted), found.session) == (person, granted, "")
    assert found.expires_at == NOW + 60


@pytest.mark.parametrize(("algorithm", "key"), [("RS256", RSA), ("ES256", EC), ("EdDSA", ED)])
async def test_a_public_key_verifies_what_its_private_half_has_signed(algorithm: str, key: Any) -> None:
    variables = {"CHAT_JWT_ALGORITHM": algorithm, "CHAT_JWT_KEY": public_pem(key)}
    token = jwt.encode({"sub": "42", "exp": NOW + 60}, key, algorithm)
    assert (await tokens(**variables).verify(token)).person.id == "ext:42"
    one_line = {**variables, "CHAT_JWT_KEY": public_pem(key).replace("\n", "\\n")}
    assert (await tokens(**one_line).verify(token)).person.id == "ext:42"


async def test_an_audience_is_wanted_where_one_is_configured_and_refused_where_none_is() -> None:
    wanted = tokens(CHAT_JWT_KEY=SHARED, CHAT_JWT_AUDIENCE="chat.example")
    for audience in ("chat.example", ["other", "chat.example"]):
        assert (await wanted.verify(hs256(aud=audience))).person.id == "ext:42"
    for token in (hs256(), hs256(aud="other"), hs256(aud=["chat.example.evil"]), hs256(aud=""), hs256(aud={"a": 1})):
        with pytest.raises(Refused, match="audience"):
            await wanted.verify(token)
    with pytest.raises(Refused, match="audience"):
        await tokens(CHAT_JWT_KEY=SHARED).verify(hs256(aud="chat.example"))


# Forged, and otherwise bad

FOREIGN = {"sub": "42", "exp": NOW + 60}
OURS = {"iss": "chatsite", "aud": "chatsite", "sub": "user:1", "name": "root", "exp": NOW + 60}
HS = {"alg": "HS256", "typ": "JWT"}
SHARED_BYTES = SHARED.encode()


def ours(**changes: Any) -> str:
    return jwt.encode({**OURS, **changes}, OWN_KEY, "HS256")


def changed(token: str, **claims: Any) -> str:
    """Return a token with other claims and the signature that it had."""
    header, _, signature = token.split(".")
    return ".".join([header, part({**jwt.decode(token, options={"verify_signature": False}), **claims}), signature])


BAD: dict[str, tuple[str, Callable[[], str]]] = {
    "nothing": ("malformed", lambda: ""),
    "words": ("malformed", lambda: "a token"),
    "two parts": ("malformed", lambda: "a.b"),
    "four parts": ("malformed", lambda: hs256() + ".x"),
    "no base64": ("malformed", lambda: "!!.!!.!!"),
    "not ASCII": ("malformed", lambda: "ä.ö.ü"),
    "lone surrogate": ("malformed", lambda: "\ud800.a.b"),
    "too long": ("malformed", lambda: hs256(name="x" * MAX_TOKEN_BYTES)),
    "deep header": ("malformed", lambda: by_hand(b"[" * 2000, FOREIGN)),
    "deep claims": ("malformed", lambda: by_hand(HS, b'{"a":' * 500, SHARED_BYTES)),
    "header is a list": ("malformed", lambda: by_hand([], FOREIGN, SHARED_BYTES)),
    "claims are a list": ("malformed", lambda: by_hand(HS, [], SHARED_BYTES)),
    "alg none": ("algorithm", lambda: by_hand({"alg": "none"}, FOREIGN)),
    "alg None": ("algorithm", lambda: by_hand({"alg": "None"}, FOREIGN)),
    "alg nOnE of ours": ("algorithm", lambda: by_hand({"alg": "nOnE"}, OURS)),
    "alg none of ours": ("algorithm", lambda: by_hand({"alg": "none"}, OURS)),
    "alg null": ("algorithm", lambda: by_hand({"alg": None}, FOREIGN, SHARED_BYTES)),
    "alg a list": ("algorithm", lambda: by_hand({"alg": ["HS256"]}, FOREIGN, SHARED_BYTES)),
    "no alg": ("algorithm", lambda: by_hand({"typ": "JWT"}, FOREIGN, SHARED_BYTES)),
    "alg HS384": ("algorithm", lambda: jwt.encode(FOREIGN, SHARED + SHARED, "HS384")),
    "alg HS512": ("algorithm", lambda: jwt.encode(FOREIGN, SHARED + SHARED, "HS512")),
    "alg RS256": ("algorithm", lambda: jwt.encode(FOREIGN, RSA, "RS256")),
    "crit unknown": ("malformed", lambda: by_hand({**HS, "crit": ["x"], "x": 1}, FOREIGN, SHARED_BYTES)),
    "b64 false": ("malformed", lambda: by_hand({**HS, "crit": ["b64"], "b64": False}, FOREIGN, SHARED_BYTES)),
    "key in the header": ("signature", lambda: by_hand({**HS, "jwk": {"kty": "oct", "k": "YQ"}}, FOREIGN, b"a")),
    "kid a path": ("signature", lambda: by_hand({**HS, "kid": "../../dev/null"}, FOREIGN, b"\0")),
    "another key": ("signature", lambda: by_hand(HS, FOREIGN, b"another key")),
    "empty key": ("signature", lambda: by_hand(HS, FOREIGN)),
    "changed claims": ("signature", lambda: changed(hs256(), sub="1")),
    "cut signature": ("signature", lambda: hs256().rpartition(".")[0] + "."),
    "ours by the shared key": ("signature", lambda: by_hand(HS, OURS, SHARED_BYTES)),
    "ours by SECRET_KEY itself": ("signature", lambda: by_hand(HS, OURS, b"for tests only")),
    "ours with changed claims": ("signature", lambda: changed(tokens().for_user(ADA, SESSION)[0], sub="user:1")),
    "a guest's as a user": ("signature", lambda: changed(tokens().for_guest(WANDERER), sub="user:1")),
    "a user's without a session": ("claims", ours),
    "a user's with a made up session": ("claims", lambda: ours(ses="adassession")),
    "ours for another audience": ("audience", lambda: ours(aud="other")),
    "ours without an audience": ("audience", lambda: jwt.encode({**OURS, "aud": None}, OWN_KEY, "HS256")),
    "no exp": ("claims", lambda: by_hand(HS, {"sub": "42"}, SHARED_BYTES)),
    "exp null": ("claims", lambda: hs256(exp=None)),
    "exp text": ("claims", lambda: hs256(exp="1999999999")),
    "exp true": ("claims", lambda: hs256(exp=True)),
    "exp infinite": ("claims", lambda: by_hand(HS, b'{"sub":"42","exp":Infinity}', SHARED_BYTES)),
    "exp NaN": ("claims", lambda: by_hand(HS, b'{"sub":"42","exp":NaN}', SHARED_BYTES)),
    "exp 1e400": ("claims", lambda: by_hand(HS, b'{"sub":"42","exp":1e400}', SHARED_BYTES)),
    "exp negative": ("claims", lambda: hs256(exp=-1)),
    "exp now": ("expired", lambda: hs256(exp=NOW)),
    "exp yesterday": ("expired", lambda: hs256(exp=NOW - 86_400)),
    "nbf tomorrow": ("early", lambda: hs256(nbf=NOW + 86_400)),
    "nbf text": ("claims", lambda: hs256(nbf="x")),
    "no sub": ("claims", lambda: by_hand(HS, {"exp": NOW + 60}, SHARED_BYTES)),
    "sub empty": ("claims", lambda: hs256(sub="")),
    "sub a number": ("malformed", lambda: by_hand(HS, {**FOREIGN, "sub": 42}, SHARED_BYTES)),
    "sub too long": ("claims", lambda: hs256(sub="x" * (MAX_SUBJECT + 1))),
    "sub with a newline": ("claims", lambda: hs256(sub="a\nb")),
    "rooms a text": ("claims", lambda: hs256(rooms="lobby")),
    "rooms a number": ("claims", lambda: hs256(rooms=1)),
    "rooms of numbers": ("claims", lambda: hs256(rooms=[1])),
    "a room that is no slug": ("claims", lambda: hs256(rooms=["Lobby!"])),
    "a role that is none": ("claims", lambda: hs256(rooms={"lobby": "king"})),
    "a role that is a list": ("claims", lambda: hs256(rooms={"lobby": ["owner"]})),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD)
async def test_what_does_not_hold_is_refused_and_counted_by_a_word(name: str) -> None:
    reason, make = BAD[name]
    with pytest.raises(Refused) as refused:
        await tokens(CHAT_JWT_KEY=SHARED).verify(make())
    assert refused.value.reason == reason


async def test_more_rooms_than_a_token_may_name_are_refused() -> None:
    names = [f"r{number}" for number in range(MAX_ROOMS + 1)]
    found = tokens(CHAT_JWT_KEY=SHARED)
    with pytest.raises(Refused):
        found._foreign({"sub": "42", "exp": NOW + 60, "rooms": names})
    assert len(found._foreign({"sub": "42", "exp": NOW + 60, "rooms": names[1:]}).granted) == MAX_ROOMS


SWAPS: dict[str, Callable[[], str]] = {
    "signed with the public key as a secret": lambda: by_hand(HS, FOREIGN, RSA_PEM.encode()),
    "the same without the last newline": lambda: by_hand(HS, FOREIGN, RSA_PEM.strip().encode()),
    "alg none": lambda: by_hand({"alg": "none"}, FOREIGN),
    "alg RS512": lambda: jwt.encode(FOREIGN, RSA, "RS512"),
    "alg PS256": lambda: jwt.encode(FOREIGN, RSA, "PS256"),
    "alg ES256": lambda: jwt.encode(FOREIGN, EC, "ES256"),
    "another key": lambda: jwt.encode(FOREIGN, OTHER_RSA, "RS256"),
    "ours by HS256 with the public key": lambda: by_hand(HS, OURS, RSA_PEM.encode()),
    "ours by their private key": lambda: jwt.encode(OURS, RSA, "RS256"),
}


@pytest.mark.parametrize("name", SWAPS)
async def test_a_swapped_algorithm_or_key_opens_nothing(name: str) -> None:
    with pytest.raises(Refused) as refused:
        await tokens(CHAT_JWT_ALGORITHM="RS256", CHAT_JWT_KEY=RSA_PEM).verify(SWAPS[name]())
    assert refused.value.reason in ("algorithm", "signature")


@pytest.mark.parametrize(
    "token", [hs256(), by_hand(HS, FOREIGN), by_hand({"alg": "none"}, FOREIGN), jwt.encode(FOREIGN, RSA, "RS256")]
)
async def test_where_no_key_is_configured_no_other_backend_is_believed(token: str) -> None:
    with pytest.raises(Refused, match="key"):
        await tokens().verify(token)


# Keys that make no sense

CERTIFICATE = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----"


@pytest.mark.parametrize(
    ("variables", "problem"),
    [
        ({}, ""),
        ({"CHAT_JWT_KEY": "x" * 32}, ""),
        ({"CHAT_JWT_ALGORITHM": "RS256", "CHAT_JWT_KEY": RSA_PEM}, ""),
        ({"CHAT_JWT_ALGORITHM": "ES256", "CHAT_JWT_KEY": public_pem(EC)}, ""),
        ({"CHAT_JWT_ALGORITHM": "EdDSA", "CHAT_JWT_KEY": public_pem(ED)}, ""),
        ({"CHAT_JWT_ALGORITHM": "RS256", "CHAT_JWT_JWKS_URL": "https://a.example/keys"}, ""),
        ({"CHAT_JWT_KEY": "x" * 31}, "has 31 bytes: expected 32 or more"),
        ({"CHAT_JWT_ALGORITHM": "RS256", "CHAT_JWT_KEY": WEAK_PEM}, "too weak"),
        ({"CHAT_JWT_KEY": RSA_PEM}, "expected no public or private key"),
        ({"CHAT_JWT_ALGORITHM": "RS256", "CHAT_JWT_KEY": "x" * 32}, "expected a public key in PEM for RS256"),
        ({"CHAT_JWT_ALGORITHM": "RS256", "CHAT_JWT_KEY": public_pem(EC)}, "for RS256"),
        ({"CHAT_JWT_ALGORITHM": "ES256", "CHAT_JWT_KEY": RSA_PEM}, "for ES256"),
        ({"CHAT_JWT_ALGORITHM": "EdDSA", "CHAT_JWT_KEY": RSA_PEM}, "for EdDSA"),
        ({"CHAT_JWT_ALGORITHM": "RS256", "CHAT_JWT_KEY": CERTIFICATE}, "for RS256"),
        ({"CHAT_JWT_JWKS_URL": "https://a.example/keys"}, "expected RS256, ES256 or EdDSA"),
        ({"CHAT_JWT_JWKS_URL": "https://a.example/keys", "CHAT_JWT_KEY": "x" * 32}, "both set"),
    ],
    ids=range(16),
)  # fmt: skip
async def test_a_key_that_does_not_fit_is_said_in_words_and_believes_nobody(
    variables: dict[str, object], problem: str
) -> None:
    said = key_problem(configuration(**variables))
    assert bool(said) is bool(problem) and problem in said
    assert "x" * 31 not in said and "BEGIN" not in said, "a key is no thing for a log"
    if problem and variables.get("CHAT_JWT_KEY"):
        key = str(variables["CHAT_JWT_KEY"])
        with pytest.raises(Refused, match="key|algorithm"):
            await tokens(**variables).verify(by_hand(HS, FOREIGN, key.encode()))
