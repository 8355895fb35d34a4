"""People: how users are shown, and whose name is whose."""

from __future__ import annotations

import contextlib
from collections.abc import Collection, Iterator

from django.conf import settings
from django.contrib.auth.models import AnonymousUser, User
from django.db import IntegrityError, transaction

from chat.models import Invalidation, Membership, Profile, Room
from chat.unseen import Unseen
from chat.wire import names
from chat.wire.codes import Error, WireError
from chat.wire.events import Person
from chat.wire.names import MAX_NAME_CHARACTERS
from chat.wire.skeletons import skeleton

# What a name is made unlike another's with, from 2 up to this; then another name is tried.
SUFFIX = " {}"
MOST_ALIKE = 100
# Known once for the whole process, whoever asks.
UNSEEN = Unseen()


class Gone(Exception):
    """There is no such user any more: the account was deleted meanwhile."""


def person_of_user(user: User) -> Person:
    """Return a user as others see them; who has no profile yet gets one.

    No query where the profile was read with the user (`select_related("profile")`).

    Raises: Gone, django.db.Error.
    """
    return Person(f"user:{user.pk}", profile_of(user).name, "user")


def profile_of(user: User) -> Profile:
    """Return a user's profile; who has none yet gets one that is called like the account, or nearly so.

    Raises: Gone, django.db.Error.
    """
    try:
        found: Profile = user.profile
    except Profile.DoesNotExist:
        return begin(user, user.get_username())
    return found


def time_zone_of(user: User | AnonymousUser) -> str:
    """Return the time zone that somebody has chosen; empty for the browser's. Raises: django.db.Error."""
    if not user.is_anonymous:
        with contextlib.suppress(Gone):
            return str(profile_of(user).time_zone)
    return ""


def begin(user: User, wanted: str) -> Profile:
    """Make a user's profile, with the name that is wanted: with a number behind it where it is somebody's; the main room
    is theirs from then on. Every process hears of the name.

    Raises: Gone, django.db.Error.
    """
    for name in names_like(usable(wanted, user.pk), user.pk):
        if is_shown(skeleton(name)):
            continue
        try:
            return make(user, name)
        except IntegrityError:
            if not User.objects.filter(pk=user.pk).exists():
                raise Gone(f"user {user.pk}") from None
            if not is_shown(skeleton(name)):
                raise
            # Somebody took the name just now.
    raise IntegrityError(f"user {user.pk} gets no name: every one that was tried is somebody's")


def names_like(name: str, number: int) -> Iterator[str]:
    """Yield a name, then others like it, then such as only the server gives."""
    for base in (name, f"{names.USER}{number}"):
        yield base
        for suffix in map(SUFFIX.format, range(2, MOST_ALIKE + 1)):
            yield base[: MAX_NAME_CHARACTERS - len(suffix)].rstrip() + suffix


def make(user: User, name: str) -> Profile:
    """Make a user's profile, or find the one that another process has made just now. Raises: django.db.Error."""
    with transaction.atomic():
        # By number: else the user would hold a profile that is rolled back.
        profile, made = Profile.objects.get_or_create(
            user_id=user.pk, defaults={"name": name, "skeleton": skeleton(name)}
        )
        join_main_room(user)
        if made:
            Invalidation.of(user.pk)
    user.profile = profile
    return profile


def join_main_room(user: User) -> None:
    """Put the main room among somebody's own, where everybody may read it. Raises: django.db.Error."""
    room = Room.objects.filter(slug=settings.CHAT.default_room, kind=Room.Kind.PUBLIC).first()
    if room is not None:
        Membership.admit(room.pk, [user.pk])


def usable(wanted: str, number: object) -> str:
    """Return a name as it may be shown; one that nobody may have is replaced, since it may pass for the server."""
    try:
        return names.clean(wanted[:MAX_NAME_CHARACTERS])
    except WireError:
        return f"{names.USER}{number}"


def is_shown(wanted: str, but: int | None = None) -> bool:
    """Tell whether a skeleton is that of a profile's name; `but` is the user who may have it.

    Raises: django.db.Error.
    """
    return Profile.objects.filter(skeleton=wanted).exclude(user=but).exists()


def is_awaited(wanted: str, but: int | None = None) -> bool:
    """Tell whether an account that nobody has seen yet, made by a command or in the admin, would be called so.

    Only the latest ones are compared (chat.unseen). Raises: django.db.Error.
    """
    return UNSEEN.has(wanted, but)


def skeletons_of(users: Collection[int]) -> set[str]:
    """Return the skeletons of users' names. Raises: django.db.Error."""
    return set(Profile.objects.filter(user__in=users).values_list("skeleton", flat=True))


def check_free(name: str, but: int | None = None) -> None:
    """Refuse a name that is another's, or looks like it.

    Raises: WireError, django.db.Error.
    """
    wanted = skeleton(name)
    if is_shown(wanted, but) or is_awaited(wanted, but):
        raise WireError(Error.CONFLICT, f"payload.name: “{name}” is the name of somebody here, or looks like it")


def rename(profile: Profile, name: str) -> None:
    """Give a person another name; every process asks again who they are.

    Raises: WireError where the name may not be, or is another's; django.db.Error.
    """
    shown = names.clean(name)
    check_free(shown, profile.user_id)
    profile.name, profile.skeleton = shown, skeleton(shown)
    try:
        with transaction.atomic():
            profile.save(update_fields=["name", "skeleton"])
    except IntegrityError:
        raise WireError(Error.CONFLICT, "payload.name: somebody took this name just now") from None
    transaction.on_commit(lambda: Invalidation.of(profile.user_id))
