"""RFC 6455's rules for frames, as a table: what is sent, and the close code or the echo that it must bring.

The whole Autobahn suite needs Python 2; these are its groups 2 to 7 in short, for every run.
"""

from __future__ import annotations

import os

import pytest

from . import frames
from .frames import BINARY, CLOSE, CONTINUATION, PING, PONG, TEXT, close_payload, encode
from .sockets import RawSocket

NONE = {"CHAT_RAW_SENDER": "none"}
BAD_UTF8 = b"\xce\xba\xe1\xbd\xb9\xcf\x83\xce\xbc\xce\xb5\xed\xa0\x80edited"

# Sent: the close code.
BREACHES: dict[str, tuple[bytes, tuple[int, ...]]] = {
    "reserved bit 1": (encode(TEXT, b"x", rsv=4), (1002,)),
    "reserved bit 2": (encode(TEXT, b"x", rsv=2), (1002,)),
    "reserved bit 3": (encode(BINARY, b"x", rsv=1), (1002,)),
    "reserved bits on a ping": (encode(PING, b"x", rsv=7), (1002,)),
    "data opcode 3": (encode(3, b"x"), (1002,)),
    "data opcode 7": (encode(7), (1002,)),
    "control opcode 11": (encode(11, b"x"), (1002,)),
    "control opcode 15": (encode(15), (1002,)),
    "unmasked": (encode(TEXT, b"x", mask=None), (1002,)),
    "ping of 126 bytes": (encode(PING, b"x" * 126), (1002,)),
    "ping in fragments": (encode(PING, b"x", fin=False), (1002,)),
    "pong in fragments": (encode(PONG, b"x", fin=False), (1002,)),
    "close in fragments": (encode(CLOSE, close_payload(1000), fin=False), (1002,)),
    "close of 126 bytes": (encode(CLOSE, close_payload(1000, b"x" * 124)), (1002,)),
    "close of 1 byte": (encode(CLOSE, b"x"), (1002,)),
    "continuation of nothing": (encode(CONTINUATION, b"x"), (1002,)),
    "unfinished continuation of nothing": (encode(CONTINUATION, b"x", fin=False), (1002,)),
    "text inside a text": (encode(TEXT, b"a", fin=False) + encode(TEXT, b"b"), (1002,)),
    "binary inside a text": (encode(TEXT, b"a", fin=False) + encode(BINARY, b"b"), (1002,)),
    "continuation after the end": (
        encode(TEXT, b"a", fin=False) + encode(CONTINUATION, b"b") + encode(CONTINUATION, b"c"),
        (1002,),
    ),
    "bad utf-8": (encode(TEXT, BAD_UTF8), (1007,)),
    "overlong utf-8": (encode(TEXT, b"\xc0\xaf"), (1007,)),
    "a surrogate": (encode(TEXT, b"\xed\xa0\x80"), (1007,)),
    "over U+10FFFF": (encode(TEXT, b"\xf4\x90\x80\x80"), (1007,)),
    "half a character": (encode(TEXT, "é".encode()[:1]), (1007,)),
    "bad utf-8 in a fragment": (encode(TEXT, b"ok", fin=False) + encode(CONTINUATION, b"\xff"), (1007,)),
    "half a character over two frames": (encode(TEXT, b"\xe2\x82", fin=False) + encode(CONTINUATION, b"x"), (1007,)),
    "bad utf-8 in a close reason": (encode(CLOSE, close_payload(1000, BAD_UTF8)), (1002, 1007)),
    **{
        f"close code {code}": (encode(CLOSE, close_payload(code)), (1002,))
        for code in (0, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65535)
    },
}


@pytest.fixture
def echo(shared, raw, room) -> RawSocket:
    """A lone member of a room that relays frames as they came."""
    return raw(shared(**NONE), f"/ws/{room}")


@pytest.mark.parametrize("case", BREACHES)
def test_a_breach_of_the_protocol_is_answered_with_its_close_code(echo, case):
    sent, codes = BREACHES[case]
    echo.send_bytes(sent)
    assert echo.ending().code in codes


