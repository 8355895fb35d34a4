"""Too many wrong passwords: a page that says so, and when to try again."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from axes.models import AccessAttempt
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone

SECONDS_A_MINUTE = 60


def address_of(request: HttpRequest) -> str | None:
    """Return a client's address, which stands in the scope by now; None in place of what is no address."""
    return request.META.get("REMOTE_ADDR") or None


def locked_out(request: HttpRequest, *_: Any) -> HttpResponse:
    """Answer an attempt to sign in that is not looked at any more."""
    seconds = max(1, int((ends(request, timezone.now()) - timezone.now()).total_seconds()))
    context = {"minutes": -(-seconds // SECONDS_A_MINUTE)}
    response = render(request, "accounts/locked.html", context, status=429)
    response["Retry-After"] = str(seconds)
    return response


def ends(request: HttpRequest, now: datetime) -> datetime:
    """Return until when nobody signs in to this account from this address."""
    name = (getattr(request, "axes_credentials", None) or {}).get("username", "")
    tried = AccessAttempt.objects.filter(username=name, ip_address=address_of(request)).order_by("-attempt_time")
    last = tried.values_list("attempt_time", flat=True).first() or now
    return last + settings.AXES_COOLOFF_TIME
