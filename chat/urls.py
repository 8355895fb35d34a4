"""Routes of pages."""

from __future__ import annotations

from django.urls import include, path

from chat import views

urlpatterns = [
    path("api/v1/", include("chat.api.urls")),
    path("", views.default_room, name="default-room"),
    path("rooms/<slug:slug>", views.room, name="room"),
]
