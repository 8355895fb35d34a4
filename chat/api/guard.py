"""Who may ask the API, and how it answers."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.middleware.csrf import CsrfViewMiddleware
from django.views.decorators.csrf import csrf_exempt

from chat.people import Gone
from chat.site import from_own_page
from chat.wire.origins import parse

View = Callable[[HttpRequest], JsonResponse]

SIGN_IN = "Sign in first."
CROSS_SITE = "Expected Django's CSRF token, or application/json from a page of this very site."


def answer(payload: dict[str, Any], status: int = 200) -> JsonResponse:
    """Return an answer that nobody keeps: it may hold what opens a door."""
    return JsonResponse(payload, status=status, headers={"Cache-Control": "no-store"})


def refusal(status: int, code: str, message: str) -> JsonResponse:
    return answer({"error": {"code": code, "message": message}}, status)


def origin_of(request: HttpRequest) -> str:
    """Return the page's origin as handshakes are compared by it; empty for a program. Raises: ValueError."""
    came = request.headers.get("Origin")
    return "" if came is None else str(parse(came))


def is_own_page(request: HttpRequest) -> bool:
    """Tell whether it is JSON from a page of this site: no page of another one can send that, or say so."""
    return request.content_type == "application/json" and from_own_page(request)


def for_the_signed_in(view: View) -> Callable[[HttpRequest], HttpResponse]:
    """Let only POSTs through that somebody signed in has meant to send."""
    csrf = CsrfViewMiddleware(lambda request: HttpResponse())

    @csrf_exempt
    @wraps(view)
    def guarded(request: HttpRequest) -> HttpResponse:
        if request.method != "POST":
            refused = refusal(405, "method_not_allowed", f"Expected POST, got {request.method}.")
            refused["Allow"] = "POST"
            return refused
        if not is_own_page(request):
            csrf.process_request(request)
            if csrf.process_view(request, view, (), {}) is not None:
                return refusal(403, "forbidden", CROSS_SITE)
        if not request.user.is_authenticated:
            return refusal(401, "unauthenticated", SIGN_IN)
        try:
            return view(request)
        except Gone:
            return refusal(401, "unauthenticated", SIGN_IN)

    return guarded
