"""Roles, changed from pages: through the room's log, as everything that changes who may read."""

from __future__ import annotations

from django.http import HttpRequest

from chat.acting import act, fresh_key, nobody
from chat.rooms.changes import Done, SetRole
from chat.rooms.permissions import Role
from chat.wire.events import Person


def set_role(request: HttpRequest, room: str, author: Person, user: int, role: Role, *, invitation: str = "") -> Done:
    """Make a user a member of a room, something else there, or nothing; `invitation` is a digest. Raises: WireError."""
    change = SetRole(
        room=room, author=author, key=fresh_key(), done=nobody, user=user, role=role, invitation=invitation
    )
    return act(change, request)
