"""Routes of pages."""

from __future__ import annotations

from django.urls import include, path

from chat import views
from chat.pages import direct, invitations, members, rooms, settings

urlpatterns = [
    path("api/v1/", include("chat.api.urls")),
    path("", views.default_room, name="default-room"),
    path("rooms/", rooms.rooms, name="rooms"),
    path("rooms/new/", rooms.new_room, name="new-room"),
    path("rooms/<slug:slug>", views.room, name="room"),
    path("rooms/<slug:slug>/settings/", settings.room_settings, name="room-settings"),
    path("rooms/<slug:slug>/members/", members.members, name="members"),
    path("rooms/<slug:slug>/join/", members.join, name="join"),
    path("rooms/<slug:slug>/invitations/", invitations.invitations, name="invitations"),
    path("direct/new/", direct.new_direct, name="new-direct"),
    path("invitations/<str:token>/", invitations.invitation, name="invitation"),
]
