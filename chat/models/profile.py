"""How a person is shown."""

from __future__ import annotations

from django.conf import settings
from django.core.validators import MaxValueValidator
from django.db import models

from chat.wire.names import MAX_NAME_CHARACTERS
from chat.wire.skeletons import MAX_SKELETON_CHARACTERS

COLOURS = 12


class Profile(models.Model):
    """A user's display name and what else their pages need.

    `skeleton` is the name with look-alikes folded (Unicode TR 39): no two people may be mistaken for one another.
    """

    user = models.OneToOneField(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="profile")
    name = models.CharField(max_length=MAX_NAME_CHARACTERS)
    skeleton = models.CharField(max_length=MAX_SKELETON_CHARACTERS, unique=True, editable=False)
    colour = models.PositiveSmallIntegerField(default=0, validators=[MaxValueValidator(COLOURS - 1)])
    time_zone = models.CharField(max_length=64, blank=True)
    language = models.CharField(max_length=16, blank=True)

    def __str__(self) -> str:
        return self.name
