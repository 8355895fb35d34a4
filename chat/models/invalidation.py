"""What was known of a person, and may no longer hold."""

from __future__ import annotations

from datetime import timedelta

from django.db import models
from django.db.models.functions import Now

# Every process has looked many times by then.
KEPT = timedelta(minutes=10)


class Invalidation(models.Model):
    """A note to every process: ask again who this user is, and what they may do.

    Written beside whatever ends a session or takes a right away; processes read what is new at each look.
    """

    user = models.BigIntegerField()
    at = models.DateTimeField(db_default=Now(), db_index=True)

    def __str__(self) -> str:
        return f"user {self.user}"

    @classmethod
    def of(cls, user: int) -> Invalidation:
        """Tell every process that a user has changed, and sweep what all have heard.

        Raises: django.db.Error.
        """
        cls.objects.filter(at__lt=Now() - KEPT).delete()
        return cls.objects.create(user=user)
