"""A room's members: who they are, and what becomes of them."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.contrib.auth import get_user_model
from django.contrib.auth.decorators import login_required
from django.core.paginator import Paginator
from django.db.models import Case, F, IntegerField, QuerySet, Value, When
from django.db.models.functions import Coalesce, Lower
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from chat.models import Membership, Room
from chat.pages.forms import Search
from chat.pages.refusals import telling
from chat.pages.roles import MADE, MAKE, set_role
from chat.pages.visit import Visit, visit
from chat.rooms.permissions import ROLES, Role
from chat.rooms.rights import user_of
from chat.rooms.titles import NAME
from chat.told import told
from chat.wire.codes import Error, WireError

PAGE = 100
SUGGESTED = 100
RANK = Case(
    When(role=Membership.Role.OWNER, then=Value(0)),
    When(role=Membership.Role.MODERATOR, then=Value(1)),
    default=Value(2),
    output_field=IntegerField(),
)


@require_http_methods(["GET", "HEAD", "POST"])
@login_required
@telling
def members(request: HttpRequest, slug: str) -> HttpResponse:
    """Show who is in a room; let those in and out whom one may let in and out."""
    here = visit(request, slug)
    if request.method == "POST":
        return changed(request, here)
    words = Search.words(request.GET)
    found = members_of(here.room, words)
    context = {
        "visit": here,
        "members": Paginator(found, PAGE).get_page(request.GET.get("page")),
        "words": words,
        "roles": MAKE,
        "names": suggested(here.room) if here.may["moderate"] else [],
    }
    return render(request, "chat/members.html", context)


def members_of(room: Room, words: str) -> QuerySet[Membership, Any]:
    """Return a room's members, owners first, each with a `name` and a `colour`."""
    found = room.memberships.annotate(name=NAME, colour=F("user__profile__colour"))
    if words:
        found = found.filter(name__icontains=words)
    return found.order_by(RANK, Lower("name"), "pk")


def suggested(room: Room) -> list[str]:
    """Return names of some who are not in a room."""
    people = get_user_model().objects.filter(is_active=True).exclude(memberships__room=room)
    named = people.annotate(name=Coalesce(F("profile__name"), F("username")))
    return list(named.order_by(Lower("name")).values_list("name", flat=True)[:SUGGESTED])


def changed(request: HttpRequest, here: Visit) -> HttpResponse:
    """Do what the form says and tell of it; refusals stand above the list. Raises: WireError."""
    try:
        user, name = somebody(request.POST.get("name", "")) if "name" in request.POST else member(here, request)
        role = role_of(request.POST.get("role", ""))
        set_role(request, here.room.slug, here.person, user, role)
    except WireError as error:
        messages.error(request, told(error.message))
    else:
        if user == user_of(here.person) and role is Role.NONE:
            messages.success(request, _("You have left {room}.").format(room=here.title))
            return redirect("rooms")
        messages.success(request, _(MADE[role]).format(name=name))
    return redirect("members", slug=here.room.slug)


def member(here: Visit, request: HttpRequest) -> tuple[int, str]:
    """Return the member that a row's form is about. Raises: WireError."""
    number = request.POST.get("user", "")
    rows = here.room.memberships.filter(user=int(number)) if number.isdecimal() and len(number) < 19 else None
    found = None if rows is None else rows.annotate(name=NAME).values_list("user", "name").first()
    if found is None:
        raise WireError(Error.NOT_FOUND, "Expected somebody who is in this room: perhaps they have just left it.")
    return found


def somebody(name: str) -> tuple[int, str]:
    """Return who has an account of this name. Raises: WireError."""
    wanted = " ".join(name.split())
    people = get_user_model().objects.filter(is_active=True)
    named = people.annotate(name=Coalesce(F("profile__name"), F("username"))).filter(name__iexact=wanted)
    found = list(named.values_list("pk", "name")[:2])
    if not found:
        raise WireError(Error.NOT_FOUND, f"Expected the name of somebody with an account here, got “{wanted[:80]}”.")
    if len(found) > 1:
        # An account that nobody has signed in to yet is called by its username, which may be somebody's name.
        raise WireError(Error.CONFLICT, f"More than one person is called “{wanted[:80]}”: give them an invitation.")
    return found[0]


def role_of(word: str) -> Role:
    if word not in ROLES:
        raise WireError(Error.BAD_FRAME, f"Expected owner, moderator, member or nothing, got “{word[:80]}”.")
    return ROLES[word]


@require_POST
@login_required
@telling
def join(request: HttpRequest, slug: str) -> HttpResponse:
    """Make somebody a member of a public room."""
    here = visit(request, slug)
    if here.role is Role.NONE:
        set_role(request, slug, here.person, user_of(here.person), Role.MEMBER)
    return redirect(here.room)
