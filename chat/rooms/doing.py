"""Doing: one change of a room's log, made from one of Django's threads."""

from __future__ import annotations

import secrets
import time

from django.conf import settings

from chat.models import Invalidation
from chat.rooms import log
from chat.rooms.changes import Change, Done, Outcome, SetRole
from chat.rooms.permissions import Role
from chat.wire.codes import WireError
from chat.wire.events import Person


def do(change: Change) -> Done:
    """Make a change and return what became of it. `change.done` is not called.

    Raises: WireError where it is refused; django.db.Error.
    """
    with settings.TURN():
        (outcome,) = log.commit([change], int(time.time() * 1000))
    if isinstance(outcome, WireError):
        raise outcome
    return outcome


def set_role(room: str, author: Person, user: int, role: Role, invitation: str = "") -> Done:
    """Make a user a member of a room, something else there, or nothing; `invitation` is a digest. Raises: as `do`."""
    key = secrets.token_hex(16)
    done = do(SetRole(room=room, author=author, key=key, done=unheard, user=user, role=role, invitation=invitation))
    Invalidation.of(user)
    return done


def unheard(outcome: Outcome) -> None:
    """Nobody waits for this outcome: `do` returns it."""
