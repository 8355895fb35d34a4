"""The page of a request that failed: 503 where the database is the reason, else Django's 500."""

from __future__ import annotations

import sys
from http import HTTPStatus

from django.http import HttpRequest, HttpResponse
from django.template import loader
from django.views.defaults import server_error

from chat.api.guard import refusal
from chat.database import is_outage

RETRY_SECONDS = 10


def failed(request: HttpRequest) -> HttpResponse:
    """Answer a request whose view or middleware raised; Django calls this while it handles the error."""
    if not is_outage(sys.exception()):
        return server_error(request)
    answer: HttpResponse
    if request.path.startswith("/api/"):
        answer = refusal(HTTPStatus.SERVICE_UNAVAILABLE, "unavailable", "The database does not answer now.")
    else:
        answer = HttpResponse(loader.get_template("503.html").render(), status=HTTPStatus.SERVICE_UNAVAILABLE)
    answer["Retry-After"] = str(RETRY_SECONDS)
    answer["Cache-Control"] = "no-store"
    return answer
