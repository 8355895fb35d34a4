"""Invitations: links that let people into a room."""

from __future__ import annotations

from datetime import timedelta

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.db import transaction
from django.db.models import F
from django.db.models.functions import Coalesce
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from chat import locks
from chat.models import Invitation, Room
from chat.models.invitation import digest
from chat.pages import once
from chat.pages.forms import NewInvitation
from chat.pages.refusals import telling
from chat.pages.roles import set_role
from chat.pages.visit import Visit, person_of, visit
from chat.rooms import invitations as links
from chat.rooms import permissions
from chat.rooms.permissions import Role
from chat.rooms.rights import user_of
from chat.site import absolute
from chat.wire.codes import Error, WireError

# Links of one room that let people in at once: who has more has forgotten some.
MAX_INVITATIONS = 100
# Of those that have ended, so many are listed, the newest.
SHOWN_ENDED = 50
WITHDRAWN = "This invitation was made and withdrawn again: make another one."


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
@login_required
@telling
def invitations(request: HttpRequest, slug: str) -> HttpResponse:
    """Show a room's invitations; make another one, whose link is shown this once; withdraw one."""
    here = visit(request, slug)
    permissions.check_moderate(here.policy, here.person, here.standing)
    if request.POST.get("withdraw"):
        return withdraw(request, here, request.POST["withdraw"])
    form = NewInvitation(request.POST or None)
    link = ""
    if request.method == "POST" and form.is_valid():
        link = absolute(request, make(request, here, form))
        form = NewInvitation()
    found = invitations_of(here.room)
    context = {
        "visit": here,
        "form": form,
        "link": link,
        "invitations": found,
        "moderating": links.moderating(here.room, {one.created_by_id for one in found}),
        "now": timezone.now(),
    }
    return render(request, "chat/invitations.html", context, status=400 if form.errors else 200)


def make(request: HttpRequest, here: Visit, form: NewInvitation) -> str:
    """Make an invitation and return its path; the same form again has the same one. Raises: WireError, django.db.Error."""
    permissions.check_unarchived(here.policy)
    token = once.secret(request) or Invitation.new_token()
    if not once.is_repeated(request):
        add(request, here, form, digest(token))
    elif not here.room.invitations.filter(digest=digest(token)).exists():
        raise WireError(Error.NOT_FOUND, WITHDRAWN)
    return reverse("invitation", kwargs={"token": token})


def add(request: HttpRequest, here: Visit, form: NewInvitation, digest: str) -> None:
    """Write an invitation, while nobody else makes one for this room. Raises: WireError, django.db.Error."""
    author, uses = user_of(here.person), form.cleaned_data["uses"]
    expires_at = timezone.now() + timedelta(hours=int(form.cleaned_data["hours"]))
    with settings.TURN(), transaction.atomic():
        locks.hold(f"invitations to {here.room.pk}")
        links.sweep(here.room)
        if links.live(here.room).count() >= MAX_INVITATIONS:
            raise WireError(Error.CONFLICT, f"Expected at most {MAX_INVITATIONS} invitations: withdraw one first.")
        here.room.invitations.create(digest=digest, created_by_id=author, expires_at=expires_at, uses=uses)
        once.settle(request)


def invitations_of(room: Room) -> list[Invitation]:
    """Return a room's invitations, each with the `name` of who made it: those that let people in, then some that did."""
    name = Coalesce(F("created_by__profile__name"), F("created_by__username"))
    live, ended = (rows(room).annotate(name=name).order_by("-created_at", "-pk") for rows in (links.live, links.ended))
    return [*live, *ended[:SHOWN_ENDED]]


def withdraw(request: HttpRequest, here: Visit, number: str) -> HttpResponse:
    gone = number.isdecimal() and len(number) < 19 and here.room.invitations.filter(pk=int(number)).delete()[0]
    if gone:
        messages.success(request, _("The invitation is withdrawn: its link lets nobody in any more."))
    else:
        messages.info(request, _("That invitation was gone already."))
    return redirect("invitations", slug=here.room.slug)


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
@telling
def invitation(request: HttpRequest, token: str) -> HttpResponse:
    """Show where a link leads, and let in who takes it."""
    found = Invitation.objects.select_related("room").filter(digest=digest(token)).first()
    person = person_of(request)
    user = user_of(person)
    if found is not None and is_in(found.room, user):
        return redirect(found.room)
    try:
        links.check(found, user)  # The log looks again in its transaction.
        assert found is not None
        if request.method == "POST" and not permissions.is_guest(person):
            set_role(request, found.room.slug, person, user, Role.MEMBER, invitation=found.digest)
            return redirect(found.room)
    except WireError:
        # By the same link, meanwhile: its last use may have been this person's own.
        if found is not None and is_in(found.room, user):
            return redirect(found.room)
        raise
    context = {"invitation": found, "room": found.room, "is_guest": permissions.is_guest(person)}
    return render(request, "chat/invitation.html", context)


def is_in(room: Room, user: int) -> bool:
    return room.memberships.filter(user=user).exists()
