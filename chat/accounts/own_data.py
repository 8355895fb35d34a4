"""Pages on which people take their data along, and go."""

from __future__ import annotations

import tempfile
from collections.abc import AsyncIterator
from typing import IO, Any
from urllib.parse import urlencode

from asgiref.sync import sync_to_async
from django.conf import settings
from django.contrib.auth import logout
from django.contrib.auth.decorators import login_required
from django.contrib.auth.models import User
from django.core import signing
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_safe

from chat import own_data
from chat.accounts.forms import AgainForm, EraseForm

CHUNK_BYTES = 1 << 16
# What the last page is told, by the address that leads to it: nobody else's link may say that an account is gone.
DONE = "chat.accounts.erased"
SHOWN_SECONDS = 3600


def silent(what: str, done: int, of: int) -> None:
    """Tell nobody how far it is: a page has no place for that."""


@sensitive_post_parameters()
@never_cache
@login_required
def export(request: HttpRequest) -> HttpResponseBase:
    """Hand out a person's own data, once the password is given again."""
    form = AgainForm(request, request.POST if request.method == "POST" else None)
    if not form.is_valid():
        return render(request, "accounts/export.html", {"form": form})
    file = tempfile.TemporaryFile()  # noqa: SIM115  (closed when it is sent)
    own_data.export(form.user, file, silent)
    size = file.tell()
    file.seek(0)
    response = StreamingHttpResponse(chunks(file), content_type="application/zip")
    response["Content-Length"] = str(size)
    response["Content-Disposition"] = f'attachment; filename="chat-{timezone.now():%Y-%m-%d}.zip"'
    return response


async def chunks(file: IO[bytes]) -> AsyncIterator[bytes]:
    """Yield a file's content, and close it."""
    try:
        while data := await sync_to_async(file.read)(CHUNK_BYTES):
            yield data
    finally:
        file.close()


@sensitive_post_parameters()
@never_cache
@login_required
def erase(request: HttpRequest) -> HttpResponse:
    """Erase a person who asks for it, has typed that they mean it, and gives the password again."""
    assert isinstance(request.user, User)
    try:
        own_data.check_erasable(request.user)
    except own_data.OnlyAdministrator:
        return render(request, "accounts/erase.html", {"only_administrator": True})
    form = EraseForm(request, request.POST if request.method == "POST" else None, initial={"messages": "keep"})
    if not form.is_valid():
        return render(request, "accounts/erase.html", {"form": form})
    return gone(request, form.user, form.cleaned_data)


def gone(request: HttpRequest, user: User, wanted: dict[str, Any]) -> HttpResponse:
    keep = wanted["messages"] == "keep"
    logout(request)
    count = own_data.erase(user, settings.TURN, silent, keep=keep)
    return redirect(f"{reverse('accounts:erased')}?{urlencode({'done': signing.dumps([count, keep], salt=DONE)})}")


@never_cache
@require_safe
def erased(request: HttpRequest) -> HttpResponse:
    """Say that an account is gone, to who comes from erasing it."""
    try:
        count, keep = signing.loads(request.GET.get("done", ""), salt=DONE, max_age=SHOWN_SECONDS)
    except signing.BadSignature:
        return redirect("default-room")
    return render(request, "accounts/erased.html", {"count": count, "keep": keep})
