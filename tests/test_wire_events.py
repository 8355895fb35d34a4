"""Events, as they travel between processes."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chat.wire.events import Broadcast, Message, Person, pack, unpack
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
)
BROADCASTS = st.builds(Broadcast, name=TEXTS, text=TEXTS, at=TIMES, due_at=TIMES)


@given(st.lists(MESSAGES | BROADCASTS, max_size=5))
def test_events_arrive_as_they_left(events: list[Message | Broadcast]) -> None:
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


def test_a_broadcast_is_missed_by_nobody_and_a_message_is() -> None:
    assert broadcast().ephemeral
    assert not message().ephemeral
