"""Pages."""

from __future__ import annotations

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.views.decorators.http import require_safe

from chat.models import Room


@require_safe
def default_room(request: HttpRequest) -> HttpResponse:
    return room(request, settings.CHAT.default_room)


@require_safe
def room(request: HttpRequest, slug: str) -> HttpResponse:
    """Show one room's page."""
    found = get_object_or_404(Room, slug=slug)
    return render(request, "chat/room.html", {"room": found, "client_config": {"room": found.slug, "path": "/ws"}})
