"""The keys that another backend publishes (JSON Web Key Set, RFC 7517)."""

from __future__ import annotations

import asyncio
import json
import logging
import time
import urllib.request
from collections.abc import Callable, Mapping
from typing import Any

import jwt

from chat.database import Unavailable

logger = logging.getLogger("chat.tokens")

FETCH_SECONDS = 5.0
MAX_BYTES = 256 * 1024
# An unknown key may be a new one; but anybody may make up names of keys.
LEAST_BETWEEN_FETCHES = 60.0
# A key that was withdrawn is forgotten after this.
FRESH_SECONDS = 600.0
# What a key of each algorithm says of itself (RFC 7518, section 6; RFC 8037).
KINDS = {"RS256": ("RSA", None), "ES256": ("EC", "P-256"), "EdDSA": ("OKP", None)}

Fetch = Callable[[str], bytes]


class NoRedirect(urllib.request.HTTPRedirectHandler):
    """Goes nowhere else: the operator named the place whose keys are believed."""

    def redirect_request(self, *arguments: Any) -> None:
        return None


def fetch(url: str) -> bytes:
    """Return what a URL answers. Raises: OSError, ValueError."""
    opener = urllib.request.build_opener(NoRedirect)
    with opener.open(url, timeout=FETCH_SECONDS) as answer:
        body: bytes = answer.read(MAX_BYTES + 1)
    if len(body) > MAX_BYTES:
        raise ValueError(f"expected at most {MAX_BYTES} bytes, got more")
    return body


class KeySet:
    """The keys at a URL, by their names; fetched in a thread when they are asked for, at most once a minute."""

    def __init__(
        self, url: str, algorithm: str, clock: Callable[[], float] = time.monotonic, fetch: Fetch = fetch
    ) -> None:
        self.url = url
        self.algorithm = algorithm
        self.clock = clock
        self.fetch = fetch
        self.keys: Mapping[str | None, Any] = {}
        self.tried_at = self.fetched_at = float("-inf")
        self.fetching: asyncio.Task[None] | None = None

    async def find(self, name: Any) -> Any:
        """Return the key of a name, or None; without a name the only one there is.

        Raises: chat.database.Unavailable where no keys were ever fetched, or where it may be a new one and the last try
        to fetch it failed: that passes.
        """
        stale = self.clock() - self.fetched_at >= FRESH_SECONDS
        if (stale or self._named(name) is None) and self.clock() - self.tried_at >= LEAST_BETWEEN_FETCHES:
            self.tried_at = self.clock()
            self.fetching = asyncio.get_running_loop().create_task(self._fetch())
        if self.fetching is not None and (stale or self._named(name) is None):
            await asyncio.wait([self.fetching])
        if not self.keys or (self._named(name) is None and self.fetched_at < self.tried_at):
            raise Unavailable("the keys of CHAT_JWT_JWKS_URL could not be fetched")
        return self._named(name)

    def _named(self, name: Any) -> Any:
        if name is None:
            return next(iter(self.keys.values())) if len(self.keys) == 1 else None
        return self.keys.get(name) if isinstance(name, str) else None

    async def _fetch(self) -> None:
        try:
            async with asyncio.timeout(2 * FETCH_SECONDS):
                self.keys = read(await asyncio.to_thread(self.fetch, self.url), self.algorithm)
            self.fetched_at = self.clock()
        except (OSError, ValueError, TimeoutError) as error:
            logger.warning(
                "CHAT_JWT_JWKS_URL gives no keys, those that were known go on: %s", " ".join(str(error).split())
            )
        finally:
            self.fetching = None


def read(body: bytes, algorithm: str) -> Mapping[str | None, Any]:
    """Return the keys of a set that are for signatures by this algorithm.

    Raises: ValueError where it is no key set, or has no such key.
    """
    try:
        entries = json.loads(body)["keys"]
        found = {kid: key for entry in entries for kid, key in [read_key(entry, algorithm)] if key is not None}
    except (KeyError, TypeError, AttributeError, RecursionError):
        raise ValueError('expected {"keys": […]}, got something else') from None
    if not found:
        raise ValueError(f"expected a key for {algorithm}, got none")
    return found


def read_key(entry: Any, algorithm: str) -> tuple[str | None, Any]:
    """Return a key's name and the public key; None for it where the entry is odd, weak, or of another kind or purpose.

    One bad entry of a set must not take the good ones away (RFC 7517, section 5).
    """
    kind, curve = KINDS[algorithm]
    if not isinstance(entry, dict) or not isinstance(name := entry.get("kid"), str | None):
        return None, None
    if entry.get("kty") != kind or entry.get("use", "sig") != "sig" or entry.get("alg", algorithm) != algorithm:
        return name, None
    if curve is not None and entry.get("crv") != curve:
        return name, None
    public = {part: value for part, value in entry.items() if part not in ("d", "p", "q", "dp", "dq", "qi", "oth")}
    try:
        key = jwt.PyJWK(public, algorithm)
        weakness = key.Algorithm.check_key_length(key.key)
    except (jwt.PyJWTError, ValueError, TypeError, AttributeError):
        return name, None
    return name, None if weakness else key.key
