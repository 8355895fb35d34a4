"""Invitations: whom a link lets into a room, and until when."""

from __future__ import annotations

from collections.abc import Collection
from datetime import timedelta
from typing import Any

from django.db.models import F, Max, Q, QuerySet
from django.utils import timezone

from chat.models import Invitation, PutOut, Room
from chat.rooms import permissions, rights
from chat.rooms.permissions import Policy, Role
from chat.rooms.rights import Reader
from chat.wire.codes import Error, WireError
from chat.wire.events import Person

# An invitation is kept so long after its time: whoever has its link is told that it has ended, and how.
KEPT = timedelta(days=90)
NOT_FOUND = "There is no such invitation: it may have been withdrawn. Ask for another one."
USED = "The invitation has been used already: ask for another one."
EXPIRED = "The invitation has expired: ask for another one."
PUT_OUT = (
    "You were put out of this room after this invitation was made. Ask a moderator of the room to let you in again."
)


def live(room: Room) -> QuerySet[Invitation]:
    """Return a room's invitations that are neither used up nor expired."""
    return room.invitations.filter(used__lt=F("uses"), expires_at__gt=timezone.now())


def ended(room: Room) -> QuerySet[Invitation]:
    return room.invitations.filter(Q(used__gte=F("uses")) | Q(expires_at__lte=timezone.now()))


def sweep(room: Room) -> None:
    """Delete invitations that have ended long ago. Raises: django.db.Error."""
    room.invitations.filter(expires_at__lt=timezone.now() - KEPT).delete()


def check(found: Invitation | None, user: int) -> Invitation:
    """Return an invitation that lets a user in; 0 is somebody who is not signed in yet.

    It holds while whoever made it moderates the room: what they lose, by whatever way, their links lose too.

    Raises: WireError, django.db.Error.
    """
    if found is None or not moderating(found.room, [found.created_by_id]):
        raise WireError(Error.NOT_FOUND, NOT_FOUND)
    if found.used >= found.uses:
        raise WireError(Error.CONFLICT, USED)
    if found.expires_at <= timezone.now():
        raise WireError(Error.CONFLICT, EXPIRED)
    if PutOut.objects.filter(room=found.room, user=user, last__gte=found.pk).exists():
        raise WireError(Error.FORBIDDEN, PUT_OUT)
    return found


def moderating(room: Room, users: Collection[int]) -> set[int]:
    """Return those of some users who moderate a room now. Raises: django.db.Error."""
    readers = [Reader(Person(f"user:{user}", "", "user")) for user in users]
    policy, known = Policy(room.kind), rights.all_standings(room.pk, readers)
    return {user for user in users if permissions.moderates(policy, known[f"user:{user}"])}


def use(room: int, digest: str, user: int) -> None:
    """Count one use of an invitation. Called in the log's transaction, with the room locked.

    Raises: WireError, django.db.Error.
    """
    rows: QuerySet[Invitation, Any] = Invitation.objects.filter(room=room, digest=digest)
    check(rows.select_related("room").first(), user)
    rows.update(used=F("used") + 1)


def withdraw(room: int, user: int) -> None:
    """Delete the invitations of somebody who moderates a room no more. Raises: django.db.Error."""
    Invitation.objects.filter(room=room, created_by=user).delete()


def heed(room: int, user: int, role: Role) -> None:
    """Heed what moderators make of somebody: who is put out comes back by none of the invitations that there are now, until
    they are let in.

    Called in the log's transaction, with the room locked. Raises: django.db.Error.
    """
    if role is not Role.NONE:
        PutOut.objects.filter(room=room, user=user).delete()
        return
    last = Invitation.objects.filter(room=room).aggregate(last=Max("pk"))["last"]
    if last is not None:
        PutOut.objects.update_or_create(room_id=room, user_id=user, defaults={"last": last})
