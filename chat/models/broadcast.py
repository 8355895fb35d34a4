"""What the server says to a room by the clock."""

from __future__ import annotations

import re
import unicodedata
from datetime import datetime
from zoneinfo import ZoneInfo

from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import Q

from chat import machine_time
from chat.models.room import Room

DEFAULT_TEMPLATE = "Server broadcast: Current time is {time}"
MAX_INTERVAL = 86_400  # seconds: a day
PLACEHOLDERS = ("time", "date", "room")
# Only these words are replaced, and in one pass. str.format would let a template read attributes ({room.__class__}).
PLACEHOLDER = re.compile(rf"\{{({'|'.join(PLACEHOLDERS)})\}}")
ANY_PLACEHOLDER = re.compile(r"\{([^{}]*)\}")


def validate_template(template: str) -> None:
    """Refuse placeholders that nothing replaces, and control characters.

    Raises: ValidationError.
    """
    for name in ANY_PLACEHOLDER.findall(template):
        if name not in PLACEHOLDERS:
            raise ValidationError(f"Expected only {{time}}, {{date}} and {{room}} in braces, but {{{name}}} came.")
    for character in template:
        if unicodedata.category(character) in ("Cc", "Cs"):
            raise ValidationError(f"Expected one line of text, but the control character U+{ord(character):04X} came.")


def validate_time_zone(name: str) -> None:
    """Refuse a name that the time zone database does not have.

    Raises: ValidationError.
    """
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        raise ValidationError(
            f"Expected a name of the time zone database, like Europe/Berlin, or nothing, but {name!r} came."
        ) from None


class Broadcast(models.Model):
    """A text that a room hears every `interval` seconds, aligned to the clock."""

    name = models.CharField(max_length=100)
    room = models.ForeignKey(Room, on_delete=models.CASCADE, related_name="broadcasts")
    template = models.CharField(
        max_length=1000,
        default=DEFAULT_TEMPLATE,
        validators=[validate_template],
        help_text="{time} becomes the time (15:04:05), {date} the date (2006-01-02), {room} the room's title.",
    )
    interval = models.PositiveIntegerField(
        default=5,
        validators=[MinValueValidator(1), MaxValueValidator(MAX_INTERVAL)],
        help_text="In whole seconds, up to a day; ticks are aligned to the clock: 5 ticks at :00, :05, :10 …",
    )
    time_zone = models.CharField(
        max_length=64,
        blank=True,
        validators=[validate_time_zone],
        help_text="Like Europe/Berlin. Empty: the zone of the machine that sends.",
    )
    enabled = models.BooleanField(default=True)
    last_due = models.DateTimeField(
        null=True, blank=True, editable=False, help_text="The tick that was sent last; the next one's is later."
    )

    class Meta:
        ordering = ["room", "name"]
        constraints = [
            models.UniqueConstraint(fields=["room", "name"], name="broadcast_name_in_room"),
            models.CheckConstraint(
                condition=Q(interval__gte=1, interval__lte=MAX_INTERVAL), name="broadcast_interval_in_range"
            ),
        ]

    def __str__(self) -> str:
        return self.name

    @classmethod
    def ticking(cls) -> list[Broadcast]:
        """Return the enabled broadcasts, with their rooms."""
        return list(cls.objects.filter(enabled=True).select_related("room").order_by("pk"))

    def claim(self, due: datetime) -> bool:
        """Take the right to send one tick; true for exactly one caller in the world.

        The database is the fence: also of two workers that both think that they lead, one sends.
        """
        free = Q(last_due=None) | Q(last_due__lt=due)
        return type(self).objects.filter(free, pk=self.pk, enabled=True).update(last_due=due) == 1

    def render(self, now: datetime) -> str:
        """Return the text for a moment, told in the broadcast's time zone.

        Raises: KeyError, ValueError or OSError where the row holds a time zone that is none.
        """
        local = now.astimezone(ZoneInfo(self.time_zone)) if self.time_zone else machine_time.local(now)
        values = {"time": f"{local:%H:%M:%S}", "date": local.date().isoformat(), "room": self.room.title}
        return PLACEHOLDER.sub(lambda found: values[found[1]], self.template)
