"""Language: which one a page is in."""

from __future__ import annotations

from django.conf import settings
from django.db import Error as DatabaseError
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.utils import translation
from django.utils.cache import patch_vary_headers
from django.utils.deprecation import MiddlewareMixin

# What programs and operators read is English, and costs no look at who asks.
ENGLISH = ("/api/", "/admin/")


class Language(MiddlewareMixin):
    """Puts a page into the language of the reader's profile, else into the one that their browser asks for."""

    def process_request(self, request: HttpRequest) -> None:
        speak(request)

    def process_response(self, request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
        if not is_english(request):
            patch_vary_headers(response, ("Accept-Language",))
        response.headers.setdefault("Content-Language", translation.get_language() or settings.LANGUAGE_CODE)
        return response


def speak(request: HttpRequest) -> None:
    """Say what follows in the reader's language."""
    translation.activate(settings.LANGUAGE_CODE if is_english(request) else language_of(request))


def is_english(request: HttpRequest) -> bool:
    return request.path_info.startswith(ENGLISH)


def language_of(request: HttpRequest) -> str:
    """Return the reader's language; who comes without a session costs no query."""
    chosen = chosen_by(request) if settings.SESSION_COOKIE_NAME in request.COOKIES else ""
    return chosen or translation.get_language_from_request(request)


def chosen_by(request: HttpRequest) -> str:
    """Return the language of somebody's profile; nothing where there is none, or the database does not say."""
    try:
        profile = getattr(request.user, "profile", None)
    except DatabaseError:
        return ""
    language = str(getattr(profile, "language", ""))
    return language if language in dict(settings.LANGUAGES) else ""
