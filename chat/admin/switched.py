"""Rows that are switched on and off in their list."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.forms import CheckboxInput
from django.http import HttpRequest


class Switched(admin.ModelAdmin):  # type: ignore[type-arg]
    """An admin whose list has a checkbox a row, with the name that Django gives it nowhere."""

    list_editable = ["enabled"]

    def get_changelist_form(self, request: HttpRequest, **kwargs: Any) -> Any:
        kwargs["widgets"] = {"enabled": CheckboxInput(attrs={"aria-label": "Enabled"})}
        kwargs["help_texts"] = {"enabled": ""}
        return super().get_changelist_form(request, **kwargs)
