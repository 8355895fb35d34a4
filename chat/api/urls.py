"""Routes of the API."""

from __future__ import annotations

from django.urls import path

from chat.api import credentials

urlpatterns = [
    path("tokens", credentials.tokens, name="tokens"),
    path("tickets", credentials.new_ticket, name="tickets"),
    # A request that writes cannot be led on: with a slash it is the same.
    path("tokens/", credentials.tokens),
    path("tickets/", credentials.new_ticket),
]
