"""Events, as they travel between processes."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chat.wire.events import START, Broadcast, Changed, Message, Person, Place, after, pack, unpack, unpack_known
from tests.fakes import broadcast, message

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
PEOPLE = st.builds(Person, id=TEXTS, name=TEXTS, kind=st.just("guest"))
TIMES = st.floats(0, 1e11)
MESSAGES = st.builds(
    Message,
    message=st.integers(1, 2**53),
    author=PEOPLE,
    at=TIMES,
    address=TEXTS,
    text=st.none() | TEXTS,
    data=st.none() | st.binary(max_size=40),
    key=st.none() | TEXTS,
    offset=st.none() | st.integers(1, 2**53),
    epoch=st.none() | TEXTS,
    edited_at=st.none() | TIMES,
    deleted=st.booleans(),
    reply_to=st.none() | st.integers(1, 2**53),
    reactions=st.none() | st.dictionaries(TEXTS, st.lists(TEXTS, max_size=3), max_size=3),
)
BROADCASTS = st.builds(Broadcast, name=TEXTS, text=TEXTS, at=TIMES, due_at=TIMES)

CHANGES = st.builds(
    Changed,
    message=st.integers(1, 2**53),
    offset=st.integers(1, 2**53),
    epoch=TEXTS,
    reactions=st.none() | st.dictionaries(TEXTS, st.lists(TEXTS, max_size=3), max_size=3),
)


@given(st.lists(MESSAGES | BROADCASTS | CHANGES, max_size=5))
def test_events_arrive_as_they_left(events: list[Message | Changed | Broadcast]) -> None:
    assert unpack(pack(events)) == events


@given(st.binary(max_size=60))
def test_bytes_that_are_no_events_raise_a_decode_error_and_nothing_else(data: bytes) -> None:
    try:
        unpack(data)
    except msgspec.DecodeError:
        return
    assert pack(unpack(data)) is not None


def test_an_event_of_an_unknown_kind_is_a_decode_error() -> None:
    with pytest.raises(msgspec.DecodeError):
        unpack(msgspec.msgpack.encode([["z", 1]]))


def test_an_event_that_only_a_later_version_knows_hides_no_other() -> None:
    packed = msgspec.msgpack.encode([message(1), ["z", 1], ["m", "no number"], Changed(1, 2, "e1", {})])
    assert unpack_known(packed) == ([message(1), Changed(1, 2, "e1", {})], 2)
    with pytest.raises(msgspec.DecodeError):
        unpack_known(b"\xc1")


def test_a_broadcast_is_missed_by_nobody_and_a_message_is() -> None:
    assert broadcast().ephemeral
    assert not message().ephemeral


def test_a_message_without_a_place_in_a_log_is_read_from_a_process_that_knows_of_no_logs() -> None:
    old = msgspec.msgpack.encode([["m", 1, ["guest:1", "Ada", "guest"], 1.0, "", "hi", None, None]])
    told = msgspec.msgpack.decode(old)
    told[0][2] = {"id": "guest:1", "name": "Ada", "kind": "guest"}
    (event,) = unpack(msgspec.msgpack.encode(told))
    assert event == Message(1, Person("guest:1", "Ada", "guest"), 1.0, "", text="hi")


@pytest.mark.parametrize(
    ("events", "expected"),
    [
        ([], Place(5, 3)),
        ([broadcast()], Place(5, 3)),
        ([message(9)], Place(5, 3)),
        ([message(4, offset=6)], Place(6, 4)),
        ([message(4, offset=6), message(2, offset=7)], Place(7, 4)),
        ([message(2, offset=6), broadcast()], Place(6, 3)),
        ([message(6, offset=9)], Place(9, 6)),
        ([Changed(9, 7, "e1")], Place(7, 3)),
    ],
)
def test_hearing_a_logs_messages_moves_the_place_to_the_last_offset_and_the_highest_number(
    events: list[Message | Changed | Broadcast], expected: Place
) -> None:
    assert after(Place(5, 3), events) == expected
    assert after(START, []) == START
