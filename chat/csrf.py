"""Forms that were opened before their reader signed in or out: in another tab, say, which changes Django's CSRF token."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.middleware.csrf import CsrfViewMiddleware, RejectRequest

from chat.site import from_own_page

# Forms that mean the same whoever is signed in by now: their views lead on those who are, or end what is there.
BOUND_TO_NOBODY = {
    "accounts:sign-in",
    "accounts:sign-up",
    "accounts:sign-out",
    "accounts:set-up",
    "accounts:password-reset",
    "accounts:password-reset-confirm",
    "admin:login",
    "admin:logout",
}


class Csrf(CsrfViewMiddleware):
    """Django's check, but an old token is enough where the browser itself says that a page of this site sent the form.

    Such a form is not forged. It may still have been meant for another account, so the forms of the signed-in need a
    token of now: chat.pages.stale offers to send them again.
    """

    def _check_token(self, request: HttpRequest) -> None:
        try:
            super()._check_token(request)  # type: ignore[misc]  # No public method takes its place.
        except RejectRequest:
            if not is_harmless(request):
                raise


def is_harmless(request: HttpRequest) -> bool:
    """Tell whether a form with an old token may be taken. A browser without any cookie of ours could not stay signed in."""
    if settings.CSRF_COOKIE_NAME not in request.COOKIES or not from_own_page(request):
        return False
    match: Any = request.resolver_match
    return match.view_name in BOUND_TO_NOBODY or not request.user.is_authenticated
