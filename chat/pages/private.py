"""Private pages: what was shown to somebody signed in stays in no cache, and on no disk of a shared machine."""

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
    """Mark pages of who comes with a session; whose it is is not asked, so that it costs no query."""

    async def respond_async(request: HttpRequest) -> HttpResponseBase:
        answer: Awaitable[HttpResponseBase] = get_response(request)
        return marked(request, await answer)

    def respond(request: HttpRequest) -> HttpResponseBase:
        return marked(request, get_response(request))

    return respond_async if iscoroutinefunction(get_response) else respond


def marked(request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
    """Return a response that is kept nowhere, unless it says itself how it is kept."""
    if settings.SESSION_COOKIE_NAME in request.COOKIES and "Cache-Control" not in response:
        response["Cache-Control"] = "private, no-store"
    return response
