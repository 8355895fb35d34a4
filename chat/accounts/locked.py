"""Too many passwords: which are not checked any more, and a page that says so and when to try again."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from datetime import datetime
from typing import Any

from asgiref.sync import iscoroutinefunction, sync_to_async
from axes.handlers.database import AxesDatabaseHandler
from axes.models import AccessAttempt
from django.conf import settings
from django.db import connection, transaction
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.utils import timezone
from django.utils.decorators import sync_and_async_middleware

from chat import throttle
from chat.accounts.addresses import address_of
from chat.throttle import later

Respond = Callable[[HttpRequest], Any]

# Of one address, for all accounts together: else nine for each of them would never be too many.
ADDRESS_FAILURE_LIMIT = 50
# Of a username so much is counted by, and kept: none is longer.
MAX_USERNAME = 150


class Handler(AxesDatabaseHandler):  # type: ignore[misc]
    """Counts for each account and address, as django-axes does, and for each address alone, for which it has no limit.

    An attempt counts as a wrong one from before its password is checked: else many that come at once would all pass.
    """

    def is_allowed(self, request: HttpRequest, credentials: dict[str, Any] | None = None) -> bool:
        """Tell whether a password is checked, and count it before. Raises: django.db.Error."""
        credentials = cut(credentials)
        name = str((credentials or {}).get("username", ""))
        wait = too_soon(address_of(request) or "", name)
        if wait:
            request.too_soon = wait  # type: ignore[attr-defined]
            return False
        with settings.TURN(), transaction.atomic():
            one_by_one()
            if not super().is_allowed(request, credentials):
                return False
            request.attempt = begun(request, name)  # type: ignore[attr-defined]
        return True

    def is_locked(self, request: HttpRequest, credentials: dict[str, Any] | None = None) -> bool:
        """Tell whether a password is not looked at. Raises: django.db.Error."""
        return super().is_locked(request, cut(credentials)) or address_opens(request, timezone.now()) is not None

    def user_login_failed(self, sender: Any, credentials: Any, request: Any = None, **kwargs: Any) -> None:
        """Keep a wrong attempt, in the place of the one that was begun. Raises: django.db.Error."""
        with settings.TURN(), transaction.atomic():
            end_attempt(request)
            super().user_login_failed(sender, cut(credentials), request, **kwargs)


def cut(credentials: dict[str, Any] | None) -> dict[str, Any] | None:
    """Return credentials with no more of a username than any account's has: forms refuse longer ones, others may not."""
    name = (credentials or {}).get("username")
    if isinstance(name, str) and len(name) > MAX_USERNAME:
        return {**(credentials or {}), "username": name[:MAX_USERNAME]}
    return credentials


@sync_and_async_middleware
def attempts(get_response: Respond) -> Respond:
    """Take back the count of a right password that signed nobody in, as before an export."""

    async def respond_async(request: HttpRequest) -> HttpResponseBase:
        response: HttpResponseBase = await get_response(request)
        if getattr(request, "attempt", None):
            await sync_to_async(end_attempt)(request)
        return response

    def respond(request: HttpRequest) -> HttpResponseBase:
        response: HttpResponseBase = get_response(request)
        end_attempt(request)
        return response

    return respond_async if iscoroutinefunction(get_response) else respond


def too_soon(address: str, name: str) -> float:
    """Count a password, right or wrong; return 0, or the seconds until one may be given.

    The address comes first: one that has had enough fills the table of accounts no further.
    """
    return throttle.passwords_of_address.take(address) or throttle.passwords.take(f"{address} {name}")


def one_by_one() -> None:
    """Let no other process count until the transaction ends; on SQLite one that writes is the only one."""
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("LOCK TABLE axes_accessattempt IN SHARE ROW EXCLUSIVE MODE")


def begun(request: HttpRequest, name: str) -> AccessAttempt:
    """Keep an attempt whose password is not checked yet, as a row of its own."""
    return AccessAttempt.objects.create(
        username=name,
        ip_address=address_of(request),
        user_agent=f"checking {secrets.token_hex(8)}",
        failures_since_start=1,
        attempt_time=timezone.now(),
    )


def end_attempt(request: HttpRequest | None) -> None:
    """Take back an attempt that was begun, if there is one. Raises: django.db.Error."""
    attempt: AccessAttempt | None = getattr(request, "attempt", None)
    if attempt is not None:
        AccessAttempt.objects.filter(pk=attempt.pk).delete()
        request.attempt = None  # type: ignore[union-attr]


def locked_out(request: HttpRequest, *_: Any) -> HttpResponse:
    """Answer an attempt to sign in that is not looked at any more."""
    wait = getattr(request, "too_soon", 0.0)
    if wait:
        return later(request, "accounts/locked.html", wait, too_soon=True)
    now = timezone.now()
    everybody = address_opens(request, now)
    ends = [end for end in (everybody, account_opens(request, now)) if end is not None]
    seconds = (max(ends, default=now) - now).total_seconds()
    return later(request, "accounts/locked.html", seconds, everybody=everybody is not None)


def account_opens(request: HttpRequest, now: datetime) -> datetime | None:
    """Return until when nobody signs in to this account from this address. Raises: django.db.Error."""
    name = (cut(getattr(request, "axes_credentials", None)) or {}).get("username", "")
    return opens(tried_from(request).filter(username=name), settings.AXES_FAILURE_LIMIT, now)


def address_opens(request: HttpRequest, now: datetime) -> datetime | None:
    """Return until when nobody signs in to any account from this address. Raises: django.db.Error."""
    return opens(tried_from(request), ADDRESS_FAILURE_LIMIT, now)


def tried_from(request: HttpRequest) -> QuerySet[Any, Any]:
    found: QuerySet[Any, Any] = AccessAttempt.objects.filter(ip_address=address_of(request))
    return found


def opens(tried: QuerySet[Any, Any], limit: int, now: datetime) -> datetime | None:
    """Return when fewer than `limit` wrong passwords will count; None where fewer do now."""
    count = 0
    newer = tried.filter(attempt_time__gte=now - settings.AXES_COOLOFF_TIME).order_by("-attempt_time")
    for failures, at in newer.values_list("failures_since_start", "attempt_time")[:limit]:
        count += failures
        if count >= limit:
            ends: datetime = at + settings.AXES_COOLOFF_TIME
            return ends
    return None
