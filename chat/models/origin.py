"""Which pages of other sites may connect."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Any, Self

from django.core.exceptions import ValidationError
from django.db import models

from chat.wire.origins import Pattern, parse_pattern

# Every process reads them all each second.
MAX_ORIGINS = 1000


def validate_pattern(text: str) -> None:
    """Refuse what is no pattern.

    Raises: ValidationError.
    """
    try:
        parse_pattern(text)
    except ValueError as error:
        raise ValidationError(str(error)) from None


class AllowedOrigin(models.Model):
    """Another site whose pages may connect. Pages of this site itself need no row."""

    pattern = models.CharField(
        max_length=300,
        unique=True,
        validators=[validate_pattern],
        help_text="scheme://host or scheme://host:port, exactly; https://*.example.com stands for every subdomain.",
        error_messages={"unique": "This origin is in the list already."},
    )
    note = models.CharField(max_length=200, blank=True, help_text="Whose it is, and why it is let in.")
    enabled = models.BooleanField(default=True, help_text="Off: its connections are closed, and no new ones let in.")
    created_at = models.DateTimeField(auto_now_add=True, editable=False)

    class Meta:
        ordering = ["pattern"]
        verbose_name = "allowed origin"

    def __str__(self) -> str:
        return self.pattern

    @classmethod
    def from_db(cls, db: str | None, field_names: Collection[str], values: Collection[Any], **more: Any) -> Self:
        """Return a row as it was read; SQLite hands out the bytes that were written into a column of text."""
        return super().from_db(db, field_names, [str(it) if isinstance(it, bytes) else it for it in values], **more)

    def clean_fields(self, exclude: Collection[str] | None = None) -> None:
        """Validate, and write the pattern as browsers would: before uniqueness is looked at."""
        super().clean_fields(exclude)
        if "pattern" not in (exclude or ()):
            self.pattern = str(parse_pattern(self.pattern))

    def clean(self) -> None:
        if self.pk is None and type(self).objects.count() >= MAX_ORIGINS:
            raise ValidationError(f"At most {MAX_ORIGINS} origins may be in the list.")

    @classmethod
    def listed(cls) -> tuple[frozenset[Pattern], tuple[str, ...]]:
        """Return the enabled patterns, and the texts of rows that are none: written past validation, they let nobody in."""
        rows = cls.objects.filter(enabled=True).order_by("pk").values_list("pattern", flat=True)
        return cls.sorted_out(rows[:MAX_ORIGINS])

    @staticmethod
    def sorted_out(texts: Iterable[str]) -> tuple[frozenset[Pattern], tuple[str, ...]]:
        """Return the patterns among texts, and the texts that are none."""
        patterns, malformed = set(), []
        for text in texts:
            try:
                # Of bytes, as in from_db.
                patterns.add(parse_pattern(str(text)))
            except ValueError:
                malformed.append(str(text))
        return frozenset(patterns), tuple(malformed)
