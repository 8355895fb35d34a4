"""Names of cookies: two sites on one host, told apart by port alone, share a browser's cookies (RFC 6265, section 8.5)."""

from __future__ import annotations

import hashlib
import hmac

SUFFIX_DIGITS = 8
# What the names were before. Read for one version where the new ones are missing, and kept up beside them, so that
# servers of both versions behind one balancer know the same people. Remove with the next version: chat/old_cookies.py.
OLD_SESSION = "sessionid"
OLD_CSRF = "csrftoken"


def suffix_of(secret_key: str) -> str:
    """Return what tells this site's cookies from another's: alike on all its servers, and telling nothing of the key."""
    return hmac.new(secret_key.encode(), b"chatsite: names of cookies", hashlib.sha256).hexdigest()[:SUFFIX_DIGITS]


def name(base: str, suffix: str, https_only: bool) -> str:
    """Return a cookie's name; with `__Host-` browsers take it only by https and from this very host."""
    return f"{'__Host-' if https_only else ''}{base}_{suffix}"
