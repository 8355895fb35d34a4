"""A person's own data: all of it in one file, and its end."""

from __future__ import annotations

import base64
import json
import secrets
import time
import zipfile
from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import datetime
from typing import Any, BinaryIO

from allauth.account.models import EmailAddress
from allauth.socialaccount.models import SocialAccount
from axes.models import AccessAttempt
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import User
from django.contrib.contenttypes.models import ContentType
from django.db import transaction

from chat import locks, people
from chat.models import Erased, Invitation, Membership, PutOut
from chat.rooms import erasing
from chat.rooms.archive import moment
from chat.rooms.authored import messages_of, reactions_of
from chat.rooms.erasing import Erasure
from chat.rooms.rows import Row
from chat.session_store import sessions_of

Turn = Callable[[], AbstractContextManager[Any]]
# Hears what is being done, how much of it is done, and how much there may be (0: not known).
Progress = Callable[[str, int, int], None]


class OnlyAdministrator(Exception):
    """Who goes would leave others behind with nobody to administer the site."""

    def __init__(self) -> None:
        super().__init__("This is the only administrator: make somebody else one first, in the admin.")


# Export


def export(user: User, file: BinaryIO, progress: Progress) -> int:
    """Write what is kept of a person as a zip; return how many messages there are.

    Raises: django.db.Error, OSError.
    """
    count = 0
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("profile.json", pretty(profile(user)))
        archive.writestr("memberships.json", pretty(memberships(user)))
        archive.writestr("invitations.json", pretty(invitations(user)))
        archive.writestr("sessions.json", pretty([{"expires_at": it.expire_date} for it in sessions_of(user.pk)]))
        with archive.open("messages.jsonl", "w", force_zip64=True) as lines:
            for count, (slug, row) in enumerate(messages_of(f"user:{user.pk}"), 1):
                lines.write(line(message(slug, row)))
                progress("messages", count, 0)
        with archive.open("reactions.jsonl", "w", force_zip64=True) as lines:
            for slug, number, emoji in reactions_of(f"user:{user.pk}"):
                lines.write(line({"room": slug, "message": number, "emoji": emoji}))
    return count


def profile(user: User) -> dict[str, Any]:
    """Return what is kept of a person beside what they write."""
    shown = people.profile_of(user)
    return {
        "id": user.pk,
        "username": user.get_username(),
        "name": shown.name,
        "first_name": user.first_name,
        "last_name": user.last_name,
        "email": user.email,
        "email_addresses": rows(EmailAddress.objects.filter(user=user), "email", "verified", "primary"),
        "single_sign_on": rows(
            SocialAccount.objects.filter(user=user), "provider", "uid", "extra_data", "date_joined", "last_login"
        ),
        "colour": shown.colour,
        "time_zone": shown.time_zone,
        "language": shown.language,
        "joined_at": user.date_joined,
        "signed_in_at": user.last_login,
        "staff": user.is_staff,
        "groups": list(user.groups.order_by("name").values_list("name", flat=True)),
    }


def rows(found: Any, *fields: str) -> list[dict[str, Any]]:
    """Return these fields of rows, in the rows' order."""
    return list(found.order_by("pk").values(*fields))


def memberships(user: User) -> list[dict[str, Any]]:
    found = Membership.objects.filter(user=user).select_related("room").order_by("room__slug")
    return [{"room": it.room.slug, "role": it.role, "since": it.since, "read": it.read} for it in found]


def invitations(user: User) -> dict[str, list[dict[str, Any]]]:
    """Return the links that somebody has made, and the rooms into which older links lead them no more."""
    made = Invitation.objects.filter(created_by=user).select_related("room").order_by("pk")
    return {
        "made": [
            {
                "room": it.room.slug,
                "created_at": it.created_at,
                "expires_at": it.expires_at,
                "uses": it.uses,
                "used": it.used,
            }
            for it in made
        ],
        "put_out": [{"room": it.room.slug} for it in PutOut.objects.filter(user=user).select_related("room")],
    }


def message(slug: str, row: Row) -> dict[str, Any]:
    """Return a message as it stands in the file; times are RFC 3339 in UTC, data is base64."""
    found = {
        "room": slug,
        "message": row.number,
        "at": moment(row.at).isoformat(),
        "text": row.text,
        "data": None if row.data is None else base64.b64encode(row.data).decode(),
        "edited_at": None if row.edited_at is None else moment(row.edited_at).isoformat(),
        "deleted": bool(row.deleted) or None,
        "reply_to": row.reply_to,
        "address": row.address or None,
    }
    return {name: value for name, value in found.items() if value is not None}


def line(value: object) -> bytes:
    return json.dumps(value, ensure_ascii=False).encode() + b"\n"


def pretty(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, indent=2, default=datetime.isoformat) + "\n"


# Erasure


def check_erasable(*users: User) -> None:
    """Refuse to leave people behind without an administrator. Raises: OnlyAdministrator, django.db.Error."""
    others = User.objects.exclude(pk__in=[user.pk for user in users])
    is_super = any(user.is_superuser for user in users)
    if is_super and others.exists() and not others.filter(is_superuser=True, is_active=True).exists():
        raise OnlyAdministrator


def erase(user: User, turn: Turn, progress: Progress, *, keep: bool) -> int:
    """Erase a person: the account is gone, what they wrote is nobody's or is no more; return how many messages changed.

    The account is closed first, from when on the log takes nothing of it, and deleted last: after a failure the same may
    be run again, also while another runs it, or has.

    Raises: OnlyAdministrator, and then nothing is done; django.db.Error.
    """
    close(user, turn)
    token = secrets.token_hex(8)
    erasure = Erasure(f"user:{user.pk}", f"gone:{token}", f"erase:{token}", keep, int(time.time() * 1000))
    count = 0
    for changed in erasing.erase(erasure, turn):
        count += changed
        progress("messages", count, 0)
    erasing.leave(user.pk, turn)
    delete(user, turn)
    return count


def close(user: User, turn: Turn) -> None:
    """Let nobody sign in to an account, end its sessions, and have nothing of it taken by any process (chat/rooms/erased.py).

    Raises: OnlyAdministrator, and then nothing is done; django.db.Error.
    """
    with turn(), transaction.atomic():
        locks.hold(locks.ADMINISTRATORS)  # Of the last two who go at once one stays.
        locks.hold(locks.NAMES)  # A form of the admin's looks at an account and then writes it as a whole.
        there = User.objects.select_for_update().filter(pk=user.pk).first()
        if there is not None:
            check_erasable(there)
            there.is_active = False
            there.save(update_fields=["is_active"])
        Erased.objects.get_or_create(user=user.pk)
        end_sessions(user.pk)


def end_sessions(user: int) -> None:
    for session in list(sessions_of(user)):
        session.delete()


def delete(user: User, turn: Turn) -> None:
    """Delete an account, and its name from what was logged of it."""
    with turn(), transaction.atomic():
        locks.hold(locks.NAMES)  # A form that read the account earlier could otherwise insert it again.
        end_sessions(user.pk)  # Of a sign-in that began before the account was closed.
        AccessAttempt.objects.filter(username=user.get_username()).delete()
        about = LogEntry.objects.filter(content_type=ContentType.objects.get_for_model(User), object_id=str(user.pk))
        # What was changed names the profile, by the name shown then.
        about.update(object_repr=erasing.NAME, change_message="")
        User.objects.filter(pk=user.pk).delete()
