"""Pages in caches: what was shown to a signed-in person stays in none, and nobody gets an older version's page."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from asgiref.sync import iscoroutinefunction
from django.conf import settings
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.utils.decorators import sync_and_async_middleware

Respond = Callable[[HttpRequest], Any]


@sync_and_async_middleware
def private(get_response: Respond) -> Respond:
    """Mark pages by whether a session's cookie came; whose session it is is not asked, so that it costs no query."""

    async def respond_async(request: HttpRequest) -> HttpResponseBase:
        answer: Awaitable[HttpResponseBase] = get_response(request)
        return marked(request, await answer)

    def respond(request: HttpRequest) -> HttpResponseBase:
        return marked(request, get_response(request))

    return respond_async if iscoroutinefunction(get_response) else respond


def marked(request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
    """Return a response that says how it is kept: with a session nowhere, else only if it is asked for again.

    A page names the files of its version: one from a cache would name those that an upgrade has taken away.
    """
    if "Cache-Control" not in response:
        session = settings.SESSION_COOKIE_NAME in request.COOKIES
        response["Cache-Control"] = "private, no-store" if session else "private, no-cache"
    return response
