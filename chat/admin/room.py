"""Rooms in the admin."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.contrib import admin
from django.db.models import Count, Model, Prefetch, QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from chat.admin.durations import counted, moment
from chat.admin.forms import Alone
from chat.models import Membership, Room
from chat.rooms.removing import remove
from chat.rooms.titles import NAME, counted_names

SLUG_HELP = (
    "The room's name in addresses: lower-case letters, digits and hyphens. A new slug is a new address: links to the "
    "old one lead nowhere, and who is in the room is put out of it."
)


def is_main(room: Room) -> bool:
    """Tell whether a room is the one that `/` shows."""
    return room.slug == settings.CHAT.default_room


def why_kept(room: Room) -> str:
    return f"{room} ({room.slug}) is the main room, CHAT_DEFAULT_ROOM: without it / leads nowhere, so it is kept."


def going_with(rooms: Any) -> dict[type[Model], int]:
    """Count what is deleted with rooms, by its model: what there is any of."""
    found = {}
    for relation in Room._meta.related_objects:
        rows = relation.related_model._default_manager.filter(**{f"{relation.field.name}__in": rooms})
        if count := rows.count():
            found[relation.related_model] = count
    return found


def linked(room: Room) -> SafeString:
    return format_html('Room: <a href="{}">{}</a>', reverse("admin:chat_room_change", args=[room.pk]), room)


@admin.register(Room)
class RoomAdmin(Alone):
    list_display = ["slug", "called", "topic", "kind", "broadcasts", "created", "link"]
    search_fields = ["slug", "title", "topic"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Room]:
        rooms: QuerySet[Room] = super().get_queryset(request)
        direct = Membership.objects.filter(room__kind=Room.Kind.DIRECT).annotate(name=NAME).order_by("user")
        members = Prefetch("memberships", direct, to_attr="people")
        return rooms.annotate(broadcast_count=Count("broadcasts")).prefetch_related(members)

    def get_readonly_fields(self, request: HttpRequest, obj: Room | None = None) -> list[str]:
        """Also keep the main room's slug: another would leave `/` without its room; what is direct stays between its people."""
        kept = [
            *(["slug"] if obj and is_main(obj) else []),
            *(["called", "kind"] if obj and obj.kind == Room.Kind.DIRECT else []),
        ]
        return ["broadcasts", "created", "epoch", "head", *kept]

    def get_fields(self, request: HttpRequest, obj: Room | None = None) -> list[Any]:
        kept = ["durable", "retention_days", "retention_count"]
        return [
            "slug",
            "called" if obj and obj.kind == Room.Kind.DIRECT else "title",
            "topic",
            "kind",
            "posting",
            "guests",
            "archived",
            *kept,
            *(["epoch", "head", "broadcasts", "created"] if obj else []),
        ]

    def get_form(self, request: HttpRequest, obj: Room | None = None, change: bool = False, **kwargs: Any) -> Any:
        if obj:
            kwargs["help_texts"] = {"slug": SLUG_HELP}
        return super().get_form(request, obj, change, **kwargs)

    def formfield_for_choice_field(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        """Offer no direct rooms: people make them."""
        if db_field.name == "kind":
            kwargs["choices"] = [choice for choice in Room.Kind.choices if choice[0] != Room.Kind.DIRECT]
        return super().formfield_for_choice_field(db_field, request, **kwargs)

    def view_on_site(self, obj: Room) -> str:
        return obj.get_absolute_url()

    @admin.display(description="Open")
    def link(self, room: Room) -> SafeString:
        return format_html(
            '<a href="{}">Open<span class="visually-hidden"> {}</span></a>', room.get_absolute_url(), room
        )

    @admin.display(description="Title", ordering="title")
    def called(self, room: Room) -> str:
        """Return a room's title; a direct conversation is called after the people in it."""
        names = [member.name for member in getattr(room, "people", [])]
        return counted_names(names) if names else room.title

    @admin.display(description="Created", ordering="created_at")
    def created(self, room: Room) -> str:
        return moment(room.created_at)

    @admin.display(description="Broadcasts", ordering="broadcast_count")
    def broadcasts(self, room: Room) -> SafeString:
        address = f"{reverse('admin:chat_broadcast_changelist')}?room__id__exact={room.pk}"
        return format_html('<a href="{}">{}</a>', address, counted(room.broadcast_count, "broadcast"))  # type: ignore[attr-defined]

    # Deleting

    def get_deleted_objects(
        self, objs: Any, request: HttpRequest
    ) -> tuple[list[Any], dict[str, int], set[str], list[str]]:
        """Tell Django's confirmation what would be deleted, and that the main room is kept.

        What goes with a room is counted. Django would load and list it all: 60,000 messages were a page of 1.7 MB and
        132 MiB of memory.
        """
        counts: dict[type[Model], int] = {Room: len(objs), **going_with(objs)}
        lacking = {str(model._meta.verbose_name) for model in counts if not self.may_delete(model, request)}
        told = {str(model._meta.verbose_name_plural): count for model, count in counts.items()}
        return list(map(linked, objs)), told, lacking, [why_kept(room) for room in objs if is_main(room)]

    def may_delete(self, model: type[Model], request: HttpRequest) -> bool:
        """Tell whether somebody may delete rows of a model; what the admin does not show goes with what it does."""
        if not self.admin_site.is_registered(model):
            return True
        return self.admin_site.get_model_admin(model).has_delete_permission(request)

    def delete_view(
        self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Delete a room without the one transaction that Django holds around it: its messages go in many."""
        answer: HttpResponse = self._delete_view(request, object_id, extra_context)  # type: ignore[attr-defined]
        return answer

    def delete_model(self, request: HttpRequest, obj: Room) -> None:
        for _ in remove(obj, settings.TURN):
            pass

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Room]) -> None:
        for room in queryset:
            self.delete_model(request, room)
