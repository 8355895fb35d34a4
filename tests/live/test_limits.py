"""Limits: sizes, rates, rooms, connections, fragments, bad frames in a row; and what a flood costs."""

from __future__ import annotations

import json
import time

import pytest

from . import frames
from .frames import CONTINUATION, TEXT, encode
from .guests import Guest
from .memory import MIB, Watch
from .services import require_open_files, require_proc
from .sockets import Ended, RawSocket, Refused
from .waiting import until

JSON = "chat.v1.json"
# Several small limits on one server, since each server costs a second or two.
TIGHT = {
    "CHAT_MESSAGE_RATE": "5",
    "CHAT_MESSAGE_BURST": "3",
    "CHAT_MAX_MESSAGE_BYTES": "100",
    "CHAT_MAX_ROOMS_PER_CONNECTION": "3",
    "CHAT_FANOUT_RATE": "1000",
}


def closing(envelopes: list[dict]) -> dict:
    """Return the payload of the one `closing` envelope."""
    found = [it["payload"] for it in envelopes if it["type"] == "closing"]
    assert len(found) == 1, envelopes[-3:]
    return found[0]


# Sizes


def test_a_raw_message_of_the_limit_passes_and_one_byte_more_closes_with_1009(server, raw, room):
    alice = raw(server, f"/ws/{room}")
    alice.send("x" * 65536)
    assert str(alice.read()).endswith("x" * 65536)
    alice.send("x" * 65537)
    close = alice.ending()
    assert close.code == 1009


@pytest.mark.parametrize("opcode", [TEXT, frames.BINARY])
def test_a_frame_of_two_mebibytes_closes_with_1009(server, raw, room, opcode):
    alice = raw(server, f"/ws/{room}")
    alice.send_bytes(encode(opcode, b"x" * (2 << 20)))
    assert alice.ending().code == 1009


def test_a_frame_that_only_promises_a_tebibyte_closes_with_1009_at_once(server, raw, room):
    alice = raw(server, f"/ws/{room}")
    alice.send_bytes(b"\x82\xff" + (1 << 40).to_bytes(8, "big") + b"\0\0\0\0")
    assert alice.ending().code == 1009


def test_fragments_that_add_up_to_too_much_close_with_1009(server, raw, room):
    alice = raw(server, f"/ws/{room}")
    alice.send_bytes(encode(TEXT, b"x" * 40000, fin=False) + encode(CONTINUATION, b"x" * 40000))
    assert alice.ending().code == 1009


