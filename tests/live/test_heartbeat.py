"""Heartbeats: raw connections get RFC 6455 pings, json ones the envelope `ping`; silence ends in 4003."""

from __future__ import annotations

import json
import time

import pytest

from . import frames
from .frames import CONTINUATION, PING, PONG, TEXT, encode
from .guests import JSON
from .sockets import RawSocket
from .test_limits import closing

QUICK = {"CHAT_PING_INTERVAL": "1", "CHAT_PING_TIMEOUT": "1"}
LIVES = 5.0  # two and a half times interval + time-out: who is not heard by then has been closed


@pytest.fixture
def quick(shared):
    return shared(**QUICK)


def split(messages: list[str | bytes]) -> list[dict]:
    return [json.loads(line) for message in messages for line in str(message).split("\n")]


def test_a_silent_raw_member_is_pinged_and_then_closed_with_4003(quick, raw, room):
    one = raw(quick, f"/ws/{room}", answers=False)
    messages, close = one.rest(20)
    assert messages == [] and one.pings >= 1
    assert close.code == 4003 and close.reason


def test_a_silent_json_guest_is_pinged_by_envelope_and_then_closed_with_4003(quick, raw):
    one = raw(quick, protocols=[JSON], answers=False)
    messages, close = one.rest(20)
    envelopes = split(messages)
    assert one.pings == 0, "a json connection gets no RFC pings"
    assert [it["type"] for it in envelopes[:2]] == ["welcome", "ping"]
    assert close.code == 4003 and close.reason
    said = closing(envelopes)
    assert said["code"] == 4003 and said["reconnect"] is True


def test_a_raw_member_who_answers_pings_stays(quick, raw, room):
    one = raw(quick, f"/ws/{room}")
    end = time.monotonic() + LIVES
    while time.monotonic() < end:
        with pytest.raises(TimeoutError):
            one.read(0.5)
    assert one.pings >= 2
    one.send("here")
    assert str(one.read()).endswith("here")


SIGNS_OF_LIFE = {
    "a text": encode(TEXT, b"sign"),
    "an unasked pong": encode(PONG, b""),
    "a ping": encode(PING, b""),
    "an empty text": encode(TEXT, b""),
}


@pytest.mark.parametrize("sign", SIGNS_OF_LIFE)
def test_any_frame_of_a_raw_member_counts_as_life(shared, quick, raw, room, sign):
    one = raw(quick, f"/ws/{room}", answers=False)
    pace(one, SIGNS_OF_LIFE[sign])
    one.send("here")
    while (heard := one.read()) != f"{one.address} echo: here":
        assert str(heard).endswith(("sign", "echo: "))


@pytest.mark.parametrize(
    "sign",
    [
        encode(TEXT, b'{"type":"pong"}'),
        encode(TEXT, b'{"type":"ping"}'),
        encode(TEXT, b'{"type":"leave","payload":{"room":"lobby"}}'),
        encode(PING, b""),
        encode(PONG, b""),
    ],
    ids=["pong", "ping", "another envelope", "RFC ping", "RFC pong"],
)
def test_any_frame_of_a_json_guest_counts_as_life(quick, raw, sign):
    one = raw(quick, protocols=[JSON], answers=False)
    pace(one, sign)
    one.send('{"type":"ping","id":"here"}')
    while True:
        if {"type": "pong", "id": "here"} in [
            {key: it.get(key) for key in ("type", "id")} for it in split([one.read()])
        ]:
            break


def test_fragments_of_an_unfinished_message_do_not_keep_a_connection_for_ever(quick, raw, room):
    one = raw(quick, f"/ws/{room}", answers=False)
    one.send_frame(TEXT, b"never", fin=False)
    close = None
    end = time.monotonic() + 60
    while close is None and time.monotonic() < end:
        try:
            frame = one.read_frame(0.4)
        except TimeoutError:
            one.send_frame(CONTINUATION, b".", fin=False)
            continue
        if frame.opcode == frames.CLOSE:
            close = frames.read_close(frame.payload)
    assert close is not None and close.code in (1002, 1008, 1009, 4003, 4506), close


def pace(one: RawSocket, sign: bytes) -> None:
    """Send a sign of life each half second for longer than a silent connection lives, answering no ping."""
    end = time.monotonic() + LIVES
    while time.monotonic() < end:
        one.send_bytes(sign)
        turn = time.monotonic() + 0.5
        while (left := turn - time.monotonic()) > 0:
            try:
                frame = one.read_frame(left)
            except TimeoutError:
                break
            assert frame.opcode != frames.CLOSE, frames.read_close(frame.payload)
