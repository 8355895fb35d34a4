"""Rows: how a message stands in the database, and back."""

from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from chat.models import Message
from chat.rooms.rows import COLUMNS, INSERT, UPDATE, Row, reactions_text
from chat.wire.emoji import joined
from chat.wire.events import Message as Event
from chat.wire.events import Person

IDS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=8)
ROW = Row(
    *(7, 3, 9, "key-1234", "change-1", "user:1", "Ada", "user", "192.0.2.1:5000", "hi", None, 1_795_348_800_250),
    *(None, False, None, ""),
)


@given(st.dictionaries(IDS, st.lists(IDS, min_size=1, unique=True), max_size=4))
def test_reactions_are_read_as_they_were_stored(reactions: dict[str, list[str]]) -> None:
    assert ROW._replace(reactions=reactions_text(reactions)).reacted() == joined(reactions)
    assert (reactions_text(reactions) == "") == (not reactions)


def test_a_row_becomes_the_event_that_it_tells_of() -> None:
    person = Person("user:1", "Ada", "user")
    event = Event(3, person, 1795348800.25, "192.0.2.1:5000", text="hi", key="key-1234", offset=9, epoch="e1")
    assert ROW.event("e1") == event
    changed = ROW._replace(text=None, data=memoryview(b"\x00"), edited_at=1500, reply_to=2, reactions='{"x":["a"]}')  # type: ignore[arg-type]
    told = changed.event("e1")
    assert (told.text, told.data, told.edited_at, told.reply_to, told.reactions) == (
        None,
        b"\x00",
        1.5,
        2,
        {"x": ["a"]},
    )
    # SQLite has no truth values: it brings integers.
    assert ROW._replace(deleted=1).event("e1").deleted is True


def test_the_columns_are_those_of_the_model_and_of_a_row() -> None:
    names = [column.strip('"') for column in COLUMNS]
    assert names == ["room_id", *Row._fields[1:]]
    assert {*names, "id"} == {field.column for field in Message._meta.concrete_fields}
    assert INSERT.count("%s") == len(COLUMNS)
    assert UPDATE.count("%s") == len(ROW.updates())


def test_what_never_changes_is_not_in_an_update() -> None:
    for name in ("key", "author", "name", "kind", "address", "at", "reply_to"):
        assert not re.search(rf"\b{name} =", UPDATE.replace('"', ""))
