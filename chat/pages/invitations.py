"""Invitations: links that let people into a room."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.db.models import F, QuerySet
from django.db.models.functions import Coalesce
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from chat.models import Invitation, Room
from chat.models.invitation import digest
from chat.pages.forms import NewInvitation
from chat.pages.refusals import telling
from chat.pages.roles import set_role
from chat.pages.visit import Visit, person_of, visit
from chat.rooms import permissions
from chat.rooms.permissions import Role
from chat.rooms.rights import user_of
from chat.wire.codes import Error, WireError

# Links of one room that are kept at once: who has more has forgotten some that still let people in.
MAX_INVITATIONS = 100
NOT_FOUND = "There is no such invitation: it may have been withdrawn. Ask for another one."
USED = "The invitation has been used already: ask for another one."
EXPIRED = "The invitation has expired: ask for another one."


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
        link = request.build_absolute_uri(make(here, form))
        form = NewInvitation()
    context = {
        "visit": here,
        "form": form,
        "link": link,
        "invitations": invitations_of(here.room),
        "now": timezone.now(),
    }
    return render(request, "chat/invitations.html", context, status=400 if form.errors else 200)


def make(here: Visit, form: NewInvitation) -> str:
    """Make an invitation and return its path. Raises: WireError."""
    permissions.check_unarchived(here.policy)
    rows = here.room.invitations
    rows.filter(expires_at__lt=timezone.now()).delete()
    if rows.count() >= MAX_INVITATIONS:
        raise WireError(Error.CONFLICT, f"Expected at most {MAX_INVITATIONS} invitations: withdraw one first.")
    token = Invitation.new_token()
    expires_at = timezone.now() + timedelta(hours=int(form.cleaned_data["hours"]))
    author = user_of(here.person)
    uses = form.cleaned_data["uses"]
    rows.create(digest=digest(token), created_by_id=author, expires_at=expires_at, uses=uses)
    return reverse("invitation", kwargs={"token": token})


def invitations_of(room: Room) -> QuerySet[Invitation, Any]:
    name = Coalesce(F("created_by__profile__name"), F("created_by__username"))
    return room.invitations.annotate(name=name).order_by("-created_at", "-pk")


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
    if found is None:
        raise WireError(Error.NOT_FOUND, NOT_FOUND)
    person = person_of(request)
    there = not permissions.is_guest(person) and found.room.memberships.filter(user=user_of(person)).exists()
    if there:
        return redirect(found.room)
    check_valid(found)
    if request.method == "POST" and not permissions.is_guest(person):
        set_role(request, found.room.slug, person, user_of(person), Role.MEMBER, invitation=found.digest)
        return redirect(found.room)
    context = {"invitation": found, "room": found.room, "is_guest": permissions.is_guest(person)}
    return render(request, "chat/invitation.html", context)


def check_valid(found: Invitation) -> None:
    """Refuse an invitation that lets nobody in; the log looks again in its transaction. Raises: WireError."""
    if found.used >= found.uses:
        raise WireError(Error.CONFLICT, USED)
    if found.expires_at <= timezone.now():
        raise WireError(Error.CONFLICT, EXPIRED)
