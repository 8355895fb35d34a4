"""A visit: who asks for a page of a room, and what they are there."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import dataclass

from django.conf import settings
from django.http import HttpRequest
from django.shortcuts import get_object_or_404

from chat.models import Room
from chat.people import Gone, person_of_user
from chat.rooms import permissions, rights
from chat.rooms.permissions import Policy, Role, Standing
from chat.rooms.rights import Reader
from chat.rooms.titles import title_for
from chat.told import told
from chat.wire.codes import Error, WireError
from chat.wire.events import Person

Check = Callable[[Policy, Person, Standing], None]


@dataclass(frozen=True, slots=True)
class Visit:
    """Somebody at a room. `title` is what the room is called by them."""

    room: Room
    person: Person
    policy: Policy
    standing: Standing
    title: str

    @property
    def role(self) -> Role:
        return self.standing.role

    def why_not(self, check: Check, role: Role | None = None) -> str:
        """Return the sentence that refuses something, in the page's language, or an empty one; with `role`, as if they had that one."""
        standing = self.standing if role is None else self.standing._replace(role=role)
        try:
            check(self.policy, self.person, standing)
        except WireError as error:
            return told(error.message)
        return ""

    @property
    def may(self) -> dict[str, bool]:
        """What is offered to them."""
        public, member = self.policy.kind == Room.Kind.PUBLIC, self.role is not Role.NONE
        return {
            "moderate": not self.why_not(permissions.check_moderate),
            "own": not self.why_not(permissions.check_own),
            "join": public and not member and not self.policy.archived and not permissions.is_guest(self.person),
            "leave": member,
        }


def visit(request: HttpRequest, slug: str) -> Visit:
    """Return a visit to a room that may be read. Raises: WireError, Http404, django.db.Error."""
    room = get_object_or_404(Room, slug=slug)
    person = person_of(request)
    check_guests(person)
    policy = Policy(*(getattr(room, column) for column in permissions.COLUMNS))
    standing = permissions.NOBODY if permissions.is_guest(person) else rights.standing(room.pk, Reader(person))
    permissions.check_read(policy, person, standing)
    return Visit(room, person, policy, standing, title_for(room, rights.user_of(person)))


def person_of(request: HttpRequest) -> Person:
    """Return who asks for a page; an account that was deleted just now is a guest's."""
    user = request.user
    if user.is_authenticated:
        with contextlib.suppress(Gone):
            return person_of_user(user)
    return Person("", "", "guest")


def check_guests(person: Person) -> None:
    """Refuse guests where the site has none. Raises: WireError."""
    if permissions.is_guest(person) and not settings.CHAT.guests:
        raise WireError(Error.UNAUTHENTICATED, "Guests may not take part here: sign in.")
