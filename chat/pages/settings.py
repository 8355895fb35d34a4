"""A room's settings, by those who look after it."""

from __future__ import annotations

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.forms import Form
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop
from django.views.decorators.http import require_http_methods

from chat.models import Room
from chat.pages.forms import Settings, Topical
from chat.pages.refusals import telling
from chat.pages.visit import Visit, visit
from chat.rooms import permissions

FIELDS = ("title", "topic", "posting", "guests")
UNCHANGED = gettext_noop("Nothing was changed: it is as it was.")
SAID = {"archive": gettext_noop("The room is archived."), "unarchive": gettext_noop("The room is open again.")}


@require_http_methods(["GET", "HEAD", "POST"])
@login_required
@telling
def room_settings(request: HttpRequest, slug: str) -> HttpResponse:
    """Show what may be changed of a room, and change it."""
    here = visit(request, slug)
    permissions.check_moderate(here.policy, here.person, here.standing)
    if request.method == "POST" and request.POST.get("do") in SAID:
        return archive(request, here, request.POST["do"])
    form = form_of(here, request)
    if request.method == "POST" and form.is_valid():
        permissions.check_unarchived(here.policy)
        change(request, here.room, form)
        return redirect("room-settings", slug=slug)
    return render(request, "chat/room_settings.html", {"visit": here, "form": form}, status=400 if form.errors else 200)


def form_of(here: Visit, request: HttpRequest) -> Form:
    """Return the form of what somebody may change: moderators the topic, owners everything."""
    initial = {name: getattr(here.room, name) for name in FIELDS}
    data = request.POST or None
    return Settings(data, initial=initial, kind=here.room.kind) if here.may["own"] else Topical(data, initial=initial)


def change(request: HttpRequest, room: Room, form: Form) -> None:
    """Write what the form changes."""
    if not form.changed_data:
        messages.info(request, _(UNCHANGED))
        return
    for name in form.changed_data:
        setattr(room, name, form.cleaned_data[name])
    room.save(update_fields=form.changed_data)
    messages.success(request, _("Saved. It is in force within two seconds."))


def archive(request: HttpRequest, here: Visit, verb: str) -> HttpResponse:
    """Close a room for everything new, or open it again. Raises: WireError."""
    permissions.check_own(here.policy, here.person, here.standing)
    here.room.archived = verb == "archive"
    here.room.save(update_fields=["archived"])
    messages.success(request, _(SAID[verb]))
    return redirect("room-settings", slug=here.room.slug)
