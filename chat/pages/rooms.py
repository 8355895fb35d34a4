"""The list of rooms, and the page that makes another one."""

from __future__ import annotations

from django.contrib.auth.decorators import login_required
from django.core.paginator import Paginator
from django.db.models import Q, QuerySet
from django.db.models.functions import Lower
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_safe

from chat.models import Room
from chat.pages import once
from chat.pages.forms import NewRoom, Search
from chat.pages.mine import Entry, entries_of, parted
from chat.pages.refusals import telling
from chat.pages.visit import check_guests, person_of
from chat.rooms.opening import Wanted, open_room
from chat.rooms.permissions import is_guest
from chat.rooms.rights import user_of
from chat.told import told
from chat.wire.codes import WireError

PAGE = 50


@require_safe
@telling
def rooms(request: HttpRequest) -> HttpResponse:
    """Show the rooms that somebody is in, and the public ones; `?q=` those with these words."""
    person = person_of(request)
    check_guests(person)
    words = Search.words(request.GET)
    mine = entries_of(user_of(person))
    pages = Paginator(public_rooms(is_guest(person), words, mine), PAGE)
    context = {
        **parted([entry for entry in mine if holds(entry, words)]),
        "public": pages.get_page(request.GET.get("page")),
        "words": words,
        "is_guest": is_guest(person),
    }
    return render(request, "chat/rooms.html", context)


def holds(entry: Entry, words: str) -> bool:
    return words.casefold() in f"{entry['title']}\n{entry['room']}".casefold()


def public_rooms(guest: bool, words: str, mine: list[Entry]) -> QuerySet[Room]:
    """Return the public rooms that somebody may enter and is not in."""
    found = Room.objects.filter(kind=Room.Kind.PUBLIC).exclude(slug__in=[entry["room"] for entry in mine])
    if guest:
        found = found.filter(guests=True)
    if words:
        found = found.filter(Q(title__icontains=words) | Q(slug__icontains=words) | Q(topic__icontains=words))
    return found.order_by("archived", Lower("title"), "slug")


@require_http_methods(["GET", "HEAD", "POST"])
@login_required
@telling
def new_room(request: HttpRequest) -> HttpResponse:
    """Make a room and go there."""
    person = person_of(request)
    form = NewRoom(request.POST or None, initial={"slug": request.GET.get("slug", "")[:64]})
    if request.method == "POST" and form.is_valid():
        try:
            wanted = Wanted(**form.cleaned_data)
            room = open_room(user_of(person), wanted, lambda made: once.settle(request, made.get_absolute_url()))
        except WireError as error:
            form.add_error("slug", told(error.message))
        else:
            return redirect(room)
    return render(request, "chat/new_room.html", {"form": form}, status=400 if form.errors else 200)