def test_a_json_text_over_the_limit_is_too_large_and_the_socket_stays(server, guest, room):
    alice = guest(server, room)
    for payload in ({"text": "x" * 65537}, {"text": "é" * 32769}, {"data": "AAAA" * (65536 // 3 + 1)}):
        answer = alice.ask("send", {"room": room, **payload})
        assert answer["payload"]["code"] == "too_large" and "65536" in answer["payload"]["message"]
    alice.send(room, "x" * 65536)
    assert len(alice.message()["text"]) == 65536
    assert alice.ask("send", {"room": room, "text": "a" + "\x01" * 65535})["type"] == "ack", (
        "escaped, this is six times as long"
    )


def test_a_json_frame_far_over_the_limit_closes_with_1009(server, guest):
    alice = guest(server)
    alice.connection.send(json.dumps({"type": "ping", "payload": {"x": "y" * (6 * 65536 + 4096)}}))
    assert alice.rest()[1].code == 1009


def test_the_size_limit_is_a_setting(shared, raw, guest, room):
    server = shared(**TIGHT)
    alice, member = guest(server, room), raw(server, f"/ws/{room}")
    assert alice.welcome["limits"]["message_bytes"] == 100
    assert alice.ask("send", {"room": room, "text": "x" * 101})["payload"]["code"] == "too_large"
    alice.send(room, "x" * 100)
    member.send("x" * 101)
    assert member.ending().code == 1009


# Rates


def until_taken(guest: Guest, kind: str, payload: dict) -> None:
    """Ask again after what the server says, until it takes it."""

    def again() -> bool:
        answer = guest.ask(kind, payload)
        time.sleep(answer["payload"].get("retry_after_s", 0))
        return answer["type"] == "ack"

    until(again, f"{kind} after retry_after_s")


def test_what_costs_all_members_of_a_room_is_limited_by_what_it_costs_them(shared, guest, room):
    """The other guests of this address pay from the same bucket, so several accounts of one attacker do, too."""
    server = shared(**TIGHT)
    alice, *others = [guest(server, room) for _ in range(12)]
    assert "changed" in alice.welcome["features"]
    alice.send(room, "hello")
    wanted = {"room": room, "message": 1, "emoji": "👍", "on": True}
    assert alice.ask("react", wanted)["type"] == "ack"
    refused = others[0].ask("react", wanted)["payload"]
    assert refused["code"] == "rate_limited" and "bytes" in refused["message"]
    assert 0 < refused["retry_after_s"] < 5
    until_taken(others[0], "react", wanted)
    heard = [others[1].expect("changed")["payload"] for _ in range(2)]
    assert [it["reactions"]["👍"]["count"] for it in heard] == [1, 2]
    assert heard[1]["prev"] == heard[0]["offset"]


def test_over_the_rate_a_json_guest_is_told_when_to_try_again(shared, guest, room):
    server = shared(**TIGHT)
    alice = guest(server, room)
    assert {"message_rate": 5, "message_burst": 3}.items() <= alice.welcome["limits"].items()
    for number in range(6):
        alice.say("send", {"room": room, "text": str(number)}, id=f"n{number}")
    answers = [alice.answer(f"n{number}") for number in range(6)]
    kinds = [it["type"] for it in answers]
    assert kinds[:3] == ["ack"] * 3 and "error" in kinds
    refused = next(it for it in answers if it["type"] == "error")["payload"]
    assert refused["code"] == "rate_limited" and 0 < refused["retry_after_s"] <= 60 and refused["message"]
    until_taken(alice, "send", {"room": room, "text": "later"})


def test_over_the_rate_a_raw_member_is_told_in_a_sentence(shared, raw, room):
    server = shared(**TIGHT)
    alice, bob = raw(server, f"/ws/{room}"), raw(server, f"/ws/{room}")
    for number in range(5):
        alice.send(str(number))
    came = [str(it) for it in alice.read_many(5)]
    assert [it for it in came if it.startswith("Server error: ")], came
    assert str(bob.read()) == f"{alice.address} echo: 0"


def test_what_is_not_a_message_is_not_held_against_the_rate(shared, guest, room):
    server = shared(**TIGHT)
    alice = guest(server, room)
    for _ in range(20):
        assert alice.ask("ping")["type"] == "pong"


@pytest.mark.parametrize("codec", ["raw", "json"])
def test_whoever_keeps_on_over_the_rate_is_closed_with_4506(shared, raw, guest, room, codec):
    server = shared(**TIGHT)
    bob = guest(server, room)
    sender: RawSocket = raw(server, f"/ws/{room}", protocols=[JSON] if codec == "json" else [])
    if codec == "json":
        sender.send(json.dumps({"type": "join", "id": "in", "payload": {"room": room}}))
        while '"ack"' not in str(sender.read()):
            pass  # What overtakes the join is not sent to anybody.
    one = json.dumps({"type": "send", "payload": {"room": room, "text": "flood"}}) if codec == "json" else "flood"
    batch = encode(TEXT, one.encode()) * 50
    messages: list[str | bytes] = []
    close = None
    for _ in range(200):
        try:
            sender.send_bytes(batch)
            messages.append(sender.read(5))
        except TimeoutError:
            continue
        except Ended as ended:
            close = ended.close
            break
        except OSError:
            break
    if close is None:
        rest, close = sender.rest()
        messages += rest
    assert close.code == 4506 and close.reason
    if codec == "json":
        said = closing([json.loads(line) for message in messages for line in str(message).split("\n")])
        assert said["code"] == 4506 and said["reconnect"] is False and said["reason"]
    assert bob.ask("ping")["type"] == "pong"
    assert bob.message()["text"] == "flood"


def test_a_rate_of_zero_is_no_limit(unlimited, guest, room):
    alice = guest(unlimited, room)
    for number in range(300):
        alice.say("send", {"room": room, "text": str(number)})
    assert alice.texts(300) == [str(number) for number in range(300)]


# Bad frames


def test_ten_bad_frames_in_a_row_close_with_4500_and_nine_do_not(server, guest):
    alice = guest(server)
    for _ in range(3):
        for _ in range(9):
            alice.connection.send("bad")
            assert alice.expect("error")["payload"]["code"] == "bad_frame"
        assert alice.ask("ping")["type"] == "pong"
    for _ in range(10):
        alice.connection.send("bad")
    envelopes, close = alice.rest()
    assert close.code == 4500 and close.reason
    said = closing(envelopes)
    assert said["code"] == 4500 and said["reconnect"] is False
    assert len([it for it in envelopes if it["type"] == "error"]) in (9, 10)


TYPED = {
    "an empty text": ("send", {"text": ""}, "unsupported", "text.empty"),
    "a blank line": ("send", {"text": " \u3164\u2800\u200b"}, "unsupported", "text.empty"),
    "an edit to nothing": ("edit", {"message": 1, "text": "\u0301\n"}, "unsupported", "text.empty"),
    "a word for an emoji": ("react", {"message": 1, "emoji": "lol", "on": True}, "bad_frame", "emoji.other"),
    "a name of blanks": ("name", {"name": "  "}, "bad_frame", "name.length"),
    "a name that is not seen": ("name", {"name": "a\u200b"}, "bad_frame", "name.characters"),
}


@pytest.mark.parametrize("case", TYPED)
def test_what_people_type_is_refused_by_key_and_never_ends_the_connection(server, guest, room, case):
    verb, payload, code, key = TYPED[case]
    alice = guest(server, room)
    alice.send(room, "first")
    for _ in range(12):
        answer = alice.ask(verb, payload if verb == "name" else {"room": room, **payload})
        assert (answer["type"], answer["payload"]["code"], answer["payload"]["key"]) == ("error", code, key)
    alice.send(room, "second")
    assert [it["text"] for it in guest(server).join(room)["messages"]] == ["first", "second"]


def test_a_raw_member_relays_texts_that_show_nothing(server, raw, room):
    alice, bob = raw(server, f"/ws/{room}"), raw(server, f"/ws/{room}")
    for text in ("", " \u200b"):
        alice.send(text)
        assert bob.read().endswith(f" echo: {text}")


# Rooms


def test_one_room_too_many_is_an_error_and_leaving_makes_place(shared, guest):
    server = shared(**TIGHT)
    alice = guest(server, "room-101", "room-102", "room-103")
    assert alice.welcome["limits"]["rooms"] == 3
    refused = alice.ask("join", {"room": "room-104"})["payload"]
    assert refused["code"] == "too_many_rooms" and "3" in refused["message"]
    listed = alice.ask("join", {"rooms": [{"room": "room-101"}, {"room": "room-104"}]})["payload"]["rooms"]
    assert "error" not in listed[0] and listed[1]["error"]["code"] == "too_many_rooms"
    assert alice.ask("leave", {"room": "room-101"})["type"] == "ack"
    alice.join("room-104")


# Connections


@pytest.mark.parametrize("variable", ["CHAT_MAX_CONNECTIONS", "CHAT_MAX_CONNECTIONS_PER_IP"])
def test_one_connection_too_many_is_closed_with_4006_and_far_too_many_are_refused(shared, raw, room, variable):
    server = shared(**{variable: "10"})
    until(lambda: server.connections() == 0, "nobody of another test is left")
    members = [raw(server, f"/ws/{room}") for _ in range(10)]
    closed, refused = 0, 0
    extra = []
    for _ in range(10):
        # None of these answers the close frame, so each counts for as long as the server waits for that.
        one = raw(server, shake=False, answers=False)
        extra.append(one)
        try:
            one.open(f"/ws/{room}")
        except Refused as refusal:
            assert 400 <= refusal.status < 600
            refused += 1
            continue
        close = one.ending()
        assert close.code == 4006 and close.reason.endswith(" s.")
        closed += 1
    assert closed >= 1 and refused >= 1
    members[0].send("we stay")
    for member in members:
        assert str(member.read()).endswith("echo: we stay")
    for one in [members.pop(), *extra]:
        one.reset()

    def let_in() -> bool:
        try:
            one = raw(server, f"/ws/{room}")
            one.send("back")
            return str(one.read()).endswith("back")
        except (Refused, Ended):
            return False

    until(let_in, "a place that became free")


def test_a_json_guest_too_many_gets_the_closing_envelope(shared, raw):
    server = shared(CHAT_MAX_CONNECTIONS_PER_IP="10")
    until(lambda: server.connections() == 0, "nobody of another test is left")
    for _ in range(10):
        raw(server)
    one = raw(server, protocols=[JSON])
    messages, close = one.rest()
    assert close.code == 4006
    said = closing([json.loads(line) for message in messages for line in str(message).split("\n")])
    assert said["code"] == 4006 and said["reconnect"] is True and 20 <= said["retry_after_s"] <= 180


def test_a_thousand_are_soon_in_who_dial_many_at_once(server, raw):
    count, at_once = 1000, 200
    require_open_files(count)
    before = server.connections()
    began = time.monotonic()
    ones = []
    while len(ones) < count:
        # Daphne ends whom it could not answer within five seconds: so many are answered by then on any machine.
        wave = [raw(server, shake=False) for _ in range(at_once)]
        for one in wave:
            one.send_bytes(one.request("/ws/room-110"))
        for one in wave:
            one.shaken()
        ones += wave
    took = time.monotonic() - began
    assert took < 60, f"1,000 handshakes took {took:.1f} s"
    until(lambda: server.connections() >= before + count, "all counted")
    for one in ones:
        one.reset()
    until(lambda: server.connections() <= before, "all gone again")


# Fragments


def test_endless_empty_fragments_are_closed(server, raw, room):
    require_proc()
    watch = Watch(server.pid)
    alice = raw(server, f"/ws/{room}")
    alice.send_frame(TEXT, b"", fin=False)
    batch = encode(CONTINUATION, b"", fin=False) * 10_000
    close = None
    try:
        for _ in range(100):
            alice.send_bytes(batch)
    except OSError:
        pass  # closed while we were sending: that is the point
    close = alice.ending()
    assert close.code == 1009, close
    assert watch.look() < 10 * MIB


def test_endless_small_fragments_are_closed(server, raw, room):
    alice = raw(server, f"/ws/{room}")
    alice.send_frame(TEXT, b"", fin=False)
    try:
        for _ in range(60):
            alice.send_bytes(encode(CONTINUATION, b"x", fin=False) * 1000)
    except OSError:
        pass
    assert alice.ending().code == 1009


# Floods


@pytest.mark.parametrize("codec", ["raw", "json"])
def test_a_flood_from_one_who_does_not_read_costs_little_memory(shared, raw, guest, room, codec):
    require_proc()
    server = shared(CHAT_MESSAGE_RATE="0", CHAT_OUTBOX_BYTES="524288")
    bob = guest(server, "lobby")
    for _ in range(50):
        bob.send("lobby", "warm " * 1000)
    flooder: RawSocket = raw(server, f"/ws/{room}", receive_buffer=4096, protocols=[JSON] if codec == "json" else [])
    body = "x" * 8000
    one = encode(
        TEXT,
        (json.dumps({"type": "send", "payload": {"room": room, "text": body}}) if codec == "json" else body).encode(),
    )
    if codec == "json":
        flooder.send(json.dumps({"type": "join", "payload": {"room": room}}))
    watch = Watch(server.pid)
    sent = flood(flooder, one * 16, 64 * MIB, watch)
    assert watch.look() < 10 * MIB, f"RSS +{watch.look() / MIB:.1f} MiB after {sent / MIB:.0f} MiB"
    bob.send("lobby", "still served")


def flood(flooder: RawSocket, batch: bytes, most: int, watch: Watch) -> int:
    """Send until the server stops reading for 3 s, ends the connection, or `most` bytes are sent; return the bytes."""
    sent = 0
    flooder.sock.settimeout(3)
    try:
        while sent < most:
            flooder.sock.sendall(batch)
            sent += len(batch)
            watch.look()
    except (TimeoutError, OSError):
        pass  # paused or closed: both keep the memory small
    watch.look()
    return sent


def test_a_flood_of_pings_costs_little_memory(server, raw, room):
    require_proc()
    flooder = raw(server, f"/ws/{room}", receive_buffer=4096)
    watch = Watch(server.pid)
    flood(flooder, encode(frames.PING, b"x" * 125) * 500, 32 * MIB, watch)
    assert watch.look() < 10 * MIB
    assert server.healthy()


def test_members_who_are_cut_off_in_a_busy_room_harm_nobody(unlimited, raw, room):
    members = [raw(unlimited, f"/ws/{room}") for _ in range(30)]
    alice = members[0]
    for start in range(0, 250, 10):
        alice.send_bytes(b"".join(encode(TEXT, b"%d" % number) for number in range(start, start + 10)))
        members.pop().reset()
        assert [str(it).rpartition(" ")[2] for it in alice.read_many(10)] == [
            str(number) for number in range(start, start + 10)
        ]


def test_a_header_that_is_too_long_for_the_server_is_answered_and_ended(server, raw, room):
    with pytest.raises(Refused) as refused:
        raw(server, f"/ws/{room}", headers=[("X-Long", "x" * 40_000)])
    assert 400 <= refused.value.status < 500


def test_a_cookie_of_backslashes_holds_nobody_up(server, raw, room):
    alice = raw(server, f"/ws/{room}")
    headers = [("Origin", f"http://{server.netloc}"), *[("Cookie", 'a="' + "\\" * 3500 + '"')] * 3]
    began = time.monotonic()
    raw(server, f"/ws/{room}", headers=headers)
    assert server.get("/rooms/lobby", {"Cookie": 'a="' + "\\" * 14_000 + '"'}).status == 200
    alice.send("still here")
    assert str(alice.read()).endswith("still here")
    assert time.monotonic() - began < 5


def test_a_room_in_the_log_is_one_line_whatever_the_address_holds(server, raw):
    start = server.mark()
    ended = raw(server, "/ws/foo%0aCRITICAL%20forged%1b[31m").ending()
    assert ended.code == 4507
    assert "\\n" in server.logged("room='foo", start)
    assert "\nCRITICAL" not in server.log(start)
