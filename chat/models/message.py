"""A message in a room's log: its present state."""

from __future__ import annotations

from django.db import models

from chat.models.room import Room


class Message(models.Model):
    """What one person said in one room, as it is now. Written by the writer alone (chat/rooms/log.py).

    `number` counts a room's messages, `offset` is the log's position of the message's last change. Times are
    milliseconds since the epoch, UTC. `change` is the key of the last change: a commit whose outcome is not known is run
    again, and must find out whether it was done.
    """

    room = models.ForeignKey(Room, on_delete=models.CASCADE, related_name="messages", db_index=False)
    number = models.BigIntegerField()
    offset = models.BigIntegerField()
    key = models.CharField(max_length=64)
    change = models.CharField(max_length=64)
    author = models.CharField(max_length=64)
    name = models.CharField(max_length=64)
    kind = models.CharField(max_length=16)
    address = models.CharField(max_length=64, blank=True)
    text = models.TextField(null=True)  # noqa: DJ001  (an empty text is one; a binary or deleted message has none)
    data = models.BinaryField(null=True)
    at = models.BigIntegerField()
    edited_at = models.BigIntegerField(null=True)
    deleted = models.BooleanField(default=False)
    reply_to = models.BigIntegerField(null=True)
    reactions = models.TextField(blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["room", "number"], name="message_number_in_room"),
            models.UniqueConstraint(fields=["room", "offset"], name="message_offset_in_room"),
            models.UniqueConstraint(fields=["room", "key"], name="message_key_in_room"),
        ]

    def __str__(self) -> str:
        return f"{self.room_id}/{self.number}"
