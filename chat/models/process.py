"""The server processes that live now, as they tell of themselves."""

from __future__ import annotations

from datetime import timedelta
from typing import NamedTuple

from django.db import models
from django.db.models.functions import Now
from django.utils.crypto import salted_hmac

# A process that has not told of itself for so long is gone; a clean stop takes its row away at once.
LOST = timedelta(seconds=60)


class Other(NamedTuple):
    """Another process, as its row tells of it; `age` is seconds."""

    node: str
    place: str
    layer: str
    key: str
    age: float


def key_mark(secret_key: str) -> str:
    """Return a mark that only this key makes, and that tells nothing of it."""
    return salted_hmac("chat.process", "SECRET_KEY", secret=secret_key, algorithm="sha256").hexdigest()[:16]


class Process(models.Model):
    """One server process. `seen_at` is the database's time, so that no two machines' clocks are compared."""

    node = models.CharField(max_length=32, unique=True)
    place = models.CharField(max_length=128, help_text="Host and process id.")
    connections = models.PositiveIntegerField(default=0)
    rooms = models.PositiveIntegerField(default=0)
    layer = models.CharField(max_length=8, default="up")
    key = models.CharField(
        max_length=16,
        default="",
        db_default="",
        blank=True,
        help_text="By which servers know that they share SECRET_KEY.",
    )
    started_at = models.DateTimeField()
    seen_at = models.DateTimeField()

    class Meta:
        ordering = ["place"]
        verbose_name_plural = "processes"

    def __str__(self) -> str:
        return f"{self.place} ({self.node})"

    @classmethod
    def tell(cls, node: str, place: str, connections: int, rooms: int, layer: str, key: str = "") -> None:
        """Write a process's present figures, and sweep those of the lost.

        Raises: django.db.Error.
        """
        figures = {
            "place": place,
            "connections": connections,
            "rooms": rooms,
            "layer": layer,
            "key": key,
            "seen_at": Now(),
        }
        cls.objects.update_or_create(node=node, defaults=figures, create_defaults={**figures, "started_at": Now()})
        cls.objects.filter(seen_at__lt=Now() - LOST).delete()

    @classmethod
    def others(cls, node: str) -> list[Other]:
        """Return the other processes that have told of themselves lately, with the age of what they told.

        Raises: django.db.Error.
        """
        rows = cls.objects.filter(seen_at__gte=Now() - LOST).exclude(node=node).annotate(now=Now())
        fields = ("node", "place", "layer", "key", "now", "seen_at")
        return [
            Other(other, place, layer, key, (now - seen_at).total_seconds())
            for other, place, layer, key, now, seen_at in rows.values_list(*fields)
        ]

    @classmethod
    def forget(cls, node: str) -> None:
        """Take a process's row away.

        Raises: django.db.Error.
        """
        cls.objects.filter(node=node).delete()

    @classmethod
    def living(cls) -> list[Process]:
        """Return the processes that have told of themselves lately."""
        return list(cls.objects.filter(seen_at__gte=Now() - LOST))
