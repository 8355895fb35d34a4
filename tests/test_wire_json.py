"""The json codec: what the vectors leave out, properties, and what would hurt."""

from __future__ import annotations

import json as pyjson
import time
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from chat.wire import json
from chat.wire.codes import SERVER_RESTART, SLOW_CONSUMER, Error, WireError
from chat.wire.commands import (
    Auth,
    Delete,
    Edit,
    History,
    Join,
    Leave,
    Name,
    Ping,
    Pong,
    React,
    Read,
    Send,
)
from chat.wire.events import START, Place
from chat.wire.json import MAX_BATCH_BYTES, MAX_DEPTH, UNSUPPORTED
from tests.fakes import MESSAGE_BYTES, broadcast, json_codec, message
from tests.fuzz.frames import mutated, seeds

COMMANDS = (Auth, Join, Leave, Send, Edit, Delete, React, Read, History, Name, Ping, Pong)


def decode(frame: str, message_bytes: int = MESSAGE_BYTES) -> tuple[Any, Any]:
    return json.decode(frame, message_bytes)


def refusal(frame: str, message_bytes: int = MESSAGE_BYTES) -> WireError:
    with pytest.raises(WireError) as caught:
        decode(frame, message_bytes)
    return caught.value


def only_wire_errors(frame: str) -> None:
    try:
        _, command = decode(frame)
    except WireError as error:
        assert error.code in (Error.BAD_FRAME, Error.UNSUPPORTED, Error.TOO_LARGE)
        assert error.message
        assert json_codec().encode_error(error).wire
    else:
        assert isinstance(command, COMMANDS)


# Properties


@settings(max_examples=300, deadline=None)
@given(st.text())
def test_no_text_raises_anything_but_a_wire_error(frame: str) -> None:
    only_wire_errors(frame)


@settings(max_examples=600, deadline=None)
@given(st.sampled_from(seeds()), st.randoms(use_true_random=False))
def test_no_valid_frame_with_damage_raises_anything_but_a_wire_error(frame: str, random: Any) -> None:
    only_wire_errors(mutated(frame, random))


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=12,
)
TYPES = st.sampled_from([*json._payloads, *UNSUPPORTED, "nonsense"]) | VALUES
PAYLOADS = VALUES | st.dictionaries(
    st.sampled_from(["room", "rooms", "text", "data", "key", "reply_to", "since", "name"]), VALUES, max_size=4
)


@settings(max_examples=500, deadline=None)
@given(st.fixed_dictionaries({"type": TYPES}, optional={"id": VALUES, "payload": PAYLOADS, "other": VALUES}))
def test_no_envelope_of_the_right_shape_and_wrong_types_raises_anything_but_a_wire_error(envelope: Any) -> None:
    only_wire_errors(pyjson.dumps(envelope))


@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=200), st.booleans())
def test_any_text_that_shows_something_arrives_as_it_was_typed_escaped_or_not(text: str, escaped: bool) -> None:
    text += "."
    frame = pyjson.dumps({"type": "send", "payload": {"room": "lobby", "text": text}}, ensure_ascii=escaped)
    assert decode(frame)[1].text == text


@given(
    st.lists(
        st.text(st.characters(exclude_categories=["Cs"]), max_size=400).map(lambda text: text * 40) | st.binary(),
        min_size=1,
        max_size=40,
    )
)
@example(["x" * MESSAGE_BYTES] * 5)
@example(["\n"] * 3)
@settings(max_examples=60, deadline=None)
def test_a_batch_holds_every_envelope_once_and_in_order_on_lines_of_their_own(contents: list[str | bytes]) -> None:
    events = [
        message(number, **({"text": content} if isinstance(content, str) else {"data": content}))
        for number, content in enumerate(contents, 1)
    ]
    batch = json_codec().encode("lobby", events, START)
    lines = [line for frame in batch.frames for line in frame.payload.split(b"\n")]
    assert [pyjson.loads(line)["payload"]["message"] for line in lines] == list(range(1, len(events) + 1))
    for frame in batch.frames:
        assert len(frame.payload) <= MAX_BATCH_BYTES or b"\n" not in frame.payload


