"""The page of a room."""

from __future__ import annotations

import dataclasses
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from chat import people, words
from chat.pages.mine import Entry, entries_of, parted
from chat.pages.refusals import telling
from chat.pages.visit import Visit, visit
from chat.rooms import permissions
from chat.rooms.permissions import Policy, Role, Standing
from chat.rooms.rights import user_of
from chat.wire.events import Person


def check_delete(policy: Policy, person: Person, standing: Standing) -> None:
    """Refuse who may not take back even what they wrote themselves. Raises: WireError."""
    permissions.check_read(policy, person, standing)
    permissions.check_unarchived(policy)


CHECKS = {
    "read": permissions.check_read,
    "post": permissions.check_post,
    "react": permissions.check_react,
    "delete": check_delete,
    "moderate": permissions.check_moderate,
}


@require_safe
def default_room(request: HttpRequest) -> HttpResponse:
    return room(request, settings.CHAT.default_room)


@require_safe
@telling
def room(request: HttpRequest, slug: str) -> HttpResponse:
    """Show one room's page."""
    here = visit(request, slug)
    user = user_of(here.person)
    mine = entries_of(user)
    context = {
        "visit": here,
        "room": here.room,
        "user_id": user,
        **parted(mine),
        "barred": here.why_not(permissions.check_post),
        "client_config": config(here, mine, people.time_zone_of(request.user)),
    }
    return render(request, "chat/room.html", context)


def config(here: Visit, mine: list[Entry], time_zone: str) -> dict[str, Any]:
    """Return what the page's script is told."""
    return {
        "room": here.room.slug,
        "path": "/ws",
        "title": here.title,
        "kind": here.room.kind,
        "role": here.role.word,
        "rooms": mine,
        "archived": here.room.archived,
        "time_zone": time_zone,
        "words": words.for_page(),
        "bars": {"open": bars(here, archived=False), "archived": bars(here, archived=True)},
    }


def bars(here: Visit, archived: bool) -> dict[str, dict[str, str]]:
    """Return by role what is refused, and in which words: roles change while the page is open, and a room is archived."""
    there = dataclasses.replace(here, policy=here.policy._replace(archived=archived))
    return {role.word: {verb: there.why_not(check, role) for verb, check in CHECKS.items()} for role in Role}
