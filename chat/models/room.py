"""A room that people and programs meet in."""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from typing import Any

from django.core.validators import MaxValueValidator, RegexValidator
from django.db import models, transaction
from django.utils.translation import gettext_lazy as _

from chat.conf import MAX_RETENTION_DAYS, SLUG

# What the log itself writes, beside whoever holds an older copy of the row.
LOGS_OWN = frozenset({"epoch", "head", "last", "pruned"})


def new_epoch() -> str:
    """Return a name for a log that no log had before."""
    return secrets.token_hex(8)


class Room(models.Model):
    """A room: where people meet, who of them may read and write there, and its log.

    Found by its slug at `/rooms/<slug>` and `/ws/<slug>`.

    A durable room is a log: `epoch` names it, `head` is the offset of its last change, `last` the number of its last
    message. `pruned` is the highest offset of what was pruned: who has not read so far holds what is no more.
    """

    class Kind(models.TextChoices):
        PUBLIC = "public", _("Public: everybody may read")
        MEMBERS = "members", _("Members only")
        DIRECT = "direct", _("Direct: a conversation of two people or a few")

    class Posting(models.TextChoices):
        EVERYONE = "everyone", _("Everybody who may read")
        SIGNED_IN = "signed-in", _("Who is signed in")
        MEMBERS = "members", _("Members")
        MODERATORS = "moderators", _("Moderators: a room for announcements")

    slug = models.CharField(
        max_length=64,
        unique=True,
        validators=[RegexValidator(rf"^{SLUG}\Z", "Expected up to 64 lower-case letters, digits and hyphens.")],
        help_text="The room's name in addresses: lower-case letters, digits and hyphens.",
    )
    title = models.CharField(max_length=100)
    topic = models.CharField(max_length=250, blank=True, help_text="One line on what the room is for.")
    kind = models.CharField(max_length=16, choices=Kind.choices, default=Kind.PUBLIC)
    posting = models.CharField("who may write", max_length=16, choices=Posting.choices, default=Posting.EVERYONE)
    guests = models.BooleanField(
        "guests may enter", default=True, help_text="On: a public room is open to people who are not signed in, too."
    )
    archived = models.BooleanField(default=False, help_text="On: the room can be read, and nothing changes in it.")
    party = models.CharField(max_length=64, unique=True, null=True, editable=False)  # noqa: DJ001  (unique: only direct rooms have one)
    durable = models.BooleanField(
        default=True,
        help_text="On: what is said is kept, and nobody misses any of it. Off: it is passed on, and kept nowhere.",
    )
    epoch = models.CharField(max_length=32, default=new_epoch, editable=False)
    head = models.BigIntegerField(default=0, editable=False)
    last = models.BigIntegerField(default=0, editable=False)
    pruned = models.BigIntegerField(default=0, editable=False)
    retention_days = models.PositiveIntegerField(
        null=True,
        blank=True,
        validators=[MaxValueValidator(MAX_RETENTION_DAYS)],
        help_text="Messages older than so many days are pruned. Empty: as CHAT_RETENTION_DAYS says; 0: none is too old.",
    )
    retention_count = models.PositiveIntegerField(
        null=True, blank=True, help_text="All but so many of the newest messages are pruned. Empty or 0: none for this."
    )
    created_at = models.DateTimeField(auto_now_add=True, editable=False)

    class Meta:
        ordering = ["slug"]

    def __str__(self) -> str:
        return self.title

    def get_absolute_url(self) -> str:
        return f"/rooms/{self.slug}"

    def save(self, *args: Any, update_fields: Iterable[str] | None = None, **kwargs: Any) -> None:
        """Write the row; of what the log writes (LOGS_OWN) only what is named: it may have moved on since it was read.

        A switch of durability begins another log.
        """
        with transaction.atomic():
            if not self._state.adding:
                if update_fields is None:
                    update_fields = {field.name for field in self._meta.concrete_fields} - LOGS_OWN - {"id"}
                if "durable" in update_fields:
                    self._switch()
            super().save(*args, update_fields=update_fields, **kwargs)

    def _switch(self) -> None:
        """Begin another log where durability is no longer what the database says."""
        fresh = new_epoch()
        row = type(self).objects.filter(pk=self.pk).exclude(durable=self.durable)
        if row.update(durable=self.durable, epoch=fresh):
            self.epoch = fresh
