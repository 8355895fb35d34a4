"""Retention: what a room need not keep any longer, deleted a few messages at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

from django.db import transaction
from django.db.models import F, Max, Q, QuerySet
from django.db.models.functions import Greatest

from chat.models import Message, Room

# Rows that one transaction deletes: senders wait for it, some milliseconds.
BATCH = 500
DAY = 24 * 3600 * 1000  # milliseconds

Turn = Callable[[], AbstractContextManager[Any]]


@dataclass(frozen=True, slots=True)
class Rule:
    """What a room keeps: messages not older than `days`, and not more than `count`; 0 is no limit."""

    days: int
    count: int


def rule_of(room: Room, site_days: int, days: int | None = None) -> Rule:
    """Return a room's rule: its own days or else the site's, or those asked for in place of either."""
    own = room.retention_days if days is None else days
    return Rule(site_days if own is None else own, room.retention_count or 0)


def outdated(room: Room, rule: Rule, now: int) -> QuerySet[Message]:
    """Return the messages that a rule does not keep; `now` is milliseconds since the epoch."""
    messages = Message.objects.filter(room=room)
    unkept = Q(pk__in=[])
    if rule.days:
        unkept |= Q(at__lt=now - rule.days * DAY)
    if rule.count:
        numbers = messages.order_by("-number").values_list("number", flat=True)
        unkept |= Q(number__lt=next(iter(numbers[rule.count - 1 : rule.count]), 0))
    return messages.filter(unkept)


def prune(room: Room, rule: Rule, now: int, turn: Turn) -> Iterator[int]:
    """Delete what a rule does not keep; yield how many messages each transaction deleted.

    Offsets and numbers stay as they are: they are never given again.

    Raises: django.db.Error; what was yielded is done.
    """
    return in_batches(room, outdated(room, rule, now), turn)


def empty(room: Room, turn: Turn) -> Iterator[int]:
    """Delete all that was said in a room, as `prune` does it."""
    return in_batches(room, Message.objects.filter(room=room), turn)


def in_batches(room: Room, messages: QuerySet[Message], turn: Turn) -> Iterator[int]:
    found = messages.order_by("number").values_list("number", flat=True)
    last = 0
    while numbers := list(found.filter(number__gt=last)[:BATCH]):
        last = numbers[-1]
        yield delete(room, numbers, turn)


def delete(room: Room, numbers: list[int], turn: Turn) -> int:
    """Delete messages, and note how far: whoever has not read up to their last changes cannot hear of them any more."""
    messages = Message.objects.filter(room=room, number__in=numbers)
    with turn(), transaction.atomic(durable=True):
        # First the room, as the writer does it: nobody waits for another in a circle.
        if not Room.objects.select_for_update().filter(pk=room.pk).exists():
            return 0
        highest = messages.aggregate(highest=Max("offset"))["highest"]
        if highest is None:
            return 0
        Room.objects.filter(pk=room.pk).update(pruned=Greatest(F("pruned"), highest))
        return messages.delete()[0]
