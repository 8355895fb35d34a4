"""Tokens: JSON Web Tokens (RFC 7519) that say who somebody is, ours and those of other backends."""

from __future__ import annotations

import base64
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import jwt
from cryptography.fernet import Fernet, InvalidToken
from django.utils.crypto import salted_hmac

from chat.conf import SLUG, Conf
from chat.jwks import KeySet
from chat.live.identity import NOTHING, name_without
from chat.wire import names
from chat.wire.codes import WireError
from chat.wire.events import Person

OURS = "chatsite"
OUR_ALGORITHM = "HS256"
USER_SECONDS = 10 * 60
GUEST_SECONDS = 30 * 24 * 3600
# A signature is looked at before anything else, and costs by the token's length.
MAX_TOKEN_BYTES = 4096
# With its prefix it is an author's id in the database, of 64 characters.
MAX_SUBJECT = 60
MAX_ROOMS = 1000
# Another machine's clock may be ahead of ours.
NOT_BEFORE_LEEWAY_SECONDS = 30
# RFC 7518, section 3.2: a key of the hash's size or larger.
LEAST_KEY_BYTES = 32
ROLES = ("member", "moderator", "owner")


class Refused(Exception):
    """A credential does not hold. `reason` is one of a few words, for counting; the client is told nothing of it."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Claims:
    """What a token that holds says. Of our own users' it names the session, to be asked whether it still is."""

    person: Person
    expires_at: float
    session: str = field(default="", repr=False)
    granted: Mapping[str, str] = field(default_factory=lambda: NOTHING)

    @property
    def is_guest(self) -> bool:
        return self.person.kind == "guest"


class Tokens:
    """Issues and verifies. Which key and algorithm are used depends on the settings alone, never on the token."""

    def __init__(self, conf: Conf, clock: Callable[[], float] = time.time, keys: KeySet | None = None) -> None:
        self.clock = clock
        self.algorithm = conf.jwt_algorithm
        self.audience = conf.jwt_audience or None
        self.key, self.keys = conf.jwt_key, keys
        if key_problem(conf):
            self.key = ""  # What makes no sense opens nothing; chat.E010 says so.
        elif conf.jwt_jwks_url and keys is None:
            self.keys = KeySet(conf.jwt_jwks_url, conf.jwt_algorithm)
        self.own_key = derive(conf.secret_key, "token")
        self.seal = Fernet(base64.urlsafe_b64encode(derive(conf.secret_key, "session")))

    # Issuing

    def for_user(self, person: Person, session: str) -> tuple[str, float]:
        """Return a short-lived token for somebody signed in, and when it ends.

        The session's key is sealed in it: what ends the session ends what the token opened, and a page's script, which
        may read the token, does not get the cookie by it.
        """
        return self._issue(person, USER_SECONDS, ses=self.seal.encrypt(session.encode()).decode())

    def for_guest(self, person: Person) -> str:
        """Return what a guest shows to be the same one on the next connection."""
        return self._issue(person, GUEST_SECONDS)[0]

    def _issue(self, person: Person, seconds: int, **more: str) -> tuple[str, float]:
        expires_at = int(self.clock()) + seconds
        claims = {"iss": OURS, "aud": OURS, "sub": person.id, "name": person.name, "exp": expires_at, **more}
        return jwt.encode(claims, self.own_key, OUR_ALGORITHM), float(expires_at)

    # Verifying

    async def verify(self, token: str) -> Claims:
        """Return what a token says. Raises: Refused; chat.database.Unavailable where its keys cannot be fetched."""
        if len(token) > MAX_TOKEN_BYTES:
            raise Refused("malformed")
        header, unverified = peek(token)
        if unverified.get("iss") == OURS:
            return self._own(self._verified(token, self.own_key, OUR_ALGORITHM, OURS))
        key = await self.keys.find(header.get("kid")) if self.keys is not None else self.key
        if not key:
            raise Refused("key")
        return self._foreign(self._verified(token, key, self.algorithm, self.audience))

    def _verified(self, token: str, key: Any, algorithm: str, audience: str | None) -> dict[str, Any]:
        # The times are held against our own clock, below.
        options: Any = {"require": ["exp", "sub"], "verify_exp": False, "verify_nbf": False, "verify_iat": False}
        try:
            claims: dict[str, Any] = jwt.decode(token, key, [algorithm], options, audience=audience)
        except jwt.InvalidAlgorithmError:
            raise Refused("algorithm") from None
        except (jwt.InvalidSignatureError, jwt.InvalidKeyError):
            raise Refused("signature") from None
        except jwt.InvalidAudienceError:
            raise Refused("audience") from None
        except jwt.MissingRequiredClaimError as error:
            raise Refused("audience" if error.claim == "aud" else "claims") from None
        except (jwt.PyJWTError, ValueError, TypeError):
            raise Refused("malformed") from None
        self._check_times(claims)
        return claims

    def _check_times(self, claims: Mapping[str, Any]) -> None:
        now = self.clock()
        if not is_number(claims["exp"]) or not is_number(claims.get("nbf", 0)):
            raise Refused("claims")
        if claims["exp"] <= now or claims.get("nbf", 0) > now + NOT_BEFORE_LEEWAY_SECONDS:
            raise Refused("expired" if claims["exp"] <= now else "early")

    def _own(self, claims: Mapping[str, Any]) -> Claims:
        kind = str(claims["sub"]).partition(":")[0]
        person = Person(claims["sub"], str(claims.get("name", "")), kind)
        if kind == "guest":
            return Claims(person, claims["exp"])
        try:
            session = self.seal.decrypt(str(claims.get("ses", ""))).decode()
        except InvalidToken:
            raise Refused("claims") from None
        return Claims(person, claims["exp"], session)

    def _foreign(self, claims: Mapping[str, Any]) -> Claims:
        """Return another backend's claims; its people have a name space of their own, and are nobody's account here."""
        subject = claims["sub"]
        if not 1 <= len(subject) <= MAX_SUBJECT or not subject.isprintable():
            raise Refused("claims")
        person = Person(f"ext:{subject}", shown(claims.get("name"), subject), "user")
        return Claims(person, claims["exp"], granted=granted(claims.get("rooms")))


