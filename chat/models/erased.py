"""Accounts that are erased."""

from __future__ import annotations

from django.db import models
from django.db.models.functions import Now


class Erased(models.Model):
    """The number of an account that is erased, or is about to be: the log takes nothing of it any more.

    Kept for good: a process that was stopped may wake up after any time, and still have something of theirs to write.
    """

    user = models.BigIntegerField(primary_key=True)
    at = models.DateTimeField(db_default=Now())

    def __str__(self) -> str:
        return f"user {self.user}"
