"""The raw codec."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chat.wire.codes import SERVER_RESTART, Error, WireError
from chat.wire.commands import Send
from chat.wire.events import START, Message, Place
from chat.wire.frames import Opcode
from chat.wire.raw import format_address
from tests.fakes import ADA, MESSAGE_BYTES, broadcast, message, raw_codec


@given(st.text(), st.binary())
def test_every_frame_is_a_message_to_the_urls_room(text: str, data: bytes) -> None:
    codec = raw_codec()
    assert codec.decode(text, None, "lobby") == (None, Send(room="lobby", text=text))
    assert codec.decode(None, data, "lobby") == (None, Send(room="lobby", data=data))


@pytest.mark.parametrize(
    ("sender", "text", "binary"),
    [
        ("address", b"192.0.2.1:5000 echo: hi", b"192.0.2.1:5000 echo: \x00\xff"),
        ("name", b"Ada echo: hi", b"Ada echo: \x00\xff"),
        ("none", b"hi", b"\x00\xff"),
    ],
)
def test_a_message_leaves_in_the_kind_it_came_in_behind_its_sender(sender: str, text: bytes, binary: bytes) -> None:
    batch = raw_codec(sender).encode("lobby", [message(text="hi"), message(data=b"\x00\xff")], START)
    assert list(batch.frames) == [(Opcode.TEXT, text), (Opcode.BINARY, binary)]


def test_a_json_client_has_no_address_and_is_told_by_its_name() -> None:
    batch = raw_codec("address").encode("lobby", [Message(1, ADA, 0.0, "", text="hi")], START)
    assert batch.frames[0].payload == b"Ada echo: hi"


@pytest.mark.parametrize("sender", ["address", "name", "none"])
def test_a_broadcast_is_the_servers_own_text_whatever_stands_before_messages(sender: str) -> None:
    batch = raw_codec(sender).encode("lobby", [broadcast("Server broadcast: Current time is 12:00:05")], START)
    assert batch.frames == ((Opcode.TEXT, b"Server broadcast: Current time is 12:00:05"),)


def test_empty_frames_are_relayed() -> None:
    batch = raw_codec("none").encode("lobby", [message(text=""), message(data=b"")], START)
    assert list(batch.frames) == [(Opcode.TEXT, b""), (Opcode.BINARY, b"")]


def test_an_error_is_a_line_of_the_servers() -> None:
    batch = raw_codec().encode_error(WireError(Error.RATE_LIMITED, "At most 10 messages a second."))
    assert batch.frames == ((Opcode.TEXT, b"Server error: At most 10 messages a second."),)


def test_pings_and_goodbyes_are_left_to_the_frames_of_rfc_6455() -> None:
    assert raw_codec().encode_ping() is None
    assert raw_codec().encode_closing(SERVER_RESTART, 1.0) is None


def test_a_raw_connection_has_no_other_room_to_be_told_of() -> None:
    assert raw_codec().encode_resync("lobby") is None


def test_the_largest_frame_is_the_largest_message() -> None:
    assert raw_codec().max_frame_bytes == MESSAGE_BYTES


@pytest.mark.parametrize(
    ("host", "port", "expected"),
    [
        ("127.0.0.1", 5000, "127.0.0.1:5000"),
        ("::1", 5000, "[::1]:5000"),
        ("2001:db8::2", 0, "[2001:db8::2]:0"),
        ("unknown", 0, "unknown:0"),
    ],
)
def test_an_address_is_host_and_port_with_brackets_for_ipv6(host: str, port: int, expected: str) -> None:
    assert format_address(host, port) == expected


@pytest.mark.parametrize(
    ("place", "events", "heard"),
    [
        (Place(0, 0), [message(1, "a", offset=1), message(2, "b", offset=2)], ["a", "b"]),
        (Place(2, 2), [message(1, "edited", offset=3), message(2, "b", offset=4)], []),
        (Place(2, 2), [message(3, "c", offset=3), message(3, "edited", offset=4)], ["c"]),
        (Place(2, 2), [message(3, "edited unheard", offset=4)], ["edited unheard"]),
        (Place(2, 2), [message(3, None, offset=3, deleted=True), message(4, "d", offset=4)], ["d"]),
        (Place(2, 2), [message(3, None, offset=3, deleted=True), message(3, None, offset=4, deleted=True)], []),
        (Place(2, 2), [message(4, "d", offset=3), message(3, "overtaken", offset=4)], ["d"]),
        (Place(2, 2), [message(1, "volatile"), message(1, "volatile")], ["volatile", "volatile"]),
    ],
)
def test_of_a_log_each_message_is_heard_once_and_no_change_of_it(
    place: Place, events: list[Message], heard: list[str]
) -> None:
    batch = raw_codec("none").encode("lobby", events, place)
    assert [frame.payload.decode() for frame in batch.frames] == heard
