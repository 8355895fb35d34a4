"""Forms that were sent."""

from __future__ import annotations

from datetime import timedelta

from django.db import models
from django.db.models.functions import Now

# A double click comes within a second, a proxy's retry within a minute, a reload of what was sent within the hour.
KEPT = timedelta(hours=1)


class SentForm(models.Model):
    """A form that was sent: who does it, and where it led once it is done, so that the same form again is not done again.

    `digest` stands for the form's key, its address and what was filled in. `claim` names the request that does it, `owner`
    is the user who sent it, 0 where nobody was signed in. `answer` is empty while it is being done (chat/pages/once.py).
    """

    digest = models.CharField(max_length=64, primary_key=True)
    claim = models.CharField(max_length=32)
    owner = models.BigIntegerField(default=0)
    answer = models.TextField(blank=True)
    at = models.DateTimeField(db_default=Now(), db_index=True)

    def __str__(self) -> str:
        return f"form {self.digest[:8]}"

    @classmethod
    def sweep(cls) -> None:
        """Delete what was sent long ago. Raises: django.db.Error."""
        cls.objects.filter(at__lt=Now() - KEPT).delete()
