"""Broadcasts in the admin: a change is in force within two seconds, since the ticker reads the rows each second."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from django.contrib import admin, messages
from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied, ValidationError
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import URLPattern, path
from django.utils import timezone
from django.utils.safestring import SafeString
from django.views.decorators.http import require_POST

from chat.admin.durations import exactly, moment
from chat.admin.preview import Previewed
from chat.admin.sending import NotSent, send_now
from chat.admin.switched import Switched
from chat.broadcasts import aligned
from chat.models import Broadcast, Room

CHECKED = ("template", "interval", "time_zone")
# Stands in for the room that somebody has not chosen yet.
SOME_ROOM = Room(title="the room")


def heard(row: Broadcast) -> str:
    """Return what the room would hear now, or why it would hear nothing."""
    try:
        return row.render(timezone.now())
    except (KeyError, ValueError, OSError) as error:
        return f"Nothing: {error}"


def next_tick(row: Broadcast) -> str:
    """Return when the clock sends it next."""
    if not row.enabled:
        return "Off"
    due = aligned(timezone.now(), row.interval) + timedelta(seconds=row.interval)
    return f"{timezone.localtime(due):%H:%M:%S %Z}"


def in_words(room: Room, enabled: bool, **fields: Any) -> list[str]:
    """Return sentences on values of a form, as they came: where they make no sense, what is wrong with them."""
    row = Broadcast(room=room, enabled=enabled, **fields)
    try:
        row.clean_fields(exclude=[field.name for field in Broadcast._meta.fields if field.name not in CHECKED])
    except ValidationError as error:
        return [sentence for sentences in error.message_dict.values() for sentence in sentences]
    ticks = f"Every {exactly(row.interval)}, next at {next_tick(row)}." if enabled else "Off: never sent."
    return [f"Now {room} would hear: {heard(row)}", ticks]


@admin.register(Broadcast)
class BroadcastAdmin(Switched, Previewed):
    list_display = ["name", "room", "hears", "every", "enabled", "next_tick", "last_sent"]
    list_filter = ["enabled", "room"]
    list_select_related = ["room"]
    search_fields = ["name", "template", "room__slug", "room__title"]
    fields = ["name", "room", "template", "interval", "time_zone", "preview", "enabled", "last_sent"]
    readonly_fields = ["preview", "last_sent"]
    preview_fields = ("template", "interval", "time_zone", "room", "enabled")
    actions = ["send_selected"]

    def words(self, values: Mapping[str, str], request: HttpRequest | None = None) -> list[str]:
        pk = values["room"]
        room = Room.objects.filter(pk=pk).first() if pk.isascii() and pk.isdigit() and len(pk) < 19 else None
        fields = {name: values[name] for name in CHECKED}
        return in_words(room or SOME_ROOM, bool(values["enabled"]), **fields)

    def words_of(self, row: Broadcast) -> list[str]:
        fields = {name: getattr(row, name) for name in CHECKED}
        return in_words(row.room if row.room_id else SOME_ROOM, row.enabled, **fields)

    @admin.display(description="What it says")
    def preview(self, row: Broadcast) -> SafeString:
        return self.preview_box(row)

    @admin.display(description="Says now")
    def hears(self, row: Broadcast) -> str:
        return heard(row)

    @admin.display(description="Every", ordering="interval")
    def every(self, row: Broadcast) -> str:
        return exactly(row.interval)

    @admin.display(description="Last due", ordering="last_due")
    def last_sent(self, row: Broadcast) -> str:
        return moment(row.last_due) if row.last_due else "never"

    @admin.display(description="Next tick")
    def next_tick(self, row: Broadcast) -> str:
        return next_tick(row)

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(require_POST(self.send_view))
        return [path("<path:object_id>/send/", view, name="chat_broadcast_send"), *super().get_urls()]

    def send_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Send one broadcast as it is saved."""
        if not self.has_change_permission(request):
            raise PermissionDenied
        row = self.get_object(request, unquote(object_id))
        if row is None:
            raise Http404("This broadcast has been deleted meanwhile.")
        self.send(request, row)
        return redirect("admin:chat_broadcast_change", object_id)

    @admin.action(description="Send selected broadcasts now", permissions=["change"])
    def send_selected(self, request: HttpRequest, queryset: QuerySet[Broadcast]) -> None:
        for row in queryset.select_related("room"):
            self.send(request, row)

    def send(self, request: HttpRequest, row: Broadcast) -> None:
        """Send a broadcast, note it in its history, and tell how that went."""
        try:
            send_now(row)
        except NotSent as error:
            self.message_user(request, str(error), messages.ERROR)
            return
        self.log_change(request, row, "Sent now.")
        self.message_user(request, f"“{row}” was sent to {row.room.title}.", messages.SUCCESS)
