"""The admin's ways in and out: its own pages, which lead on as the site's do."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from django.contrib import admin
from django.contrib.admin.forms import AdminAuthenticationForm
from django.contrib.auth import REDIRECT_FIELD_NAME
from django.http import HttpRequest, HttpResponseBase

from chat.accounts.forms import SignInForm
from chat.site import within

View = Callable[..., HttpResponseBase]


class StaffForm(SignInForm, AdminAuthenticationForm):
    """Staff that comes in."""


def leading_on(view: View) -> View:
    """Return Django's view, which is given an address of this site as its path: it compares as text."""

    @functools.wraps(view)
    def led(request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponseBase:
        request.GET = respelled(request, request.GET)
        request.POST = respelled(request, request.POST)
        return view(request, extra_context)

    return led


def respelled(request: HttpRequest, given: Any) -> Any:
    """Return what was filled in with `next` in the one spelling."""
    if REDIRECT_FIELD_NAME not in given:
        return given
    changed = given.copy()
    changed[REDIRECT_FIELD_NAME] = within(request, given[REDIRECT_FIELD_NAME])
    return changed


admin.site.login_form = StaffForm
admin.site.login = leading_on(admin.site.login)  # type: ignore[assignment, method-assign]
admin.site.logout = leading_on(admin.site.logout)  # type: ignore[assignment, method-assign]
