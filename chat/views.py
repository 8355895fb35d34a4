"""The page of a room."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from chat.models import Room
from chat.pages.refusals import telling
from chat.pages.visit import Visit, visit
from chat.rooms import permissions
from chat.rooms.listing import Listed, rooms_of
from chat.rooms.permissions import Role
from chat.rooms.rights import user_of


@require_safe
def default_room(request: HttpRequest) -> HttpResponse:
    return room(request, settings.CHAT.default_room)


@require_safe
@telling
def room(request: HttpRequest, slug: str) -> HttpResponse:
    """Show one room's page."""
    here = visit(request, slug)
    user = user_of(here.person)
    listed = rooms_of(user) if user else []
    context = {
        "visit": here,
        "room": here.room,
        "user_id": user,
        "rooms": [entry for entry in listed if entry.kind != Room.Kind.DIRECT],
        "direct": [entry for entry in listed if entry.kind == Room.Kind.DIRECT],
        "barred": here.why_not(permissions.check_post),
        "client_config": config(here, listed),
    }
    return render(request, "chat/room.html", context)


def config(here: Visit, listed: list[Listed]) -> dict[str, Any]:
    """Return what the page's script is told; `bars` says by role what is refused, and in which words."""
    checks = {"read": permissions.check_read, "post": permissions.check_post, "react": permissions.check_react}
    return {
        "room": here.room.slug,
        "path": "/ws",
        "title": here.title,
        "kind": here.room.kind,
        "role": here.role.word,
        "rooms": [entry._asdict() for entry in listed],
        "bars": {role.word: {verb: here.why_not(check, role) for verb, check in checks.items()} for role in Role},
    }
