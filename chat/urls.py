"""Routes of pages."""

from __future__ import annotations

from django.urls import include, path
from django.views.generic import RedirectView

from chat import views
from chat.pages import direct, invitations, members, rooms, settings

urlpatterns = [
    path("api/v1/", include("chat.api.urls")),
    path("", views.default_room, name="default-room"),
    path("rooms/", rooms.rooms, name="rooms"),
    path("rooms/new", RedirectView.as_view(pattern_name="new-room")),
    path("rooms/new/", rooms.new_room, name="new-room"),
    path("rooms/<slug:slug>", views.room, name="room"),
    # The one page without a slash at its end; other pages Django leads to theirs (APPEND_SLASH).
    path("rooms/<slug:slug>/", RedirectView.as_view(pattern_name="room", query_string=True)),
    path("rooms/<slug:slug>/settings/", settings.room_settings, name="room-settings"),
    path("rooms/<slug:slug>/members/", members.members, name="members"),
    path("rooms/<slug:slug>/join/", members.join, name="join"),
    path("rooms/<slug:slug>/invitations/", invitations.invitations, name="invitations"),
    path("direct/new/", direct.new_direct, name="new-direct"),
    path("invitations/<str:token>/", invitations.invitation, name="invitation"),
]
