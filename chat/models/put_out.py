"""Who was put out of a room."""

from __future__ import annotations

from django.conf import settings
from django.db import models

from chat.models.room import Room


class PutOut(models.Model):
    """Somebody whom a moderator has put out: invitations to the room up to the number `last` let them in no more.

    A number and no time: clocks of several machines differ by more than the moment between two clicks.
    """

    room = models.ForeignKey(Room, on_delete=models.CASCADE, related_name="put_out", db_index=False)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="put_out")
    last = models.BigIntegerField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["room", "user"], name="put_out_of_room")]

    def __str__(self) -> str:
        return f"{self.user}, put out of {self.room}"
