"""Rows that are switched on and off in their list."""

from __future__ import annotations

from typing import Any

from django.forms import CheckboxInput
from django.http import HttpRequest

from chat.admin.forms import Alone


class Switched(Alone):
    """An admin whose list has a checkbox a row, with the name that Django gives it nowhere."""

    list_editable = ["enabled"]

    def get_changelist_form(self, request: HttpRequest, **kwargs: Any) -> Any:
        kwargs["widgets"] = {"enabled": CheckboxInput(attrs={"aria-label": "Enabled"})}
        kwargs["help_texts"] = {"enabled": ""}
        return super().get_changelist_form(request, **kwargs)
