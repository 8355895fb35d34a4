"""People: how users are shown, and whose name is whose."""

from __future__ import annotations

from itertools import count

from django.conf import settings
from django.contrib.auth.models import AnonymousUser, User
from django.db import IntegrityError, transaction

from chat.models import Invalidation, Membership, Profile, Room
from chat.wire import names
from chat.wire.codes import Error, WireError
from chat.wire.events import Person
from chat.wire.names import MAX_NAME_CHARACTERS
from chat.wire.skeletons import skeleton

# What a name is made unlike another's with, from 2 up.
SUFFIX = " {}"


def person_of_user(user: User) -> Person:
    """Return a user as others see them; who has no profile yet gets one.

    No query where the profile was read with the user (`select_related("profile")`).

    Raises: django.db.Error.
    """
    return Person(f"user:{user.pk}", profile_of(user).name, "user")


def profile_of(user: User) -> Profile:
    """Return a user's profile; who has none yet gets one that is called like the account, or nearly so.

    Raises: django.db.Error.
    """
    try:
        found: Profile = user.profile
    except Profile.DoesNotExist:
        return begin(user, user.get_username())
    return found


def time_zone_of(user: User | AnonymousUser) -> str:
    """Return the time zone that somebody has chosen; empty for the browser's. Raises: django.db.Error."""
    return "" if user.is_anonymous else str(profile_of(user).time_zone)


def begin(user: User, wanted: str) -> Profile:
    """Make a user's profile, with the name that is wanted: with a number behind it where it is somebody's; the main room
    is theirs from then on.

    Raises: django.db.Error.
    """
    base = usable(wanted, user.pk)
    for number in count(1):
        suffix = "" if number == 1 else SUFFIX.format(number)
        name = base[: MAX_NAME_CHARACTERS - len(suffix)].rstrip() + suffix
        if names_taken(skeleton(name)):
            continue
        try:
            with transaction.atomic():
                profile, _ = Profile.objects.get_or_create(
                    user=user, defaults={"name": name, "skeleton": skeleton(name)}
                )
                join_main_room(user)
        except IntegrityError:
            continue  # Somebody took the name just now.
        return profile
    raise AssertionError("numbers do not end")


def join_main_room(user: User) -> None:
    """Put the main room among somebody's own, where everybody may read it. Raises: django.db.Error."""
    room = Room.objects.filter(slug=settings.CHAT.default_room, kind=Room.Kind.PUBLIC).first()
    if room is not None:
        Membership.objects.get_or_create(room=room, user=user, defaults={"read": room.last})


def usable(wanted: str, number: object) -> str:
    """Return a name as it may be shown; one that nobody may have is replaced, since it may pass for the server."""
    try:
        return checked(wanted[:MAX_NAME_CHARACTERS])
    except WireError:
        return f"user-{number}"


def checked(name: str) -> str:
    """Return a name as it is shown.

    Raises: WireError where it is empty, too long, invisible, or passes for the server.
    """
    shown = names.clean(name)
    if not skeleton(shown):
        raise WireError(Error.BAD_FRAME, "payload.name: expected visible characters, got marks that show nothing")
    return shown


def names_taken(wanted: str, but: int | None = None) -> bool:
    """Tell whether a skeleton is that of somebody's name; `but` is the user who may have it.

    Raises: django.db.Error.
    """
    return Profile.objects.filter(skeleton=wanted).exclude(user=but).exists()


def check_free(name: str, but: int | None = None) -> None:
    """Refuse a name that is another's, or looks like it.

    Raises: WireError, django.db.Error.
    """
    if names_taken(skeleton(name), but):
        raise WireError(Error.CONFLICT, f"payload.name: “{name}” is the name of somebody here, or looks like it")


def rename(profile: Profile, name: str) -> None:
    """Give a person another name; every process asks again who they are.

    Raises: WireError where the name may not be, or is another's; django.db.Error.
    """
    shown = checked(name)
    check_free(shown, profile.user_id)
    profile.name, profile.skeleton = shown, skeleton(shown)
    try:
        with transaction.atomic():
            profile.save(update_fields=["name", "skeleton"])
    except IntegrityError:
        raise WireError(Error.CONFLICT, "payload.name: somebody took this name just now") from None
    transaction.on_commit(lambda: Invalidation.of(profile.user_id))
