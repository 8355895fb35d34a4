"""Membership: what a change of somebody's role makes of the rows. Called in the log's transaction."""

from __future__ import annotations

from django.db.models import F
from django.db.models.functions import Now

from chat.models import Invalidation, Invitation, Membership
from chat.rooms.permissions import Role
from chat.wire.codes import Error, WireError


def write(room: int, user: int, role: Role, last: int) -> None:
    """Write somebody's role, and tell every process; who comes anew has read what was said before, up to number `last`.

    Raises: django.db.Error.
    """
    rows = Membership.objects.filter(room=room, user=user)
    if role is Role.NONE:
        rows.delete()
    elif not rows.update(role=role.word):
        Membership.objects.create(room_id=room, user_id=user, role=role.word, read=last)
    Invalidation.of(user)


def check_another_owner(room: int, user: int) -> None:
    """Refuse to take a room's last owner away, while there are others in it. Raises: WireError, django.db.Error."""
    others = Membership.objects.filter(room=room).exclude(user=user)
    if others.exists() and not others.filter(role=Membership.Role.OWNER).exists():
        raise WireError(Error.CONFLICT, "A room has at least one owner: make somebody else one first.")


def use_invitation(room: int, digest: str) -> None:
    """Count one use of an invitation. Raises: WireError, django.db.Error."""
    rows = Invitation.objects.filter(room=room, digest=digest)
    if rows.filter(used__lt=F("uses"), expires_at__gt=Now()).update(used=F("used") + 1):
        return
    found = rows.first()
    if found is None:
        raise WireError(Error.NOT_FOUND, "There is no such invitation: it may have been withdrawn.")
    if found.used >= found.uses:
        raise WireError(Error.CONFLICT, "The invitation has been used already: ask for another one.")
    raise WireError(Error.CONFLICT, "The invitation has expired: ask for another one.")
