"""Roles, changed from pages: through the room's log, as everything that changes who may read."""

from __future__ import annotations

from django.http import HttpRequest
from django.utils.translation import gettext_lazy, gettext_noop

from chat.acting import act, fresh_key, nobody
from chat.rooms.changes import Done, SetRole
from chat.rooms.permissions import Role
from chat.wire.events import Person

# What pages call the roles, by their words on the wire.
CALLED = {
    "member": gettext_lazy("member"),
    "moderator": gettext_lazy("moderator"),
    "owner": gettext_lazy("owner"),
}
# What pages offer, and what they say when it is done.
MAKE = {
    "member": gettext_lazy("Make member"),
    "moderator": gettext_lazy("Make moderator"),
    "owner": gettext_lazy("Make owner"),
}
MADE = {
    Role.NONE: gettext_noop("{name} is no longer in this room."),
    Role.MEMBER: gettext_noop("{name} is a member."),
    Role.MODERATOR: gettext_noop("{name} is a moderator."),
    Role.OWNER: gettext_noop("{name} is an owner."),
}


def set_role(request: HttpRequest, room: str, author: Person, user: int, role: Role, *, invitation: str = "") -> Done:
    """Make a user a member of a room, something else there, or nothing; `invitation` is a digest. Raises: WireError."""
    change = SetRole(
        room=room, author=author, key=fresh_key(), done=nobody, user=user, role=role, invitation=invitation
    )
    return act(change, request)
