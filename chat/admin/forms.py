"""Forms of the admin that write what only one row may have, or of which there are only so many."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db import IntegrityError
from django.http import HttpRequest, HttpResponse

from chat import locks


class Alone(admin.ModelAdmin):  # type: ignore[type-arg]
    """An admin in which one form of a model at a time is looked at and written.

    Who writes past that, a page or a command, may still be faster: then the form is looked at again, and says at its field
    what is taken by now.
    """

    lock = ""

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        try:
            return super().changeform_view(request, object_id, form_url, extra_context)
        except IntegrityError:
            return super().changeform_view(request, object_id, form_url, extra_context)

    def _changeform_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """Django's, which it calls within its transaction."""
        if request.method == "POST":
            locks.hold(self.lock or f"admin {self.opts.label}")
        answer: HttpResponse = super()._changeform_view(request, *args, **kwargs)  # type: ignore[misc]
        return answer
