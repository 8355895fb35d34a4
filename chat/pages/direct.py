"""Direct conversations: who is asked into one."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from django.contrib.auth import get_user_model
from django.contrib.auth.decorators import login_required
from django.db.models import F, QuerySet
from django.db.models.functions import Coalesce, Lower
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods

from chat import throttle
from chat.pages.forms import Search
from chat.pages.refusals import telling
from chat.pages.visit import person_of
from chat.rooms.opening import MAX_PARTY, is_begun, open_direct
from chat.rooms.rights import user_of
from chat.told import told
from chat.wire.codes import Error, WireError

SHOWN = 50


@require_http_methods(["GET", "HEAD", "POST"])
@login_required
@telling
def new_direct(request: HttpRequest) -> HttpResponse:
    """Show people, and begin a conversation with those who are chosen; a search keeps who is chosen already."""
    me = user_of(person_of(request))
    asked = request.POST if request.method == "POST" else request.GET
    chosen = chosen_of(asked.getlist("with"))
    refused = ""
    if request.method == "POST" and "search" not in request.POST:
        try:
            check_rate(me, chosen)
            return redirect(open_direct(me, chosen))
        except WireError as error:
            refused = told(error.message)
    words = Search.words(asked)
    others = people().exclude(pk=me)
    found = list((others.filter(name__icontains=words) if words else others).exclude(pk__in=chosen)[: SHOWN + 1])
    context = {
        "chosen": others.filter(pk__in=chosen),
        "people": found[:SHOWN],
        "more": len(found) > SHOWN,
        "words": words,
        "refused": refused,
    }
    return render(request, "chat/new_direct.html", context, status=400 if refused else 200)


def check_rate(me: int, others: Collection[int]) -> None:
    """Refuse somebody who begins more conversations than anybody has time for. Raises: WireError, django.db.Error."""
    wait = 0.0 if is_begun(me, others) else throttle.conversations.take(str(me))
    if wait:
        said = f"Expected at most {throttle.CONVERSATIONS_AN_HOUR} new conversations an hour: try again later."
        raise WireError(Error.RATE_LIMITED, said, retry_after_s=wait)


def people() -> QuerySet[Any, Any]:
    """Return whoever may be spoken to, each with a `name` and a `colour`."""
    users = get_user_model().objects.filter(is_active=True)
    named = users.annotate(name=Coalesce(F("profile__name"), F("username")), colour=F("profile__colour"))
    return named.order_by(Lower("name"), "pk")


def chosen_of(numbers: Collection[str]) -> set[int]:
    """Return the users that a form names; more than a conversation may have are refused by their count."""
    return {int(number) for number in list(numbers)[: 2 * MAX_PARTY] if number.isdecimal() and len(number) < 19}
