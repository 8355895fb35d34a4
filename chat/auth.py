"""Who somebody is: the person that a browser's session cookie is signed in as."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from django.conf import settings
from django.contrib import auth
from django.http import HttpRequest, parse_cookie

from chat.database import Database, ask
from chat.origins import SCOPE_KEY
from chat.wire import names
from chat.wire.codes import WireError
from chat.wire.events import Person


async def person_of(scope: dict[str, Any], database: Database) -> Person | None:
    """Return who is signed in by the handshake's session cookie, or None for a guest.

    A cookie without an Origin is no browser's, and ignored: a stolen one is not that easily used.

    Raises: chat.database.Unavailable.
    """
    visit = scope.get(SCOPE_KEY)
    key = session_key(scope)
    if key is None or visit is None or visit.origin is None:
        return None
    return await ask(database, read, key)


def session_key(scope: dict[str, Any]) -> str | None:
    cookies = b"; ".join(value for name, value in scope["headers"] if name == b"cookie").decode("latin-1")
    return parse_cookie(cookies).get(settings.SESSION_COOKIE_NAME) or None


def read(key: str) -> Person | None:
    """Return the person of a session.

    Raises: django.db.Error.
    """
    request = HttpRequest()
    request.session = import_module(settings.SESSION_ENGINE).SessionStore(key)
    user = auth.get_user(request)
    if not user.is_authenticated:
        return None
    return Person(f"user:{user.pk}", shown(user.get_username(), user.pk), "user")


def shown(username: str, number: Any) -> str:
    """Return a user name as others see it; one that no guest could take is not shown, since it may pass for the server."""
    try:
        return names.clean(username[: names.MAX_NAME_CHARACTERS])
    except WireError:
        return f"user-{number}"
