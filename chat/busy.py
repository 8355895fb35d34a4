"""Busy: the answer to a request that the server cannot take now: 503, in words, and when to come back."""

from __future__ import annotations

import random
from functools import cache

from django.http import HttpResponse, JsonResponse
from django.template.loader import render_to_string
from django.utils import translation
from django.utils.translation.trans_real import get_supported_language_variant, parse_accept_lang_header

# Spread, so that those who were refused together do not come back together.
LEAST_SECONDS, MOST_SECONDS = 3, 8
API = "/api/"
SENTENCE = "The server is busy: try again."


class Busy(Exception):
    """There is too much to do now."""

    def __str__(self) -> str:
        return "too many passwords to check"


def answer(path: str, accepted_languages: str) -> HttpResponse:
    """Return 503: a page in a language that the browser accepts, or JSON for the API. Asks no database."""
    seconds = random.randint(LEAST_SECONDS, MOST_SECONDS)
    response: HttpResponse
    if path.startswith(API):
        response = JsonResponse({"error": {"code": "unavailable", "message": SENTENCE}}, status=503)
    else:
        language = language_of(accepted_languages)
        response = HttpResponse(page(language), status=503, headers={"Content-Language": language})
    response["Retry-After"] = str(seconds)
    response["Cache-Control"] = "no-store"
    return response


@cache
def page(language: str) -> bytes:
    with translation.override(language):
        return render_to_string("busy.html").encode()


def language_of(accepted: str) -> str:
    """Return the first language of an Accept-Language that pages are in; else English."""
    for wanted, _ in parse_accept_lang_header(accepted[:200]):
        try:
            return get_supported_language_variant(wanted)
        except LookupError:
            continue
    return "en"
