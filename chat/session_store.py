"""The store of sessions: Django's, which also writes down whose each session is."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from django.contrib.auth import SESSION_KEY
from django.contrib.sessions.backends import db
from django.db import connection

from chat.models import UserSession
from chat.models.user_session import NOBODY

# Rows whose user is not known that are written at once, by a statement each: `bulk_update` takes 100 times as long.
PIECE = 1000
UPDATE = 'UPDATE django_session SET "user" = %s WHERE session_key = %s'


# Its name is part of the signature of every session: with another one everybody would be signed out.
class SessionStore(db.SessionStore):
    @classmethod
    def get_model_class(cls) -> type[UserSession]:
        return UserSession

    def create_model_instance(self, data: dict[str, Any]) -> UserSession:
        return owned(super().create_model_instance(data), data)

    async def acreate_model_instance(self, data: dict[str, Any]) -> UserSession:
        return owned(await super().acreate_model_instance(data), data)


def owned(session: Any, data: Mapping[str, Any]) -> UserSession:
    session.user = user_in(data)
    return session  # type: ignore[no-any-return]


def user_in(data: Mapping[str, Any]) -> int:
    """Return the user whom a session's data names, or NOBODY."""
    named = str(data.get(SESSION_KEY))
    return int(named) if named.isdecimal() else NOBODY


def sessions_of(user: int) -> Iterator[UserSession]:
    """Yield a user's sessions, those that have run out too. Raises: django.db.Error.

    Only rows whose user is not known are looked into: a server of the version before wrote them.
    """
    identify()
    yield from UserSession.objects.filter(user=user).order_by("expire_date").iterator()


def identify() -> None:
    """Write down whose the sessions are of which that is not known; those that cannot be read stay as they are."""
    after = ""
    while piece := list(UserSession.objects.filter(user=None, session_key__gt=after).order_by("session_key")[:PIECE]):
        after = piece[-1].session_key
        known = [(user_in(data), session.session_key) for session in piece if (data := session.get_decoded())]
        with connection.cursor() as cursor:
            cursor.executemany(UPDATE, known)