def peek(token: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return what a token says of itself: good for choosing where to look, for nothing else. Raises: Refused."""
    try:
        found = jwt.decode_complete(token, options={"verify_signature": False})
    except (jwt.PyJWTError, ValueError, TypeError):
        raise Refused("malformed") from None
    return found["header"], found["payload"]


def shown(name: Any, subject: str) -> str:
    """Return another backend's name as it may be shown; one that no guest could take is not."""
    for text in (name, subject):
        try:
            return names.clean(str(text or "")[: names.MAX_NAME_CHARACTERS])
        except WireError:
            continue
    return name_without(Person(f"ext:{subject}", "", "user"))


def granted(rooms: Any) -> Mapping[str, str]:
    """Return the claim `rooms`, a list of slugs or roles by slug, as roles by slug. Raises: Refused."""
    if rooms is None:
        return NOTHING
    roles = dict.fromkeys(rooms, "member") if is_list_of_text(rooms) else rooms
    if not isinstance(roles, dict) or len(roles) > MAX_ROOMS:
        raise Refused("claims")
    if not all(re.fullmatch(SLUG, slug) and role in ROLES for slug, role in roles.items()):
        raise Refused("claims")
    return roles


def is_list_of_text(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(item, str) for item in value)


def is_number(value: Any) -> bool:
    """Tell whether a claim is a time; what is later than any calendar is none."""
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < 1e11


def derive(secret_key: str, purpose: str) -> bytes:
    """Return a key of 32 bytes for one purpose; who learns it learns no other."""
    return salted_hmac(f"chat.tokens.{purpose}", "", secret=secret_key, algorithm="sha256").digest()


def key_problem(conf: Conf) -> str:
    """Return what is wrong with the keys of other backends, or nothing."""
    algorithm = conf.jwt_algorithm
    if conf.jwt_key and conf.jwt_jwks_url:
        return "CHAT_JWT_KEY and CHAT_JWT_JWKS_URL are both set: expected one of them."
    if conf.jwt_jwks_url and algorithm.startswith("HS"):
        return f"CHAT_JWT_JWKS_URL with CHAT_JWT_ALGORITHM={algorithm}: expected RS256, ES256 or EdDSA, a published key is no secret."
    return fault_of(conf.jwt_key, algorithm) if conf.jwt_key else ""


def fault_of(key: str, algorithm: str) -> str:
    """Return why a key is none for an algorithm, or nothing."""
    if algorithm.startswith("HS") and len(key.encode()) < LEAST_KEY_BYTES:
        return f"CHAT_JWT_KEY has {len(key.encode())} bytes: expected {LEAST_KEY_BYTES} or more for {algorithm}."
    found = jwt.get_algorithm_by_name(algorithm)
    try:
        weakness = found.check_key_length(found.prepare_key(key))
    except (jwt.PyJWTError, ValueError, TypeError):
        kind = "no public or private key" if algorithm.startswith("HS") else f"a public key in PEM for {algorithm}"
        return f"CHAT_JWT_KEY does not fit: expected {kind}."
    return f"CHAT_JWT_KEY is too weak: {weakness}" if weakness else ""
