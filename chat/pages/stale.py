"""Forms that are out of date: a page that keeps what was typed and sends it again, in place of Django's bare refusal."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse

from chat.pages.once import NOT_COMPARED
from chat.site import from_own_page, within


def stale(request: HttpRequest, reason: str = "") -> HttpResponse:
    """Say that nothing was changed, and offer to send the form again where a page of this site sent it.

    What another site's page sent is never offered: one click there would do what that page wants.
    """
    # The page's own form has a token and a key of its own.
    kept = [(name, value) for name, values in request.POST.lists() if name not in NOT_COMPARED for value in values]
    own = request.method == "POST" and from_own_page(request)
    secret = any("password" in name for name, _ in kept) or bool(request.FILES)
    context = {
        "own": own,
        "kept": kept if own and not secret else [],
        "again": own and not secret,
        "action": request.get_full_path(),
        "form": form_of(request) if own else "",
    }
    return render(request, "403_csrf.html", context, status=403)


def form_of(request: HttpRequest) -> str:
    """Return the path of the page with the form; the browser tells it to pages of this site only."""
    path = within(request, request.headers.get("Referer", ""))
    return path if path.startswith("/") else reverse("default-room")