@pytest.mark.parametrize("code", [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 3000, 3999, 4000, 4999])
def test_a_lawful_close_is_answered_with_the_same_code_or_1000(echo, code):
    echo.send_close(code, "bye, Ünï".encode())
    assert echo.ending().code in (code, 1000)
    echo.gone()


def test_a_close_without_a_code_is_answered(echo):
    echo.send_close(None)
    assert echo.ending().code in (None, 1000)
    echo.gone()


def test_nothing_is_relayed_after_the_close(echo):
    echo.send_bytes(encode(CLOSE, close_payload(1000)) + encode(TEXT, b"late"))
    messages, close = echo.rest()
    assert messages == [] and close.code == 1000


@pytest.mark.parametrize("size", [0, 1, 125])
def test_a_ping_is_answered_with_its_payload(echo, size):
    payload = os.urandom(size)
    echo.send_frame(PING, payload)
    frame = echo.read_frame()
    assert (frame.opcode, frame.payload) == (PONG, payload)


def test_an_unasked_pong_is_ignored(echo):
    echo.send_frame(PONG, b"unasked")
    echo.send("next")
    assert echo.read() == "next"


def test_control_frames_between_fragments_are_answered_at_once(echo):
    echo.send_frame(TEXT, b"one ", fin=False)
    echo.send_frame(PING, b"between")
    frame = echo.read_frame()
    assert (frame.opcode, frame.payload) == (PONG, b"between")
    echo.send_frame(CONTINUATION, b"two", fin=True)
    assert echo.read() == "one two"


@pytest.mark.parametrize("size", [0, 125, 126, 127, 128, 65535, 65536])
@pytest.mark.parametrize("opcode", [TEXT, BINARY])
def test_a_payload_of_any_length_comes_back(echo, opcode, size):
    payload = b"*" * size
    echo.send_frame(opcode, payload)
    frame = echo.read_frame()
    assert (frame.opcode, frame.payload, frame.fin, frame.rsv) == (opcode, payload, True, 0)


@pytest.mark.parametrize("step", [1, 3, 997])
def test_a_frame_in_pieces_of_tcp_is_one_frame(echo, step):
    whole = encode(TEXT, ("κόσμε " * 30).encode(), mask=b"abcd")
    for start in range(0, len(whole), step):
        echo.send_bytes(whole[start : start + step])
    assert echo.read() == "κόσμε " * 30


def test_utf_8_may_be_split_anywhere_over_fragments(echo):
    text = "κόσμε 👩‍👧 €"
    body = text.encode()
    for place in range(1, len(body)):
        echo.send_bytes(
            encode(TEXT, body[:place], fin=False)
            + encode(CONTINUATION, b"", fin=False)
            + encode(CONTINUATION, body[place:])
        )
        assert echo.read() == text


def test_empty_fragments_make_an_empty_message(echo):
    echo.send_bytes(encode(TEXT, fin=False) + encode(CONTINUATION, fin=False) + encode(CONTINUATION))
    frame = echo.read_frame()
    assert (frame.opcode, frame.payload) == (TEXT, b"")
    echo.send_bytes(encode(BINARY))
    frame = echo.read_frame()
    assert (frame.opcode, frame.payload) == (frames.BINARY, b"")


def test_many_frames_in_one_packet_are_many_messages(echo):
    echo.send_bytes(b"".join(encode(TEXT, b"%d" % number) for number in range(40)))
    assert echo.read_many(40) == [str(number) for number in range(40)]


@pytest.mark.parametrize("breach", [encode(TEXT, b"x", rsv=4), encode(TEXT, b"\xff")], ids=["1002", "1007"])
def test_whoever_breaks_the_protocol_harms_nobody_else(shared, raw, room, breach):
    server = shared(**NONE)
    alice, bob = raw(server, f"/ws/{room}"), raw(server, f"/ws/{room}")
    alice.send_bytes(breach)
    assert alice.ending().code in (1002, 1007)
    bob.send("still here")
    assert bob.read() == "still here"


def test_a_json_connection_gets_the_protocol_codes_too(server, raw):
    for sent, code in ((encode(TEXT, b"x", rsv=4), 1002), (encode(TEXT, b"\xff"), 1007)):
        one = raw(server, protocols=["chat.v1.json"])
        one.read()
        one.send_bytes(sent)
        assert one.ending().code == code
