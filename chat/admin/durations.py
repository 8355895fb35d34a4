"""Moments and durations in words."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.utils import timezone

UNITS = ((86_400, "day"), (3_600, "hour"), (60, "minute"), (1, "second"))


def counted(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def exactly(seconds: int) -> str:
    """Return whole seconds in the largest unit that divides them: 90 seconds, 2 minutes."""
    size, unit = next(it for it in UNITS if seconds % it[0] == 0)
    return counted(seconds // size, unit)


def about(span: timedelta) -> str:
    """Return a span in the largest unit that it holds twice."""
    seconds = max(0, int(span.total_seconds()))
    size, unit = next((it for it in UNITS if seconds >= 2 * it[0]), UNITS[-1])
    return counted(seconds // size, unit)


def ago(span: timedelta) -> str:
    """Return how long ago something was."""
    return "just now" if span < timedelta(seconds=1) else f"{about(span)} ago"


def moment(at: datetime) -> str:
    """Return a moment to the second, in the time zone of the pages."""
    return f"{timezone.localtime(at):%Y-%m-%d %H:%M:%S %Z}"
