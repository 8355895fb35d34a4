"""Tickets: an address that opens one WebSocket, once."""

from __future__ import annotations

from django.conf import settings
from django.db import models


class Ticket(models.Model):
    """A single-use ticket of `/ws?ticket=…`, kept as a digest, bound to the origin that it was issued to.

    `session` is the key of the session that asked for it: what ends that ends what the ticket opened.
    """

    digest = models.CharField(max_length=64, unique=True)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="tickets")
    session = models.CharField(max_length=40, blank=True)
    origin = models.CharField(max_length=255, blank=True)
    expires_at = models.DateTimeField(db_index=True)

    def __str__(self) -> str:
        return f"ticket of {self.user}"
