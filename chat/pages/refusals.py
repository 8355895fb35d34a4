"""Refusals: a page in place of the one that was asked for, which says why and leads on."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from chat.told import told
from chat.wire.codes import Error, WireError

View = Callable[..., HttpResponse]

STATUS = {Error.BAD_FRAME: 400, Error.NOT_FOUND: 404, Error.CONFLICT: 409, Error.UNAVAILABLE: 503}
FORBIDDEN = 403


def telling(view: View) -> View:
    """Answer what a view refuses (WireError) by a page that says so."""

    @wraps(view)
    def told(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        try:
            return view(request, *args, **kwargs)
        except WireError as error:
            return refusal(request, error)

    return told


def refusal(request: HttpRequest, error: WireError) -> HttpResponse:
    context = {"sentence": told(error.message), "sign_in": error.code is Error.UNAUTHENTICATED}
    return render(request, "chat/refused.html", context, status=STATUS.get(error.code, FORBIDDEN))
