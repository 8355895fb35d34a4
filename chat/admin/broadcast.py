"""Broadcasts in the admin: a change is in force within two seconds, since the ticker reads the rows each second."""

from __future__ import annotations

from django.contrib import admin

from chat.models import Broadcast


@admin.register(Broadcast)
class BroadcastAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    list_display = ["name", "room", "interval", "time_zone", "enabled", "last_due"]
    list_filter = ["enabled", "room"]
    list_select_related = ["room"]
    search_fields = ["name", "template", "room__slug", "room__title"]
    readonly_fields = ["last_due"]
