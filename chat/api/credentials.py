"""Tokens and tickets for somebody signed in."""

from __future__ import annotations

import time

from django.conf import settings
from django.contrib.auth.models import User
from django.http import HttpRequest, JsonResponse

from chat import tickets
from chat.api.guard import answer, for_the_signed_in, origin_of, refusal
from chat.people import person_of_user
from chat.tokens import Tokens
from chat.wire import json


@for_the_signed_in
def tokens(request: HttpRequest) -> JsonResponse:
    """Issue a token: `{token, expires_at}`."""
    assert isinstance(request.user, User)
    token, expires_at = Tokens(settings.CHAT, time.time).for_user(
        person_of_user(request.user), str(request.session.session_key)
    )
    return answer({"token": token, "expires_at": json.timestamp(expires_at)})


@for_the_signed_in
def new_ticket(request: HttpRequest) -> JsonResponse:
    """Issue a ticket for one WebSocket of a page of the same origin as the request's: `{ticket, expires_at}`."""
    assert isinstance(request.user, User)
    try:
        ticket, expires_at = tickets.issue(int(request.user.pk), str(request.session.session_key), origin_of(request))
    except tickets.TooMany:
        sentence = f"At most {tickets.MAX_WAITING} tickets may wait: use them, or wait {tickets.SECONDS} seconds."
        refused = refusal(429, "rate_limited", sentence)
        refused["Retry-After"] = str(tickets.SECONDS)
        return refused
    return answer({"ticket": ticket, "expires_at": json.timestamp(expires_at.timestamp())})
