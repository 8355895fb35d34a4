"""Reactions: the vectors of what becomes of them."""

from __future__ import annotations

import json
from typing import Any

import pytest

from chat.rooms.archive import Author, Line, line_of, moment
from chat.rooms.changes import React
from chat.rooms.messages import reacted
from chat.rooms.reactions import MAX_EMOJI
from chat.rooms.rows import Row
from chat.wire.codes import Error, WireError
from chat.wire.events import Person
from tests.conftest import ROOT

VECTORS = json.loads((ROOT / "tests" / "vectors" / "reactions.json").read_text("utf-8"))
EMOJI = json.loads((ROOT / "tests" / "vectors" / "emoji.json").read_text("utf-8"))


def row(reactions: dict[str, list[str]]) -> Row:
    text = json.dumps(reactions) if reactions else ""
    return Row(1, 1, 1, "k", "k", "user:9", "Ida", "user", "", "tea", None, 0, None, False, None, text)


def change(id: str, emoji: str, on: bool) -> React:
    return React(room="tea", author=Person(id, "x", "guest"), key="k-1", done=print, message=1, emoji=emoji, on=on)


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector["name"])
def test_a_reaction_makes_of_the_others_what_the_vector_says(vector: dict[str, Any]) -> None:
    before = row(vector["before"])
    if "error" in vector:
        with pytest.raises(WireError) as caught:
            reacted(before, change(**vector["change"]))
        assert (caught.value.code, caught.value.message) == (Error.CONFLICT, vector["error"])
        return
    after = reacted(before, change(**vector["change"])).reacted()
    # The order in which they are shown, too.
    assert list(after.items()) == list(vector["after"].items())
    assert len(after) <= MAX_EMOJI


@pytest.mark.parametrize("vector", EMOJI, ids=lambda vector: vector["name"])
def test_every_spelling_takes_off_what_any_other_has_put_on(vector: dict[str, Any]) -> None:
    for one in vector["spellings"]:
        put = reacted(row({}), change("guest:a", one, True))
        assert put.reacted() == {vector["qualified"]: ["guest:a"]}
        for other in vector["spellings"]:
            assert reacted(put, change("guest:a", other, True)) == put
            assert reacted(put, change("guest:a", other, False)).reactions == ""


def test_a_message_of_an_archive_has_one_emoji_for_all_its_spellings() -> None:
    reactions = {"❤": ["user:1"], "👍\ufe0f": ["user:2"], "❤\ufe0f": ["user:3", "user:1"]}
    line = Line(1, 1, "k", "k", Author("user:1", "Ada", "user"), moment(0), text="tea", reactions=reactions)
    assert json.loads(line.row(7).reactions) == {"❤\ufe0f": ["user:1", "user:3"], "👍": ["user:2"]}
    assert line_of(row(reactions)).reactions == {"❤\ufe0f": ["user:1", "user:3"], "👍": ["user:2"]}
