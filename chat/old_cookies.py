"""Cookies by their old names, for one version: a rolling upgrade signs nobody out.

A new server reads the old name where the new one is missing or leads nowhere, as after a sign-in at an old server. What
it sets by the new name it sets by the old one too, unless that is another site's on the same host: then it stays.
"""

from __future__ import annotations

import re
from importlib import import_module
from typing import Any

from django.conf import settings
from django.db import Error as DatabaseError
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.utils.deprecation import MiddlewareMixin

from chat.authority import SESSION_KEY
from chat.cookie_names import OLD_CSRF, OLD_SESSION


class OldCookies(MiddlewareMixin):
    """Stands before Django's sessions, which know the new names only."""

    def process_request(self, request: HttpRequest) -> None:
        cookies = request.COOKIES
        adopted = adopts(cookies.get(OLD_SESSION), cookies.get(settings.SESSION_COOKIE_NAME))
        if adopted:
            cookies[settings.SESSION_COOKIE_NAME] = cookies[OLD_SESSION]
        if OLD_CSRF in cookies and (adopted or settings.CSRF_COOKIE_NAME not in cookies):
            cookies[settings.CSRF_COOKIE_NAME] = cookies[OLD_CSRF]
        request.META["chat.adopted"] = adopted

    def process_response(self, request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
        session, csrf = settings.SESSION_COOKIE_NAME, settings.CSRF_COOKIE_NAME
        if request.META.get("chat.adopted") and session not in response.cookies:
            response.set_cookie(
                session,
                request.COOKIES[session],
                max_age=settings.SESSION_COOKIE_AGE,
                secure=bool(settings.SESSION_COOKIE_SECURE),
                httponly=True,
                samesite="Lax",
            )
        if is_ours(request, OLD_SESSION, session):
            mirror(response, session, OLD_SESSION)
            if is_ours(request, OLD_CSRF, csrf):
                mirror(response, csrf, OLD_CSRF)
        return response


def adopts(old: str | None, new: str | None) -> bool:
    """Tell whether the old cookie leads to a session of this site, and the new one to none."""
    return bool(old and old != new and exists(old) and not (new and exists(new)))


def exists(key: str) -> bool:
    if not re.fullmatch(SESSION_KEY, key):
        return False
    store: Any = import_module(settings.SESSION_ENGINE).SessionStore
    try:
        return bool(store().exists(key))
    except DatabaseError:
        return True  # Nobody counts as signed out for it: the page that needs the session says that it cannot be read.


def is_ours(request: HttpRequest, old: str, new: str) -> bool:
    """Tell whether the old name may be set: it is not there, or holds what the new one holds."""
    return request.COOKIES.get(old) in (None, request.COOKIES.get(new))


def mirror(response: HttpResponseBase, new: str, old: str) -> None:
    """Set, or delete, by the old name what the response sets by the new one."""
    if new in response.cookies:
        morsel = response.cookies[new]
        response.cookies[old] = morsel.value
        response.cookies[old].update(dict(morsel))
