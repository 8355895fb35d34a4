"""Once: a form that is sent again is not done again; whoever sends it again is led to where it led.

Every form with Django's token has a key of its own (templatetags/once.py). The first request with a key, an address and
what was filled in does the form; the same again, at once or later, waits for its answer and gets the same.
"""

from __future__ import annotations

import base64
import json
import logging
import re
import secrets
import time
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.contrib.auth import login
from django.contrib.auth.models import User
from django.contrib.messages.storage.cookie import MessageDecoder, MessageEncoder
from django.db import Error as DatabaseError
from django.db.models.functions import Now
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase, HttpResponseRedirectBase
from django.shortcuts import redirect
from django.utils.crypto import constant_time_compare, salted_hmac
from django.utils.deprecation import MiddlewareMixin

from chat.models import SentForm
from chat.pages.refusals import refusal
from chat.wire.codes import Error, WireError

logger = logging.getLogger("chat.pages")

FIELD = "form_key"
KEY = re.compile(r"[A-Za-z0-9_-]{16,64}")
NOT_COMPARED = (FIELD, "csrfmiddlewaretoken")
# So long the same form again waits for the first one's answer; looked for in steps.
WAIT_SECONDS = 10.0
STEP_SECONDS = 0.05
# A form without an answer for so long is done by whoever sends it next: its process was killed. Longer than anybody waits.
ABANDONED = timedelta(seconds=30)
BUSY = "This form has been sent already, and the server is still at work on it: try again in a moment."
OVERTAKEN = "This form has been sent again meanwhile: look whether it is done."


class Busy(Exception):
    """The same form is being done by another request, for longer than anybody waits."""


@dataclass(slots=True)
class Sent:
    """A form with a key that one request is about. `repeated`: it was done before, and its view answers itself."""

    digest: str
    key: str
    owner: int
    claim: str = field(default_factory=lambda: secrets.token_hex(16))
    repeated: bool = False
    settled: bool = False

    def begin(self) -> SentForm | None:
        """Claim the form; return its row where it was done already. Raises: Busy, django.db.Error."""
        until = time.monotonic() + WAIT_SECONDS
        while True:
            row = self._look()
            if row is None or row.answer:
                return row
            if time.monotonic() >= until:
                raise Busy
            time.sleep(STEP_SECONDS)

    def _look(self) -> SentForm | None:
        """Return the row of whoever has the form; None where it is this request's now."""
        row = SentForm.objects.filter(digest=self.digest).first()
        if row is None:
            with settings.TURN():
                SentForm.sweep()
                fields = {"claim": self.claim, "owner": self.owner}
                row, is_new = SentForm.objects.get_or_create(digest=self.digest, defaults=fields)
            return None if is_new else row
        return None if not row.answer and self._took_over() else row

    def _took_over(self) -> bool:
        abandoned = SentForm.objects.filter(digest=self.digest, answer="", at__lt=Now() - ABANDONED)
        if not abandoned.exists():
            return False
        with settings.TURN():
            return bool(abandoned.update(claim=self.claim, owner=self.owner, at=Now()))

    def write(self, answer: str) -> bool:
        """Write where the form led; False where another request has it by now. Raises: django.db.Error."""
        return bool(SentForm.objects.filter(digest=self.digest, claim=self.claim).update(answer=answer))

    def end(self) -> None:
        """Let the form be sent again: it was not done. Raises: django.db.Error."""
        with settings.TURN():
            SentForm.objects.filter(digest=self.digest, claim=self.claim, answer="").delete()


