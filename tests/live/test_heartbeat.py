"""Heartbeats: raw connections get RFC 6455 pings, json ones the envelope `ping`; silence ends in 4003."""

from __future__ import annotations

import json
import time

import pytest

from . import frames
from .conftest import QUIET
from .farm import Farm
from .frames import BINARY, CONTINUATION, PING, PONG, TEXT, encode
from .guests import JSON
from .servers import KINDS, Server
from .sockets import Ended, RawSocket
from .test_limits import closing

QUICK = {"CHAT_PING_INTERVAL": "1", "CHAT_PING_TIMEOUT": "3"}
SIGN_SECONDS = 0.4
LIVES = 6.0  # half as long again as interval + time-out: who is not heard by then has been closed


@pytest.fixture
def quick(farm: Farm) -> list[Server]:
    """One server of each kind, for tests that wait: they do so for both at once."""
    return [farm.shared(kind, **QUIET, **QUICK) for kind in KINDS]


def split(messages: list[str | bytes]) -> list[dict]:
    return [json.loads(line) for message in messages for line in str(message).split("\n")]


def test_who_is_silent_is_pinged_in_its_codec_and_then_closed_with_4003(quick, raw, room):
    members = [raw(server, f"/ws/{room}", answers=False) for server in quick]
    guests = [raw(server, protocols=[JSON], answers=False) for server in quick]
    for member in members:
        messages, close = member.rest(20)
        assert messages == [] and member.pings >= 1
        assert close.code == 4003 and close.reason
    for guest in guests:
        messages, close = guest.rest(20)
        envelopes = split(messages)
        assert guest.pings == 0, "a json connection gets no RFC pings"
        assert [it["type"] for it in envelopes[:2]] == ["welcome", "ping"]
        assert close.code == 4003 and close.reason
        said = closing(envelopes)
        assert said["code"] == 4003 and said["reconnect"] is True


RAW_SIGNS = {
    "a text": encode(TEXT, b"sign"),
    "a binary frame": encode(BINARY, b"sign"),
    "an empty text": encode(TEXT, b""),
    "a ping": encode(PING, b""),
    "an unasked pong": encode(PONG, b""),
}
JSON_SIGNS = {
    "the envelope pong": encode(TEXT, b'{"type":"pong"}'),
    "the envelope ping": encode(TEXT, b'{"type":"ping"}'),
    "another envelope": encode(TEXT, b'{"type":"leave","payload":{"room":"lobby"}}'),
    "a ping": encode(PING, b""),
    "an unasked pong": encode(PONG, b""),
}


def test_any_frame_counts_as_life_in_both_codecs(quick, raw, room):
    """All at once, since each needs seconds: each sends its one sign of life and answers no ping."""
    ones: dict[tuple[str, str, str], tuple[RawSocket, bytes]] = {}
    for server in quick:
        for name, sign in RAW_SIGNS.items():
            ones[server.kind, "raw", name] = raw(server, f"/ws/{room}", answers=False), sign
        for name, sign in JSON_SIGNS.items():
            ones[server.kind, "json", name] = raw(server, protocols=[JSON], answers=False), sign
    answering = [raw(server, f"/ws/{room}") for server in quick]
    end = time.monotonic() + LIVES
    while time.monotonic() < end:
        for name, (one, sign) in ones.items():
            one.send_bytes(sign)
            skim(one, name, 0)
        for one in answering:
            skim(one, "who answers pings", SIGN_SECONDS / len(answering))
    for one in answering:
        assert one.pings >= 2
    for one, _ in ones.values():
        one.send_frame(PING, b"still there")
        while one.read_frame().payload != b"still there":
            pass


def skim(one: RawSocket, name: object, seconds: float) -> None:
    """Read what comes within `seconds`; nothing of it may be a close frame."""
    end = time.monotonic() + seconds
    try:
        while True:
            one.read(max(end - time.monotonic(), 0.001))
    except TimeoutError:
        pass  # all read
    except Ended as ended:
        pytest.fail(f"{name}: {ended}")


def test_fragments_of_an_unfinished_message_do_not_keep_a_connection_for_ever(impatient, raw, room):
    one = raw(impatient, f"/ws/{room}", answers=False)
    one.send_frame(TEXT, b"never", fin=False)
    close = None
    end = time.monotonic() + 20
    while close is None and time.monotonic() < end:
        try:
            frame = one.read_frame(0.2)
        except TimeoutError:
            one.send_frame(CONTINUATION, b".", fin=False)
            continue
        if frame.opcode == frames.CLOSE:
            close = frames.read_close(frame.payload)
    assert close is not None and close.code == 4003, close


def test_a_message_that_is_finished_in_time_starts_the_time_anew(impatient, raw, room):
    one = raw(impatient, f"/ws/{room}")
    end = time.monotonic() + 1.8
    while time.monotonic() < end:
        one.send_frame(TEXT, b"one ", fin=False)
        skim(one, "a fragment", 0.2)
        one.send_frame(CONTINUATION, b"two", fin=True)
        assert one.read() == f"{one.address} echo: one two"
