"""Rooms in the admin."""

from __future__ import annotations

from django.contrib import admin

from chat.models import Room


@admin.register(Room)
class RoomAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    list_display = ["slug", "title", "created_at"]
    search_fields = ["slug", "title"]
    readonly_fields = ["created_at"]
