"""A preview in words of what a form's values will do: on the page as it comes, and again while somebody types."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.forms.widgets import Script
from django.http import HttpRequest, JsonResponse
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.views.decorators.http import require_GET

# More than any field of ours holds.
MAX_CHARACTERS = 2_000


def paragraphs(sentences: list[str]) -> SafeString:
    return format_html_join("", "<p>{}</p>", ((sentence,) for sentence in sentences))


class Previewed(admin.ModelAdmin):  # type: ignore[type-arg]
    """An admin whose form says in words, beneath its fields, what their values will do."""

    # Names of the form's fields that the words are made of.
    preview_fields: tuple[str, ...] = ()

    class Media:
        js = [Script("chat/admin/preview.js", type="module")]

    def words(self, values: Mapping[str, str], request: HttpRequest | None = None) -> list[str]:
        """Return sentences on what these values will do, where they make no sense too."""
        raise NotImplementedError

    def words_of(self, row: Any) -> list[str]:
        """Return the sentences on a row as it is."""
        raise NotImplementedError

    @property
    def preview_name(self) -> str:
        return f"{self.opts.app_label}_{self.opts.model_name}_preview"

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(require_GET(self.preview_view))
        return [path("preview/", view, name=self.preview_name), *super().get_urls()]

    def preview_view(self, request: HttpRequest) -> JsonResponse:
        """Answer with the sentences on the values that a form holds now."""
        if not (self.has_view_permission(request) or self.has_add_permission(request)):
            raise PermissionDenied
        values = {field: request.GET.get(field, "") for field in self.preview_fields}
        if sum(map(len, values.values())) > MAX_CHARACTERS:
            return JsonResponse({"words": ["Too long."]}, status=HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
        return JsonResponse({"words": self.words(values, request)})

    def preview_box(self, row: Any) -> SafeString:
        """Return the place of the preview, with the words on the row as it is."""
        return format_html(
            '<div class="preview" role="status" data-preview="{}" data-fields="{}">{}</div>',
            reverse(f"admin:{self.preview_name}"),
            " ".join(self.preview_fields),
            paragraphs(self.words_of(row)),
        )
