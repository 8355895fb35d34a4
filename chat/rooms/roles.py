"""Roles: what becomes of somebody in a room, where that is changed."""

from __future__ import annotations

from chat.rooms import invitations, membership, permissions, rights
from chat.rooms.changes import Done, SetRole
from chat.rooms.group import Group, Log
from chat.rooms.permissions import Role, Standing
from chat.wire.codes import Error, WireError
from chat.wire.events import Member, Person

SOMEBODY = Person("user:0", "", "user")


def set_role(group: Group, log: Log, change: SetRole, now: int) -> Done:
    """Make somebody a member, something else, or none. Raises: WireError."""
    place = (log.id, change.user)
    before = group.standings.get(place) or closed(group, place, change.role)
    if before is None:
        raise WireError(Error.NOT_FOUND, "There is no such person.")
    if before.role is change.role and not change.invitation:
        return Done(0, log.head, now / 1000)
    if change.invitation:
        if before.role >= change.role:
            return Done(0, log.head, now / 1000)
        if change.role is not Role.MEMBER:
            raise WireError(Error.FORBIDDEN, "An invitation makes members, and no more.")
        permissions.check_unarchived(log.policy)
        invitations.use(log.id, change.invitation, change.user)
    else:
        own = rights.user_of(change.author) == change.user
        standing = group.standing(log, change)
        permissions.check_role(log.policy, change.author, standing, before.role, change.role, own)
    if change.role is Role.OWNER:
        membership.check_may_own(change.user)
    if before.role is Role.OWNER and log.policy.kind != "direct":
        membership.check_another_owner(log.id, change.user)
    group.roles[place] = (change.role, log.last)
    after = before._replace(role=change.role)
    if place in group.standings:  # A closed account has none, and may not be let in again by what follows.
        group.standings[place] = after
    if not change.invitation and rights.user_of(change.author) != change.user:
        invitations.heed(log.id, change.user, change.role)
    if permissions.moderates(log.policy, before) and not permissions.moderates(log.policy, after):
        invitations.withdraw(log.id, change.user)
    event = Member(
        f"user:{change.user}",
        change.role.word,
        permissions.may_read(log.policy, SOMEBODY, after),
        *((log.next_offset(), log.epoch) if log.durable else ()),
    )
    return Done(0, log.head, now / 1000, event)


def closed(group: Group, place: tuple[int, int], wanted: Role) -> Standing | None:
    """Return what a closed account is in a room, where it is to be less than that: it has no rights, and may be put out."""
    role = group.roles[place][0] if place in group.roles else membership.role_of(*place)
    return Standing(role) if wanted < role else None
