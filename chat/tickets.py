"""Tickets: what opens one WebSocket, once, where a program can set neither headers nor cookies."""

from __future__ import annotations

import hashlib
import re
import secrets
from contextlib import AbstractContextManager
from datetime import datetime, timedelta
from typing import NamedTuple

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from chat import locks
from chat.models import Ticket

SECONDS = 30
# Of one account, not used and not run out: more are no program's, but a mistake.
MAX_WAITING = 100
FORM = re.compile(r"[A-Za-z0-9_-]{32}")


class TooMany(Exception):
    """An account has as many tickets waiting as it may."""


class Redeemed(NamedTuple):
    """What a ticket was issued for."""

    user: int
    session: str


def digest(ticket: str) -> str:
    """Return what is kept of a ticket: who reads the database cannot use it."""
    return hashlib.sha256(ticket.encode()).hexdigest()


def turn() -> AbstractContextManager[object]:
    """Return the turn that writers on SQLite take: its own waiting is not fair (docs/adr/0013)."""
    made: AbstractContextManager[object] = settings.TURN()
    return made


def issue(user: int, session: str, origin: str) -> tuple[str, datetime]:
    """Return a new ticket and when it ends; those that have ended are swept.

    Raises: TooMany; django.db.Error.
    """
    now = timezone.now()
    ticket, expires_at = secrets.token_urlsafe(24), now + timedelta(seconds=SECONDS)
    with turn():
        Ticket.objects.filter(expires_at__lte=now).delete()
    with turn(), transaction.atomic():
        locks.hold(f"tickets of {user}")
        if Ticket.objects.filter(user_id=user).count() >= MAX_WAITING:
            raise TooMany
        Ticket.objects.create(
            digest=digest(ticket), user_id=user, session=session, origin=origin, expires_at=expires_at
        )
    return ticket, expires_at


def redeem(ticket: str, origin: str) -> Redeemed | None:
    """Take a ticket; None where there is none such, it was taken, it has ended, or another origin brings it.

    Who deletes the row has it: of many who come at once one does. A ticket that the wrong one brought is gone, too.

    Raises: django.db.Error.
    """
    row = Ticket.objects.filter(digest=digest(ticket)).first()
    if row is None:
        return None
    with turn():
        taken, _ = Ticket.objects.filter(pk=row.pk).delete()
    if not taken or row.expires_at <= timezone.now() or row.origin != origin:
        return None
    return Redeemed(row.user_id, row.session)
