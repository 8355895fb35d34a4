"""Allowed origins in the admin: what a pattern lets in is said in words before it is saved."""

from __future__ import annotations

from collections.abc import Mapping

from django.contrib import admin
from django.http import HttpRequest
from django.utils.safestring import SafeString

from chat.admin.durations import moment
from chat.admin.preview import Previewed
from chat.admin.switched import Switched
from chat.admin.words import in_words
from chat.models import AllowedOrigin
from chat.site import requested
from chat.wire.origins import Origin


def own_origin(request: HttpRequest) -> Origin | None:
    """Return this site's origin, as the operator's browser sees it."""
    try:
        return requested(request)
    except ValueError:
        return None


@admin.register(AllowedOrigin)
class AllowedOriginAdmin(Switched, Previewed):
    list_display = ["pattern", "says", "note", "enabled", "created"]
    list_filter = ["enabled"]
    search_fields = ["pattern", "note"]
    fields = ["pattern", "preview", "note", "enabled", "created"]
    readonly_fields = ["preview", "created"]
    preview_fields = ("pattern",)

    def words(self, values: Mapping[str, str], request: HttpRequest | None = None) -> list[str]:
        return in_words(values["pattern"], own_origin(request) if request else None)

    def words_of(self, row: AllowedOrigin) -> list[str]:
        return in_words(row.pattern)

    @admin.display(description="What it lets in")
    def preview(self, row: AllowedOrigin) -> SafeString:
        return self.preview_box(row)

    @admin.display(description="Created", ordering="created_at")
    def created(self, row: AllowedOrigin) -> str:
        return moment(row.created_at) if row.created_at else "when it is saved"

    @admin.display(description="What it lets in")
    def says(self, row: AllowedOrigin) -> str:
        return in_words(row.pattern)[0]