@pytest.mark.parametrize(("over", "frames"), [(0, 1), (1, 2)])
def test_a_frame_is_filled_to_its_last_byte_and_not_over_it(over: int, frames: int) -> None:
    half = MAX_BATCH_BYTES // 2
    batch = json.pack([b"x" * half, b"y" * (half - 1 + over)])
    assert len(batch.frames) == frames
    assert max(len(frame.payload) for frame in batch.frames) <= MAX_BATCH_BYTES


@given(st.floats(0, 250_000_000_000))
def test_a_time_is_rfc_3339_in_utc_cut_to_milliseconds(seconds: float) -> None:
    read = datetime.fromisoformat(json.timestamp(seconds))
    assert read.tzinfo == UTC
    assert len(json.timestamp(seconds).rpartition(".")[2]) == len("000Z")
    assert -1e-6 <= seconds - read.timestamp() < 0.0011


# What would hurt


@pytest.mark.parametrize(
    "frame",
    [
        '"' + '\\"' * 190_000 + "[" * 40,
        '"' * 390_000 + "[" * 40,
        "[" * 390_000,
        '{"a":' * 60_000,
        '"\\' * 190_000 + "{" * 40,
        "[]" * 190_000,
        '{"type":"send","payload":{"text":"' + "\\u0041" * 60_000 + '"}}' + "[" * 40,
        " " * 390_000 + "[" * 40,
        "1" * 390_000,
        "1e" + "9" * 390_000,
        "-" * 390_000,
    ],
    ids=lambda frame: f"{frame[:3]}…{frame[-2:]}",
)
def test_a_frame_of_the_largest_size_is_refused_in_time_that_grows_with_its_size_only(frame: str) -> None:
    began = time.process_time()
    assert refusal(frame).code is Error.BAD_FRAME
    # 30 ms here; quadratic took minutes.
    assert time.process_time() - began < 2


@pytest.mark.parametrize("before", ["", '"[[[[", ', '"\\"[", ', '"\\\\", ', "[[]], {}, "])
def test_depth_is_counted_outside_of_strings_only(before: str) -> None:
    def nested(depth: int) -> str:
        return '{"type":"ping","x":[' + before + "[" * (depth - 2) + "]" * (depth - 2) + "]}"

    assert decode(nested(MAX_DEPTH)) == (None, Ping())
    assert "deep" in refusal(nested(MAX_DEPTH + 1)).message


def test_brackets_side_by_side_are_not_depth() -> None:
    assert decode('{"type":"ping","x":[' + ",".join(["[]"] * 500) + "]}") == (None, Ping())


# Answers


def test_an_error_carries_the_id_of_the_frame_when_that_could_be_read() -> None:
    assert refusal('{"type":"send","id":7,"payload":{}}').id == 7
    assert refusal('{"type":"nonsense","id":"a"}').id == "a"
    assert refusal('{"type":"who","id":"b"}').id == "b"
    assert refusal("nonsense").id is None


def test_an_error_names_the_field_what_was_expected_and_what_came() -> None:
    told = refusal('{"type":"send","id":1,"payload":{"room":"lobby","text":5}}').message
    assert all(word in told for word in ("payload.text", "str", "int"))
    assert "type" in refusal('{"id":1}').message
    assert "nonsense" in refusal('{"type":"nonsense"}').message
    assert "join" in refusal('{"type":"nonsense"}').message


def test_an_unknown_type_of_great_length_is_not_told_back_whole() -> None:
    assert len(refusal('{"type":"' + "x" * 5000 + '"}').message) < 300


@pytest.mark.parametrize("kind", sorted(UNSUPPORTED))
def test_what_the_protocol_has_and_this_server_has_not_is_unsupported_whatever_its_payload(kind: str) -> None:
    assert refusal(pyjson.dumps({"type": kind, "id": 1, "payload": {"x": [1]}})).code is Error.UNSUPPORTED


@pytest.mark.parametrize(
    ("content", "size"),
    [({"text": "é" * 50}, 100), ({"text": "x" * 100}, 100), ({"data": "AAAA" * 33 + "AA=="}, 100)],
    ids=["two bytes a letter", "ascii", "base64"],
)
def test_a_size_is_counted_in_utf8_or_in_decoded_data(content: dict[str, str], size: int) -> None:
    frame = pyjson.dumps({"type": "send", "id": 3, "payload": {"room": "lobby", **content}})
    assert isinstance(decode(frame, size)[1], Send)
    error = refusal(frame, size - 1)
    assert (error.code, error.id) == (Error.TOO_LARGE, 3)
    assert str(size) in error.message
    assert str(size - 1) in error.message


