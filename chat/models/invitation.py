"""Links that let people into rooms."""

from __future__ import annotations

import hashlib
import secrets

from django.conf import settings
from django.core.validators import MinValueValidator
from django.db import models

from chat.models.room import Room


def digest(token: str) -> str:
    """Return what is kept of a token: who reads the database cannot use it."""
    return hashlib.sha256(token.encode()).hexdigest()


class Invitation(models.Model):
    """A link to a room, for so many people until some time. Its token is shown once and kept as a digest."""

    room = models.ForeignKey(Room, on_delete=models.CASCADE, related_name="invitations")
    digest = models.CharField(max_length=64, unique=True)
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="invitations")
    created_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField()
    uses = models.PositiveIntegerField(default=1, validators=[MinValueValidator(1)])
    used = models.PositiveIntegerField(default=0)

    class Meta:
        ordering = ["-created_at"]

    def __str__(self) -> str:
        return f"invitation to {self.room} ({self.used} of {self.uses} used)"

    @staticmethod
    def new_token() -> str:
        return secrets.token_urlsafe(24)
