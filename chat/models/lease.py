"""Who of several workers leads."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from django.db import models
from django.db.models import F

LEAST_SECONDS = 1.0
MOST_SECONDS = 4.0
# Of the smallest interval. A leader's death is noticed after the lease and two polls of a seventh each,
# 0.9 of the interval, so the next tick but one comes on time.
SHARE_OF_INTERVAL = 0.7
POLLS_A_LEASE = 7
RENEWALS_A_LEASE = 3
MOST_BETWEEN_RENEWALS = 1.0


def lease_seconds(intervals: Iterable[int]) -> float:
    """Return how long a leader may be silent, so that another takes over within two of the smallest interval."""
    smallest = min(intervals, default=MOST_SECONDS / SHARE_OF_INTERVAL)
    return min(MOST_SECONDS, max(LEAST_SECONDS, SHARE_OF_INTERVAL * smallest))


class Lease(models.Model):
    """The right to lead. `beat` rises while the holder lives; no clock is ever compared with another machine's."""

    name = models.CharField(max_length=64, unique=True)
    holder = models.CharField(max_length=128, blank=True)
    beat = models.BigIntegerField(default=0)

    def __str__(self) -> str:
        return f"{self.name}: {self.holder or 'nobody'}"


class Candidate:
    """One worker's part in the lease: it renews what it holds, and takes over from a holder that fell silent.

    `holder` must be unique in the world. `monotonic` is this process's own clock, in seconds. `seconds` is the lease's
    time and may change at any moment. Poll every `pause` seconds, from one thread; `leads` may be asked from any.
    """

    def __init__(self, name: str, holder: str, monotonic: Callable[[], float], seconds: float = MOST_SECONDS) -> None:
        self.name = name
        self.holder = holder
        self.monotonic = monotonic
        self.seconds = seconds
        self.renewed: float | None = None
        self.seen: tuple[str, int] | None = None
        self.seen_at = 0.0

    @property
    def leads(self) -> bool:
        """Whether the lease is surely ours: the last renewal is younger than the lease's time."""
        renewed = self.renewed
        return renewed is not None and self.monotonic() - renewed < self.seconds

    @property
    def pause(self) -> float:
        """Return the seconds until the next poll."""
        if self.leads:
            return min(MOST_BETWEEN_RENEWALS, self.seconds / RENEWALS_A_LEASE)
        return self.seconds / POLLS_A_LEASE

    def poll(self) -> None:
        """Renew the lease, or take it where it is free or its holder is silent.

        Raises: django.db.Error.
        """
        began = self.monotonic()
        if self.renewed is not None:
            if self._beat(holder=self.holder):
                self.renewed = began
                return
            self.renewed = None
        self._look()
        holder, beat = self.seen or ("", 0)
        silent = self.monotonic() - self.seen_at >= self.seconds
        if (holder in ("", self.holder) or silent) and self._beat(holder=holder, beat=beat):
            self.renewed = began

    def release(self) -> None:
        """Give the lease back, so that another need not wait for it to run out.

        Raises: django.db.Error.
        """
        self.renewed = None
        Lease.objects.filter(name=self.name, holder=self.holder).update(holder="", beat=F("beat") + 1)

    def _beat(self, **expected: object) -> bool:
        """Write our name and the next beat, where the row is as expected."""
        row = Lease.objects.filter(name=self.name, **expected)
        return row.update(holder=self.holder, beat=F("beat") + 1) == 1

    def _look(self) -> None:
        """Read the row, and note by our own clock when it last changed."""
        row = Lease.objects.filter(name=self.name).values_list("holder", "beat").first()
        if row is None:
            Lease.objects.bulk_create([Lease(name=self.name)], ignore_conflicts=True)
            row = ("", 0)
        if row != self.seen:
            self.seen, self.seen_at = row, self.monotonic()
