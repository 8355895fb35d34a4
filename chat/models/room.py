"""A room that people and programs meet in."""

from __future__ import annotations

from django.core.validators import RegexValidator
from django.db import models

from chat.conf import SLUG


class Room(models.Model):
    """A room, found by its slug at `/rooms/<slug>` and `/ws/<slug>`."""

    slug = models.CharField(
        max_length=64,
        unique=True,
        validators=[RegexValidator(rf"^{SLUG}\Z", "Expected up to 64 lower-case letters, digits and hyphens.")],
        help_text="The room's name in addresses: lower-case letters, digits and hyphens.",
    )
    title = models.CharField(max_length=100)
    topic = models.CharField(max_length=250, blank=True, help_text="One line on what the room is for.")
    created_at = models.DateTimeField(auto_now_add=True, editable=False)

    class Meta:
        ordering = ["slug"]

    def __str__(self) -> str:
        return self.title

    def get_absolute_url(self) -> str:
        return f"/rooms/{self.slug}"
