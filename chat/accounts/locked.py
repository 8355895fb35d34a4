"""Too many wrong passwords: who is not looked at any more, and a page that says so and when to try again."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from axes.handlers.database import AxesDatabaseHandler
from axes.models import AccessAttempt
from django.conf import settings
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils import timezone

from chat.accounts.addresses import address_of
from chat.throttle import later

# Of one address, for all accounts together: else nine for each of them would never be too many.
ADDRESS_FAILURE_LIMIT = 50


class Handler(AxesDatabaseHandler):  # type: ignore[misc]
    """Counts for each account and address, as django-axes does, and for each address alone, for which it has no limit."""

    def is_locked(self, request: HttpRequest, credentials: dict[str, Any] | None = None) -> bool:
        """Tell whether a password is not looked at. Raises: django.db.Error."""
        return super().is_locked(request, credentials) or address_opens(request, timezone.now()) is not None


def locked_out(request: HttpRequest, *_: Any) -> HttpResponse:
    """Answer an attempt to sign in that is not looked at any more."""
    now = timezone.now()
    everybody = address_opens(request, now)
    ends = [end for end in (everybody, account_opens(request, now)) if end is not None]
    seconds = (max(ends, default=now) - now).total_seconds()
    return later(request, "accounts/locked.html", seconds, everybody=everybody is not None)


def account_opens(request: HttpRequest, now: datetime) -> datetime | None:
    """Return until when nobody signs in to this account from this address. Raises: django.db.Error."""
    name = (getattr(request, "axes_credentials", None) or {}).get("username", "")
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
