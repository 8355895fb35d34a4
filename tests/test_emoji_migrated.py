"""The migration that joins the spellings of emoji in stored reactions."""

from __future__ import annotations

import importlib
import json
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from django.apps import apps
from django.db import connection

from chat.models import Message, Room
from tests.stores import Store, commit, store, written

__all__ = ["store"]

migration = importlib.import_module("chat.migrations.0008_one_key_for_one_emoji")


def migrate() -> None:
    migration.join_spellings(apps, SimpleNamespace(connection=connection))


def stored(room: str, *reactions: dict[str, list[str]]) -> None:
    """Write messages with reactions as an earlier version has stored them."""
    commit(*(written(room) for _ in reactions))
    for number, told in enumerate(reactions, 1):
        text = json.dumps(told, ensure_ascii=False, separators=(",", ":")) if told else ""
        Message.objects.filter(room__slug=room, number=number).update(reactions=text)


def found(store: Store, room: str) -> list[dict[str, list[str]]]:
    return [json.loads(row.reactions or "{}") for row in store.rows(room)]


def epochs(*rooms: str) -> list[str]:
    return [Room.objects.values_list("epoch", flat=True).get(slug=room) for room in rooms]


def test_spellings_become_one_with_the_ids_of_all_in_order_and_the_room_starts_over(store: Store) -> None:
    touched, other = store.room(), store.room()
    both = {"👍": ["user:1", "user:2"], "🎉": ["user:1"], "👍\ufe0f": ["user:2", "user:3"]}
    stored(touched, both, {}, {"❤": ["user:1"]}, {"🎉": ["user:4"]})
    stored(other, {"❤\ufe0f": ["user:1"], "🎉": ["user:2"]})
    before = epochs(touched, other)
    rows = [(row.number, row.offset, row.change, row.text) for row in store.rows(touched)]
    migrate()
    assert [list(told.items()) for told in found(store, touched)] == [
        [("👍", ["user:1", "user:2", "user:3"]), ("🎉", ["user:1"])],
        [],
        [("❤\ufe0f", ["user:1"])],
        [("🎉", ["user:4"])],
    ]
    assert found(store, other) == [{"❤\ufe0f": ["user:1"], "🎉": ["user:2"]}]
    assert [(row.number, row.offset, row.change, row.text) for row in store.rows(touched)] == rows
    after = epochs(touched, other)
    assert (after[0] == before[0], after[1] == before[1]) == (False, True)
    # A second time changes nothing.
    migrate()
    assert epochs(touched, other) == after


def test_more_rows_than_one_batch_are_all_joined(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(migration, "BATCH", 3)
    room = store.room()
    stored(room, *({"☝": [f"user:{number}"]} for number in range(8)))
    migrate()
    assert found(store, room) == [{"☝\ufe0f": [f"user:{number}"]} for number in range(8)]


def test_it_spells_as_the_server_does(vectors: Callable[[str], list[dict[str, Any]]]) -> None:
    for vector in vectors("emoji"):
        for spelling in vector["spellings"]:
            assert migration.qualified(spelling) == vector["qualified"], vector["name"]
