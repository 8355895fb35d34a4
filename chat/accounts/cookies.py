"""The session's cookie: a browser keeps the one that it has until it is given another, or signs out."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.contrib.auth.signals import user_logged_out
from django.contrib.sessions.exceptions import SessionInterrupted
from django.contrib.sessions.middleware import SessionMiddleware
from django.dispatch import receiver
from django.http import HttpRequest, HttpResponse
from django.utils.cache import patch_vary_headers


class Sessions(SessionMiddleware):
    """Django's middleware, but a cookie whose session has ended stays in the browser.

    Of two requests with one cookie the first may sign in, or change the password: its session is another one then. The
    second finds the old one gone; by taking the cookie away it would take the new one, and sign the browser out.
    """

    def process_response(self, request: HttpRequest, response: HttpResponse) -> HttpResponse:
        has_cookie = settings.SESSION_COOKIE_NAME in request.COOKIES
        before = response.cookies.get(settings.SESSION_COOKIE_NAME)
        try:
            answer = super().process_response(request, response)
        except SessionInterrupted:
            # Another request has ended the session, and may have given the browser the next one; this one is done, too.
            patch_vary_headers(response, ("Cookie",))
            return response
        taken = answer.cookies.get(settings.SESSION_COOKIE_NAME)
        is_ours = taken is not None and taken is not before and not taken.value
        if has_cookie and is_ours and not getattr(request, "signed_out", False):
            del answer.cookies[settings.SESSION_COOKIE_NAME]
        return answer


@receiver(user_logged_out, dispatch_uid="chat.accounts.cookies")
def signed_out(sender: Any, request: HttpRequest | None, **kwargs: Any) -> None:
    """Let a browser that signs out forget its cookie."""
    if request is not None:
        request.signed_out = True  # type: ignore[attr-defined]
