"""What is live now, for the admin's index."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.http import HttpRequest
from django.utils import timezone

from chat.admin.durations import about, ago, counted, exactly
from chat.models import Broadcast, Process
from chat.models.process import key_mark
from chat.peers import different_keys

# A tick may be a little late, and one may be lost with its leader.
LATE_INTERVALS = 2


@dataclass(frozen=True)
class ProcessNow:
    """One server process, as it last told of itself."""

    place: str
    connections: int
    rooms: int
    layer: str
    seen: str


@dataclass(frozen=True)
class Now:
    """The processes, their sums in words, the last tick in words, and what an operator should look at."""

    processes: list[ProcessNow]
    total: str
    tick: str
    late: list[str]


def look(now: datetime) -> Now:
    """Return what is live, by two queries."""
    living = Process.living()
    broadcasts = list(Broadcast.objects.select_related("room"))
    return Now(
        [ProcessNow(it.place, it.connections, it.rooms, it.layer, ago(now - it.seen_at)) for it in living],
        total(living),
        last_tick(broadcasts, now),
        [*keys(living), *late(broadcasts, now, occupied=any(it.rooms for it in living))],
    )


def keys(living: list[Process]) -> list[str]:
    """Return a sentence where processes have different SECRET_KEYs, of this one's view."""
    mine = key_mark(settings.SECRET_KEY)
    strangers = sorted({it.place for it in living if it.key and it.key != mine})
    return [different_keys(strangers)] if strangers else []


def total(living: list[Process]) -> str:
    if not living:
        return "No server process has told of itself within the last minute."
    connections = counted(sum(it.connections for it in living), "connection")
    return f"{connections} in {len(living)} server {'process' if len(living) == 1 else 'processes'}."


def last_tick(broadcasts: list[Broadcast], now: datetime) -> str:
    """Return which broadcast was sent last, and when."""
    ticked = [(it.last_due, it) for it in broadcasts if it.last_due]
    if not ticked:
        return "No broadcast has been sent yet."
    due, row = max(ticked, key=lambda it: it[0])
    return f"Last broadcast: {row} in {row.room}, {ago(now - due)}."


def late(broadcasts: list[Broadcast], now: datetime, *, occupied: bool) -> list[str]:
    """Return a sentence on each broadcast that should have been sent since, with what may be the cause.

    A server that ticks by itself does so only while somebody is in a room.
    """
    if settings.CHAT.embedded_broadcast and not occupied:
        return []
    cause = "" if settings.CHAT.embedded_broadcast else " Does a worker run (manage.py broadcast_time)?"
    return [
        f"{row} in {row.room} should be sent every {exactly(row.interval)}, "
        f"but was sent last {about(now - row.last_due)} ago.{cause}"
        for row in broadcasts
        if row.enabled and row.last_due and now - row.last_due > LATE_INTERVALS * timedelta(seconds=row.interval)
    ]


def for_request(request: HttpRequest) -> Now | None:
    """Return what is live for somebody who may view processes, else None."""
    allowed = request.user.has_perm("chat.view_process")
    return look(timezone.now()) if allowed else None
