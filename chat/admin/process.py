"""Server processes in the admin: to look at, since they write their rows themselves."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import URLPattern, path
from django.views.decorators.http import require_GET

from chat.admin import now
from chat.admin.durations import moment
from chat.models import Process


@admin.register(Process)
class ProcessAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    list_display = ["place", "connections", "rooms", "layer", "started", "seen"]
    fields = ["node", "place", "connections", "rooms", "layer", "started", "seen"]

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    @admin.display(description="Started", ordering="started_at")
    def started(self, process: Process) -> str:
        return moment(process.started_at)

    @admin.display(description="Told of itself last", ordering="seen_at")
    def seen(self, process: Process) -> str:
        return moment(process.seen_at)

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(require_GET(self.now_view))
        return [path("now/", view, name="chat_process_now"), *super().get_urls()]

    def now_view(self, request: HttpRequest) -> HttpResponse:
        """Answer with the index's panel alone."""
        found = now.for_request(request)
        if found is None:
            raise PermissionDenied
        return render(request, "admin/chat/now.html", {"now": found})
