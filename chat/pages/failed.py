"""The answer to a request that failed: 503 where the database or too much to do is the reason, else Django's 500."""

from __future__ import annotations

import logging
import sys
import time
from http import HTTPStatus

from django.http import HttpRequest, HttpResponse
from django.template import loader
from django.views.defaults import server_error

from chat import busy
from chat.api.guard import refusal
from chat.database import brief, is_outage

logger = logging.getLogger("chat.requests")

RETRY_SECONDS = 10
# One line in the log in so long, however many requests fail.
REPEAT_SECONDS = 10.0


class Complaint:
    """Tells the log once in a while why requests are answered with 503."""

    def __init__(self) -> None:
        self.count = 0
        self.said_at = float("-inf")

    def make(self, error: Exception) -> None:
        self.count += 1
        now = time.monotonic()
        if now - self.said_at >= REPEAT_SECONDS:
            self.said_at = now
            logger.warning("requests are answered with 503, %d so far: %s", self.count, brief(error))


complaint = Complaint()


def failed(request: HttpRequest) -> HttpResponse:
    """Answer a request whose view or middleware raised; Django calls this while it handles the error."""
    error = sys.exception()
    if isinstance(error, busy.Busy):
        answer = busy.answer(request.path, request.headers.get("Accept-Language", ""))
    elif is_outage(error):
        answer = outage(request)
    else:
        return server_error(request)
    complaint.make(error)  # type: ignore[arg-type]
    # Django would write a line, and a traceback, for each request: the complaint has said it.
    answer._has_been_logged = True  # type: ignore[attr-defined]
    return answer


def outage(request: HttpRequest) -> HttpResponse:
    answer: HttpResponse
    if request.path.startswith("/api/"):
        answer = refusal(HTTPStatus.SERVICE_UNAVAILABLE, "unavailable", "The database does not answer now.")
    else:
        answer = HttpResponse(loader.get_template("503.html").render(), status=HTTPStatus.SERVICE_UNAVAILABLE)
    answer["Retry-After"] = str(RETRY_SECONDS)
    answer["Cache-Control"] = "no-store"
    return answer
