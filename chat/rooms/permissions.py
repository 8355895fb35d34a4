"""Permissions: who may do what in a room. Nothing is read here: what is known of room and person comes in."""

from __future__ import annotations

from enum import IntEnum
from typing import NamedTuple

from chat.wire.codes import Error, WireError
from chat.wire.events import Person

# Members of this group of Django's, and superusers, moderate every room but the direct ones.
SITE_MODERATORS = "Site moderators"


class Role(IntEnum):
    """What somebody is in a room; who is more may do all that who is less may."""

    NONE = 0
    MEMBER = 1
    MODERATOR = 2
    OWNER = 3

    @property
    def word(self) -> str:
        """What it is called in the database and on the wire; outside: nothing."""
        return WORDS[self]


WORDS = {Role.NONE: "", Role.MEMBER: "member", Role.MODERATOR: "moderator", Role.OWNER: "owner"}
ROLES = {word: role for role, word in WORDS.items()}


class Policy(NamedTuple):
    """What a room's row says of who may do what, in the order of COLUMNS."""

    kind: str = "public"
    posting: str = "everyone"
    guests: bool = True
    archived: bool = False

    @property
    def open(self) -> bool:
        """Whether everybody may read: nobody's role has to be known for that."""
        return self.kind == "public" and bool(self.guests)

    @property
    def simple(self) -> bool:
        """Whether everybody may write, too."""
        return self.open and self.posting == "everyone" and not self.archived


OPEN = Policy()
CLOSED = Policy("members", "moderators", guests=False, archived=True)
COLUMNS = ("kind", "posting", "guests", "archived")


class Standing(NamedTuple):
    """What somebody is in one room. `moderates` tells that they are a site moderator."""

    role: Role = Role.NONE
    moderates: bool = False

    def role_in(self, policy: Policy) -> Role:
        """Return what they count as: a site moderator is a moderator, but nobody's guest in a direct room."""
        if self.moderates and policy.kind != "direct":
            return max(self.role, Role.MODERATOR)
        return self.role


NOBODY = Standing()


def is_guest(person: Person) -> bool:
    return person.kind == "guest"


def check_read(policy: Policy, person: Person, standing: Standing = NOBODY) -> None:
    """Refuse who may not read in a room. Raises: WireError."""
    if policy.kind == "public":
        if is_guest(person) and not policy.guests:
            raise WireError(Error.UNAUTHENTICATED, "Guests may not enter this room: sign in.")
    elif is_guest(person):
        raise WireError(Error.UNAUTHENTICATED, "This room is for its members: sign in.")
    elif standing.role_in(policy) < Role.MEMBER:
        raise WireError(Error.FORBIDDEN, "This room is for its members.")


def may_read(policy: Policy, person: Person, standing: Standing = NOBODY) -> bool:
    """Tell whether somebody may read in a room."""
    try:
        check_read(policy, person, standing)
    except WireError:
        return False
    return True


def check_post(policy: Policy, person: Person, standing: Standing = NOBODY) -> None:
    """Refuse who may not write in a room. Raises: WireError."""
    check_read(policy, person, standing)
    check_unarchived(policy)
    if policy.posting != "everyone" and is_guest(person):
        raise WireError(Error.UNAUTHENTICATED, "Guests may not write in this room: sign in.")
    role = standing.role_in(policy)
    if policy.posting == "members" and role < Role.MEMBER:
        raise WireError(Error.FORBIDDEN, "Only members write in this room: join it first.")
    if policy.posting == "moderators" and role < Role.MODERATOR:
        raise WireError(Error.FORBIDDEN, "Only moderators write in this room.")


def check_react(policy: Policy, person: Person, standing: Standing = NOBODY) -> None:
    """Refuse who may not react: announcements may be reacted to by all who may read them. Raises: WireError."""
    if policy.posting == "moderators":
        policy = policy._replace(posting="signed-in" if policy.kind == "public" else "members")
    check_post(policy, person, standing)


def moderates(policy: Policy, standing: Standing) -> bool:
    """Tell whether somebody moderates a room: nobody does a direct conversation."""
    return policy.kind != "direct" and standing.role_in(policy) >= Role.MODERATOR


def check_moderate(policy: Policy, person: Person, standing: Standing = NOBODY) -> None:
    """Refuse who may not change what others see of a room: its topic, its members. Raises: WireError."""
    check_read(policy, person, standing)
    if policy.kind == "direct":
        raise WireError(Error.FORBIDDEN, "Nobody moderates a direct conversation.")
    if not moderates(policy, standing):
        raise WireError(Error.FORBIDDEN, "Only moderators of the room may do that.")


def check_own(policy: Policy, person: Person, standing: Standing = NOBODY) -> None:
    """Refuse who may not decide about the room itself: its name, its roles, its end. Raises: WireError."""
    check_moderate(policy, person, standing)
    if standing.role < Role.OWNER and not standing.moderates:
        raise WireError(Error.FORBIDDEN, "Only owners of the room may do that.")


def check_unarchived(policy: Policy) -> None:
    if policy.archived:
        raise WireError(Error.FORBIDDEN, "This room is archived: it can be read, and nothing changes in it.")


def check_role(policy: Policy, person: Person, standing: Standing, target: Role, wanted: Role, own: bool) -> None:
    """Refuse to change somebody's role from `target` to `wanted`, NONE for outside; `own`: it is their own.

    Everybody may leave. Into a public room everybody who is signed in may come. Moderators let members in and put them
    out; owners, and site moderators, say who moderates and who owns.

    Raises: WireError.
    """
    if is_guest(person):
        raise WireError(Error.UNAUTHENTICATED, "Sign in first.")
    if own and wanted < target:
        return
    if own and policy.kind == "public" and wanted is Role.MEMBER and target is Role.NONE:
        check_unarchived(policy)
        return
    if max(target, wanted) > Role.MEMBER:
        check_own(policy, person, standing)
    else:
        check_moderate(policy, person, standing)
    check_unarchived(policy)
