"""Who sessions belong to, as the database says now."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, NamedTuple

from django.conf import settings
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.contrib.auth.models import User
from django.contrib.sessions.models import Session
from django.utils import timezone
from django.utils.crypto import constant_time_compare

from chat.people import Gone, person_of_user
from chat.wire.events import Person


class Account(NamedTuple):
    """Somebody with an account: its number, and the person that others see."""

    user: int
    person: Person


def read(keys: Collection[str]) -> dict[str, Account]:
    """Return who sessions belong to, by their keys, in two queries; those that hold no more are left out.

    As `django.contrib.auth.get_user` decides it, but for many at once. Nothing is written, but a profile and the
    main room for a user who has none yet.

    Raises: django.db.Error.
    """
    rows = Session.objects.filter(session_key__in=keys, expire_date__gt=timezone.now())
    sessions = {row.session_key: data for row in rows if names_a_user(data := row.get_decoded())}
    if not sessions:
        return {}
    wanted = {int(data[SESSION_KEY]) for data in sessions.values()}
    users = {user.pk: user for user in User.objects.filter(pk__in=wanted, is_active=True).select_related("profile")}
    found = {key: users.get(int(data[SESSION_KEY])) for key, data in sessions.items()}
    fitting = {key: user for key, user in found.items() if user is not None and fits(user, sessions[key])}
    accounts = {key: account_of(user) for key, user in fitting.items()}
    return {key: account for key, account in accounts.items() if account is not None}


def account_of(user: User) -> Account | None:
    """Return a user's account, or None where it was deleted just now. Raises: django.db.Error."""
    try:
        return Account(user.pk, person_of_user(user))
    except Gone:
        return None


def names_a_user(data: Mapping[str, Any]) -> bool:
    """Tell whether somebody is signed in by a session, by a way that this site has."""
    return str(data.get(SESSION_KEY)).isdecimal() and data.get(BACKEND_SESSION_KEY) in settings.AUTHENTICATION_BACKENDS


def fits(user: User, data: Mapping[str, Any]) -> bool:
    """Tell whether a session began with the password that the user has now."""
    said = str(data.get(HASH_SESSION_KEY) or "")
    known = [user.get_session_auth_hash(), *user.get_session_auth_fallback_hash()]
    return any(constant_time_compare(said, one) for one in known)
