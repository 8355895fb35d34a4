"""Who belongs to a room, and as what."""

from __future__ import annotations

from collections.abc import Collection

from django.conf import settings
from django.db import models

from chat.models.room import Room


class Membership(models.Model):
    """A person's place in a room: their role, and the number of the last message that they have read.

    Every change of one takes an offset of the room's log: those of roles are written by the log (chat/rooms/log.py), or by
    erasing; new accounts, and who comes back into a conversation, by `admit`. A new room has its members from the start.
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

    @classmethod
    def admit(cls, room: int, users: Collection[int]) -> list[int]:
        """Make members of those who are none yet, each by an offset of the room's log; return who they are.

        They have read what was said before. Called in a transaction, with the turn held where others may write.

        Raises: django.db.Error; Room.DoesNotExist.
        """
        # First the room, as the writer does it: nobody waits for another in a circle.
        held = Room.objects.select_for_update().get(pk=room)
        there = Membership.objects.filter(room=held, user__in=users).values_list("user", flat=True)
        missing = sorted(set(users) - set(there))
        Membership.objects.bulk_create([Membership(room=held, user_id=user, read=held.last) for user in missing])
        if missing and held.durable:
            Room.objects.filter(pk=room).update(head=models.F("head") + len(missing))
        return missing