class Once(MiddlewareMixin):
    """Answers a form that was sent before, once CSRF has been looked at; remembers where the others lead."""

    def process_view(self, request: HttpRequest, view: Any, args: Any, kwargs: Any) -> HttpResponse | None:
        sent = sent_by(request)
        if sent is None:
            return None
        try:
            row = sent.begin()
        except Busy:
            busy = refusal(request, WireError(Error.UNAVAILABLE, BUSY))
            busy["Retry-After"] = "5"
            return busy
        if row is None:
            request.sent_form = sent  # type: ignore[attr-defined]
            return None
        return answered(request, sent, row)

    def process_response(self, request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
        sent: Sent | None = getattr(request, "sent_form", None)
        if sent is None or sent.repeated:
            return response
        try:
            remember(request, sent, response)
        except DatabaseError as error:
            # What the form asked for is done, and its answer goes out all the same.
            logger.warning("cannot remember a sent form path=%s: %s", request.path, " ".join(str(error).split()))
        return response


def sent_by(request: HttpRequest) -> Sent | None:
    """Return what a request says of the form that it sends; None where it sends none with a key."""
    key = request.POST.get(FIELD, "") if request.method == "POST" else ""
    if not KEY.fullmatch(key):
        return None
    filled = sorted((name, values) for name, values in request.POST.lists() if name not in NOT_COMPARED)
    # Keyed: it may stand for a password.
    text = json.dumps([key, request.get_full_path(), filled])
    return Sent(salted_hmac("chat.once", text, algorithm="sha256").hexdigest(), key, int(request.user.pk or 0))


def answered(request: HttpRequest, sent: Sent, row: SentForm) -> HttpResponse | None:
    """Answer as the first request was; None where the view does that, or where it was another person's."""
    answer = json.loads(row.answer, cls=MessageDecoder)
    if sent.owner and sent.owner not in (row.owner, answer["user"]):
        return None
    if not answer["location"]:
        request.sent_form = Sent(row.digest, sent.key, sent.owner, row.claim, repeated=True)  # type: ignore[attr-defined]
        return None
    if answer["user"] and not is_in(request):
        come_in(request, answer["user"], answer["session"])
    for message in answer["messages"]:
        messages.add_message(request, message.level, message.message, extra_tags=message.extra_tags or "")
    return redirect(answer["location"])


def is_in(request: HttpRequest) -> bool:
    """Tell whether somebody is signed in by a session that is still there: the first request may have ended it meanwhile."""
    key = request.session.session_key
    return request.user.is_authenticated and key is not None and request.session.exists(key)


def come_in(request: HttpRequest, pk: int, session: str) -> None:
    """Sign in whom the first request has signed in: its cookie may have gone with the answer that nobody waited for."""
    user = User.objects.filter(pk=pk, is_active=True).first()
    if user is not None and constant_time_compare(user.get_session_auth_hash(), session):
        request.session.flush()  # What it came with is no more: it must not be written.
        login(request, user, backend=settings.AUTHENTICATION_BACKENDS[-1])


def remember(request: HttpRequest, sent: Sent, response: HttpResponseBase) -> None:
    """Write where a form led; what was answered by a page may be sent again, unless its view has said what it did."""
    if isinstance(response, HttpResponseRedirectBase):
        # Only messages of this very request; those that a page has not shown yet are the browser's own.
        queued = getattr(messages.get_messages(request), "_queued_messages", [])
        with settings.TURN():
            sent.write(answer_of(request, response.url, newcomer(request, sent), queued))
    elif not sent.settled:
        sent.end()


def newcomer(request: HttpRequest, sent: Sent) -> User | None:
    """Return who has another session than the one that the form came with."""
    user = request.user
    before = request.COOKIES.get(settings.SESSION_COOKIE_NAME)
    if isinstance(user, User) and request.session.session_key != before:
        return user
    return None


def answer_of(request: HttpRequest, location: str, user: User | None, queued: Any = ()) -> str:
    return json.dumps(
        {
            "location": location,
            "user": int(user.pk) if user else 0,
            "session": user.get_session_auth_hash() if user else "",
            "messages": list(queued),
        },
        cls=MessageEncoder,
    )


# For views


def settle(request: HttpRequest, location: str = "", user: User | None = None) -> None:
    """Say in the transaction that does a form where it leads, so that it is done and known as done, or neither.

    Without a location the view answers the same form again itself. `user` is whom it signs in.

    Raises: WireError where another request has done the form meanwhile; django.db.Error.
    """
    sent: Sent | None = getattr(request, "sent_form", None)
    if sent is None:
        return
    if not sent.write(answer_of(request, location, user)):
        raise WireError(Error.CONFLICT, OVERTAKEN)
    sent.settled = True


def is_repeated(request: HttpRequest) -> bool:
    """Tell whether a form was done before, by a view that answers it again itself."""
    sent: Sent | None = getattr(request, "sent_form", None)
    return sent is not None and sent.repeated


def secret(request: HttpRequest) -> str | None:
    """Return what only this form's sender can have made, each time that it is sent; None of a form without a key.

    The key is kept nowhere, so that who reads the database cannot make it.
    """
    sent: Sent | None = getattr(request, "sent_form", None)
    if sent is None:
        return None
    made = salted_hmac("chat.once.secret", f"{sent.key} {sent.claim}", algorithm="sha256").digest()
    return base64.urlsafe_b64encode(made[:24]).decode()
