"""The raw codec: what the reference clients speak."""

from __future__ import annotations

import json

import pytest

from . import frames
from .sockets import Ended, RawSocket

BODIES = [
    "hello",
    "",
    " ",
    "\n",
    "two\nlines",
    "null",
    '{"type": "join"}',
    "<script>alert(1)</script>",
    "你好，世界",
    "👩‍👩‍👧‍👦",
    "مرحبا",
    "\u202eright to left\u202c",
    "\x01\x7f",
    "x" * 125,
    "x" * 126,
    "x" * 65000,
]


@pytest.mark.parametrize("body", BODIES, ids=lambda body: ascii(body[:20]) + f"*{len(body)}")
def test_a_text_comes_back_to_all_with_the_senders_address(server, raw, room, body):
    alice, bob = raw(server, f"/ws/{room}"), raw(server, f"/ws/{room}")
    alice.send(body)
    expected = f"{alice.address} echo: {body}"
    assert alice.read() == expected
    assert bob.read() == expected


def test_a_text_with_nul_is_relayed_where_nothing_is_kept_and_refused_where_it_is(server, raw, room):
    alice = raw(server, "/ws/volatile")
    alice.send("a\x00b")
    assert alice.read() == f"{alice.address} echo: a\x00b"
    bob = raw(server, f"/ws/{room}")
    bob.send("a\x00b")
    assert bob.read() == "Server error: Expected text without U+0000, got it inside"


@pytest.mark.parametrize(
    "body", [b"", b"\x00\xff\xfe", b"plain", bytes(range(256)) * 250], ids=["empty", "odd", "ascii", "64000"]
)
def test_a_binary_frame_comes_back_as_a_binary_frame(server, raw, room, body):
    alice, bob = raw(server, f"/ws/{room}"), raw(server, f"/ws/{room}")
    alice.send(body)
    expected = f"{alice.address} echo: ".encode() + body
    assert alice.read() == expected
    assert bob.read() == expected


def test_a_member_is_in_the_room_from_the_handshake_on(server, raw, room):
    for _ in range(20):
        alice, bob = raw(server, f"/ws/{room}"), raw(server, f"/ws/{room}")
        alice.send("now")
        assert bob.read() == f"{alice.address} echo: now"
        alice.drop()
        bob.drop()


def test_messages_of_one_sender_arrive_in_order_and_once(unlimited, raw, room):
    members = [raw(unlimited, f"/ws/{room}") for _ in range(5)]
    for number in range(500):
        members[number % 2].send(str(number))
    for member in members:
        heard = [str(it).split(" echo: ") for it in member.read_many(500)]
        for sender in members[:2]:
            own = [int(body) for who, body in heard if who == sender.address]
            assert own == sorted(own) and len(own) == 250


def test_a_burst_of_ten_thousand_messages_is_heard_whole(unlimited, raw, room):
    alice, bob = raw(unlimited, f"/ws/{room}"), raw(unlimited, f"/ws/{room}")
    count, heard = 10_000, []
    for start in range(0, count, 500):
        alice.send_bytes(b"".join(frames.encode(frames.TEXT, b"%d" % number) for number in range(start, start + 500)))
        alice.read_many(500, 60)
        heard += bob.read_many(500, 60)
    assert [str(it).rpartition(" ")[2] for it in heard] == [str(number) for number in range(count)]


def test_ws_is_the_default_room_and_a_trailing_slash_is_accepted(server, raw):
    members = [raw(server, path) for path in ("/ws", "/ws/", "/ws/lobby", "/ws/lobby/")]
    members[0].send("to all four")
    for member in members:
        assert member.read() == f"{members[0].address} echo: to all four"


def test_another_room_hears_nothing(server, raw, room):
    alice, stranger = raw(server, f"/ws/{room}"), raw(server, "/ws/room-1" if room != "room-1" else "/ws/room-2")
    alice.send("private")
    alice.read()
    stranger.send("own")
    assert stranger.read() == f"{stranger.address} echo: own"


def test_who_has_left_is_not_written_to_and_the_others_go_on(server, raw, room):
    alice, bob, carol = (raw(server, f"/ws/{room}") for _ in range(3))
    bob.send_close(1000)
    assert bob.ending().code == 1000
    carol.reset()
    for number in range(5):
        alice.send(f"still {number}")
        assert alice.read() == f"{alice.address} echo: still {number}"


