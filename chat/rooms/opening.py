"""Opening: rooms that people make, and conversations that they begin."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Callable, Collection, Iterable
from dataclasses import asdict, dataclass

from django.conf import settings
from django.contrib.auth import get_user_model
from django.db import IntegrityError, transaction

from chat.models import Invalidation, Membership, Room
from chat.rooms.membership import check_may_own
from chat.rooms.titles import DIRECT
from chat.wire.codes import Error, WireError

# People of one direct conversation: more are a room, with somebody who looks after it.
MAX_PARTY = 20
# Addresses below /rooms/ that are pages.
RESERVED = frozenset({"new"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What a new room is to be: fields of its row."""

    slug: str
    title: str
    topic: str = ""
    kind: str = "public"
    posting: str = "everyone"
    guests: bool = True


def unnoticed(room: Room) -> None:
    """Take a room that nobody waits for."""


def open_room(owner: int, wanted: Wanted, made: Callable[[Room], None] = unnoticed) -> Room:
    """Make a room, with its owner in it; `made` is called in the transaction. Raises: WireError, django.db.Error."""
    try:
        with settings.TURN(), transaction.atomic():
            check_free(wanted.slug)
            check_may_own(owner)
            room = Room.objects.create(**asdict(wanted))
            Membership.objects.create(room=room, user_id=owner, role=Membership.Role.OWNER)
            Invalidation.of(owner)
            made(room)
    except IntegrityError:
        check_free(wanted.slug)  # Somebody was faster; whatever else it was is told as it is.
        raise
    return room


def check_free(slug: str) -> None:
    """Refuse an address that leads elsewhere already. Raises: WireError, django.db.Error."""
    if slug in RESERVED or Room.objects.filter(slug=slug).exists():
        raise WireError(Error.CONFLICT, f"/rooms/{slug} is taken: expected an address that no other room has.")


def open_direct(user: int, others: Collection[int]) -> Room:
    """Return the conversation of these people, made where there is none yet. Who has left it is in it again.

    Raises: WireError, django.db.Error.
    """
    people = {user, *others}
    check_party(people)
    check_accounts(people)
    fresh = {"slug": f"direct-{secrets.token_hex(8)}", "title": DIRECT, "kind": Room.Kind.DIRECT, "guests": False}
    with settings.TURN(), transaction.atomic():
        room, _ = Room.objects.get_or_create(party=party_of(people), defaults=fresh)
        for person in Membership.admit(room.pk, people):
            Invalidation.of(person)
    return room


def is_begun(user: int, others: Collection[int]) -> bool:
    """Tell whether these people have a conversation already. Raises: django.db.Error."""
    return Room.objects.filter(party=party_of({user, *others})).exists()


def check_party(people: Collection[int]) -> None:
    """Refuse a conversation with oneself, or of too many. Raises: WireError."""
    if len(people) < 2:
        raise WireError(Error.BAD_FRAME, "Expected at least one other person, got none.")
    if len(people) > MAX_PARTY:
        said = f"Expected at most {MAX_PARTY} people with yourself, got {len(people)}: make a room for so many."
        raise WireError(Error.BAD_FRAME, said)


def party_of(people: Iterable[int]) -> str:
    """Return what tells a set of people from every other."""
    return hashlib.sha256(",".join(map(str, sorted(set(people)))).encode()).hexdigest()


def check_accounts(people: Collection[int]) -> None:
    """Refuse people of whom one has no account, or a closed one. Raises: WireError, django.db.Error."""
    if get_user_model().objects.filter(pk__in=people, is_active=True).count() < len(people):
        raise WireError(Error.NOT_FOUND, "Somebody of these has no account here any more: choose again.")
