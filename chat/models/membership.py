"""Who belongs to a room, and as what."""

from __future__ import annotations

from django.conf import settings
from django.db import models

from chat.models.room import Room


class Membership(models.Model):
    """A person's place in a room: their role, and the number of the last message that they have read.

    Whoever comes to be less than they were is written by the log (chat/rooms/log.py), where that takes an offset, or by
    erasing. New rooms and conversations, and new accounts, write their own rows.
    """

    class Role(models.TextChoices):
        MEMBER = "member"
        MODERATOR = "moderator"
        OWNER = "owner"

    room = models.ForeignKey(Room, on_delete=models.CASCADE, related_name="memberships", db_index=False)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="memberships")
    role = models.CharField(max_length=16, choices=Role.choices, default=Role.MEMBER)
    read = models.BigIntegerField(default=0)
    since = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["room", "user"], name="membership_of_user_in_room")]
        ordering = ["room", "user"]

    def __str__(self) -> str:
        return f"{self.user} in {self.room} ({self.role})"