def test_a_message_in_fragments_is_relayed_whole(server, raw, room):
    alice, bob = raw(server, f"/ws/{room}"), raw(server, f"/ws/{room}")
    alice.send_frame(frames.TEXT, b"caf", fin=False)
    alice.send_frame(frames.CONTINUATION, "é".encode()[:1], fin=False)
    alice.send_frame(frames.CONTINUATION, "é".encode()[1:], fin=True)
    assert bob.read() == f"{alice.address} echo: café"


BROKEN = {
    "a reserved bit": frames.encode(frames.TEXT, b"x", rsv=4),
    "no UTF-8": frames.encode(frames.TEXT, b"\xff"),
    "a continuation of nothing": frames.encode(frames.CONTINUATION, b"x"),
}


@pytest.mark.parametrize("case", BROKEN)
def test_nothing_follows_a_close_frame_while_others_talk(server, raw, room, case):
    alice, bob = raw(server, f"/ws/{room}"), raw(server, f"/ws/{room}")
    bob.send_bytes(BROKEN[case])
    assert bob.read_frame().opcode == frames.CLOSE
    for number in range(20):
        alice.send(str(number))
        alice.read()
    with pytest.raises(Ended):
        pytest.fail(f"{bob.read_frame()} came")


@pytest.mark.parametrize("kind_of_sender", ["name", "none"])
def test_raw_sender_sets_what_stands_before_the_body(shared, raw, room, kind_of_sender):
    server = shared(CHAT_RAW_SENDER=kind_of_sender)
    alice, bob = raw(server, f"/ws/{room}"), raw(server, f"/ws/{room}")
    for body in ("hello", "", b"\x01\x02", b""):
        alice.send(body)
        heard = bob.read()
        assert heard == alice.read()
        assert isinstance(heard, str) == isinstance(body, str)
        if kind_of_sender == "none":
            assert heard == body
        else:
            text = heard if isinstance(heard, str) else heard.decode("latin-1")
            assert text.startswith("guest-") and " echo: " in text and alice.address not in text


def test_raw_sender_none_relays_a_json_guests_text_as_it_is(shared, raw, guest, room):
    server = shared(CHAT_RAW_SENDER="none")
    alice, member = guest(server, room), raw(server, f"/ws/{room}")
    alice.send(room, "as it is")
    assert member.read() == "as it is"


def test_over_ipv6_the_address_stands_in_brackets(fresh, raw, room):
    try:
        server = fresh(options={"host": "::1"})
    except (AssertionError, OSError) as error:
        pytest.skip(f"::1 does not work here: {error}")
    alice = raw(server, f"/ws/{room}")
    alice.send("six")
    assert alice.read() == f"[::1]:{alice.sock.getsockname()[1]} echo: six"


def test_a_json_guests_message_reaches_raw_members_by_name(server, raw, guest, room):
    member, alice = raw(server, f"/ws/{room}"), guest(server, room)
    assert alice.ask("name", {"name": "Alice Liddell"})["type"] == "ack"
    alice.send(room, "curiouser")
    assert member.read() == "Alice Liddell echo: curiouser"
    alice.ask("send", {"room": room, "data": "AAH/"})
    assert member.read() == b"Alice Liddell echo: \x00\x01\xff"


def test_a_raw_members_message_reaches_json_guests_without_an_address(server, raw, guest, room):
    alice, member = guest(server, room), raw(server, f"/ws/{room}")
    member.send("from raw")
    heard = alice.message()
    assert heard["text"] == "from raw"
    assert heard["author"]["name"].startswith("guest-") and heard["author"]["kind"] == "guest"
    member.send(b"\x00\xff")
    assert alice.message()["data"] == "AP8="
    assert "127.0.0.1" not in json.dumps(alice.frames)


def test_no_compression_is_agreed_on(server, raw, room):
    alice: RawSocket = raw(
        server, f"/ws/{room}", headers=[("Sec-WebSocket-Extensions", "permessage-deflate; client_max_window_bits")]
    )
    assert "sec-websocket-extensions" not in alice.headers
    alice.send("plain " * 1000)
    assert str(alice.read()).endswith("plain " * 1000)
