"""Rows of the living processes."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db.models import F
from django.db.models.functions import Now
from django.utils import timezone

from chat.models import Process
from chat.models.process import LOST

pytestmark = pytest.mark.django_db


def tell(node: str = "a", place: str = "host:1", connections: int = 3, rooms: int = 2, layer: str = "up") -> Process:
    Process.tell(node, place, connections, rooms, layer)
    return Process.objects.get(node=node)


def silent_for(node: str, silence: timedelta) -> None:
    Process.objects.filter(node=node).update(seen_at=Now() - silence)


def test_a_process_tells_of_itself_and_then_only_its_figures_change() -> None:
    first = tell()
    Process.objects.update(
        started_at=F("started_at") - timedelta(hours=1), seen_at=F("seen_at") - timedelta(seconds=20)
    )
    started = Process.objects.get().started_at
    again = tell(connections=30, rooms=20, layer="down")
    assert again.pk == first.pk
    assert (again.connections, again.rooms, again.layer, str(again)) == (30, 20, "down", "host:1 (a)")
    assert again.started_at == started
    assert again.seen_at - first.seen_at >= timedelta(0)


def test_a_process_that_has_not_told_of_itself_is_not_living_and_swept_by_the_next_that_does() -> None:
    for node in "abc":
        tell(node, place=f"host:{node}")
    silent_for("a", LOST + timedelta(seconds=5))
    silent_for("b", LOST - timedelta(seconds=15))
    assert [process.node for process in Process.living()] == ["b", "c"]
    assert Process.objects.count() == 3
    tell("c")
    assert sorted(Process.objects.values_list("node", flat=True)) == ["b", "c"]


def test_whose_clock_is_wrong_is_neither_lost_nor_sweeps_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    tell("a")
    truth = timezone.now()
    for skew in (timedelta(days=-400), timedelta(days=400)):
        monkeypatch.setattr(timezone, "now", lambda skew=skew: truth + skew)
        tell("b")
        assert {process.node for process in Process.living()} == {"a", "b"}
        assert abs(Process.objects.get(node="b").seen_at - truth) < timedelta(minutes=5)


def test_a_process_that_ends_takes_only_its_own_row_away() -> None:
    tell("a")
    tell("b")
    Process.forget("a")
    Process.forget("a")
    assert [process.node for process in Process.living()] == ["b"]
