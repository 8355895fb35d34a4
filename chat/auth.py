"""Who somebody is: the person that a browser's session cookie is signed in as."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from django.conf import settings
from django.contrib import auth
from django.http import HttpRequest

from chat.cookies import value_of
from chat.database import Database, ask
from chat.origins import SCOPE_KEY
from chat.wire import names
from chat.wire.codes import WireError
from chat.wire.events import Person

# As Django makes them (SessionBase._get_new_session_key): no other is asked for.
SESSION_KEY = "[a-z0-9]{8,40}"


async def person_of(scope: dict[str, Any], database: Database) -> Person | None:
    """Return who is signed in by the handshake's session cookie, or None for a guest.

    A cookie without an Origin is no browser's, and ignored: a stolen one is not that easily used.

    Raises: chat.database.Unavailable.
    """
    visit = scope.get(SCOPE_KEY)
    if visit is None or visit.origin is None:
        return None
    key = value_of(scope, settings.SESSION_COOKIE_NAME, SESSION_KEY)
    return None if key is None else await ask(database, read, key)


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