def test_a_binary_frame_is_a_bad_frame() -> None:
    with pytest.raises(WireError, match="text frame, got a binary one of 3 bytes") as caught:
        json_codec().decode(None, b"abc", "lobby")
    assert caught.value.code is Error.BAD_FRAME


def test_an_encoded_error_has_its_code_its_message_and_when_to_come_back() -> None:
    error = WireError(Error.RATE_LIMITED, "At most 10.", id="a", retry_after_s=0.12345)
    told = pyjson.loads(json_codec().encode_error(error).frames[0].payload)
    assert told == {
        "type": "error",
        "id": "a",
        "payload": {"code": "rate_limited", "message": "At most 10.", "retry_after_s": 0.123},
    }


def test_closing_says_the_code_the_reason_and_whether_to_come_back() -> None:
    told = pyjson.loads(json_codec().encode_closing(SERVER_RESTART, 1.5).frames[0].payload)
    assert told["payload"] == {
        "code": 4001,
        "reason": SERVER_RESTART.reason,
        "reconnect": True,
        "retry_after_s": 1.5,
    }
    long = pyjson.loads(json_codec().encode_closing(SLOW_CONSUMER.because("é" * 200), 0).frames[0].payload)
    assert long["payload"]["reason"] == "é" * 61


def test_a_resync_names_the_room_to_join_again() -> None:
    batch = json_codec().encode_resync("lobby")
    assert [pyjson.loads(frame.payload) for frame in batch.frames] == [{"type": "resync", "payload": {"room": "lobby"}}]


def test_a_ping_is_an_envelope_that_a_program_sees() -> None:
    batch = json_codec().encode_ping()
    assert batch is not None
    assert pyjson.loads(batch.frames[0].payload) == {"type": "ping"}


def test_a_volatile_rooms_message_has_no_position() -> None:
    told = pyjson.loads(json_codec().encode("lobby", [message()], START).frames[0].payload)["payload"]
    assert (told["offset"], told["prev"], told["message"]) == (None, None, 1)
    assert "address" not in told


def test_a_broadcast_tells_when_it_was_due_and_when_it_was_said() -> None:
    told = pyjson.loads(json_codec().encode("lobby", [broadcast()], START).frames[0].payload)
    assert told["type"] == "broadcast"
    assert told["payload"]["due_at"].endswith("Z")


def test_each_message_of_a_log_follows_the_one_before_it_and_broadcasts_pass() -> None:
    events = [message(5, offset=7), broadcast(), message(2, offset=9), message(6, offset=12)]
    lines = json_codec().encode("lobby", events, Place(6, 4)).frames[0].payload.split(b"\n")
    told = [pyjson.loads(line)["payload"] for line in lines]
    assert [(m["prev"], m["offset"]) for m in told if "message" in m] == [(6, 7), (7, 9), (9, 12)]


def test_a_deleted_message_keeps_its_number_and_says_nothing() -> None:
    told = json.payload_of("lobby", message(5, text=None, data=None, offset=7, deleted=True, edited_at=1.5), 6)
    payload = pyjson.loads(json.encode(told))
    assert payload["deleted"] is True
    assert not {"text", "data"} & payload.keys()
    assert (payload["message"], payload["offset"], payload["edited_at"]) == (5, 7, "1970-01-01T00:00:01.500Z")


@pytest.mark.parametrize("emoji", ["👍", "👩🏽‍🚀", "🏳️‍🌈", "5️⃣", "#️⃣", "*️⃣", "❤️", "🇪🇺"])
def test_what_may_be_a_reaction_is_taken(emoji: str) -> None:
    frame = pyjson.dumps({"type": "react", "payload": {"room": "lobby", "message": 1, "emoji": emoji, "on": True}})
    assert decode(frame)[1] == React(room="lobby", message=1, emoji=emoji, on=True)


@pytest.mark.parametrize("size", [MESSAGE_BYTES, MESSAGE_BYTES + 1])
def test_an_edit_has_the_limit_of_a_message(size: int) -> None:
    frame = pyjson.dumps({"type": "edit", "id": 1, "payload": {"room": "lobby", "message": 1, "text": "x" * size}})
    if size <= MESSAGE_BYTES:
        assert isinstance(decode(frame)[1], Edit)
    else:
        assert refusal(frame).code is Error.TOO_LARGE
