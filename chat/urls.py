"""Routes of pages."""

from __future__ import annotations

from django.urls import path

from chat import views

urlpatterns = [
    path("", views.default_room, name="default-room"),
    path("rooms/<slug:slug>", views.room, name="room"),
]
