"""Membership: what a change of somebody's role makes of the rows. Called in the log's transaction."""

from __future__ import annotations

from chat import locks
from chat.models import Invalidation, Membership
from chat.rooms.permissions import ROLES, Role
from chat.wire.codes import Error, WireError

# Rooms that one person may own: enough for anybody, and nobody fills the list by a script.
MAX_OWNED = 100


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


def check_may_own(user: int) -> None:
    """Refuse somebody who owns as many rooms as anybody may, also where others make them own one.

    Called in the transaction that makes them own another: nobody else counts until it ends.

    Raises: WireError, django.db.Error.
    """
    locks.hold(f"rooms of {user}")
    if Membership.objects.filter(user=user, role=Membership.Role.OWNER).count() >= MAX_OWNED:
        raise WireError(Error.FORBIDDEN, f"Expected at most {MAX_OWNED} rooms of one owner: hand one over first.")


def check_another_owner(room: int, user: int) -> None:
    """Refuse to take a room's last owner away, while there are others in it; closed accounts neither own nor need one.

    Raises: WireError, django.db.Error.
    """
    others = Membership.objects.filter(room=room, user__is_active=True).exclude(user=user)
    if others.exists() and not others.filter(role=Membership.Role.OWNER).exists():
        raise WireError(Error.CONFLICT, "A room has at least one owner: make somebody else one first.")


def role_of(room: int, user: int) -> Role:
    """Return what somebody's row says, whatever became of their account. Raises: django.db.Error."""
    return ROLES[Membership.objects.filter(room=room, user=user).values_list("role", flat=True).first() or ""]
