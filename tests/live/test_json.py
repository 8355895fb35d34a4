"""The json codec: typed envelopes, many rooms over one connection."""

from __future__ import annotations

import base64
import json
import re

import pytest

from . import frames
from .guests import JSON

RFC3339 = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z"


def test_the_first_envelope_is_a_whole_welcome(server, guest):
    welcome = guest(server).welcome
    assert {"connection", "user", "node", "server_time", "heartbeat_s", "limits", "features"} <= set(welcome)
    assert welcome["user"]["kind"] == "guest" and welcome["user"]["name"].startswith("guest-") and welcome["user"]["id"]
    assert re.fullmatch(RFC3339, welcome["server_time"])
    assert welcome["heartbeat_s"] == 25
    assert {"message_bytes": 65536, "message_rate": 10, "message_burst": 50, "rooms": 100}.items() <= welcome[
        "limits"
    ].items()
    assert isinstance(welcome["features"], list)


def test_two_connections_have_ids_of_their_own(server, guest):
    first, second = guest(server).welcome, guest(server).welcome
    assert first["connection"] != second["connection"]
    assert first["user"]["id"] != second["user"]["id"]
    assert first["node"] == second["node"]


def test_nothing_is_joined_until_one_joins(server, guest, raw, room):
    alice, member = guest(server, path=f"/ws/{room}"), raw(server, f"/ws/{room}")
    member.send("unheard")
    member.read()
    assert alice.settle() == []
    assert alice.ask("send", {"room": room, "text": "x"})["payload"]["code"] == "not_joined"


def test_the_ack_of_a_join_tells_the_room_and_oneself(server, guest, room):
    alice = guest(server)
    joined = alice.join(room)
    assert joined["room"] == room and joined["title"] == f"Room {room.removeprefix('room-')}"
    assert joined["you"] == alice.welcome["user"]
    fresh = {"offset": 0, "recovered": False, "messages": [], "more": False}
    assert fresh.items() <= joined.items()
    assert re.fullmatch("[0-9a-f]{16}", joined["epoch"])
    assert joined["count"] >= 1 and isinstance(joined["members"], list)


def test_a_room_that_is_joined_already_answers_again_and_messages_come_once(server, guest, room):
    alice = guest(server, room)
    assert alice.join(room)["room"] == room
    alice.send(room, "once")
    assert [it["payload"]["text"] for it in alice.settle() if it["type"] == "message"] == ["once"]


def test_several_rooms_join_in_one_envelope_each_with_its_answer(server, guest, room):
    alice = guest(server)
    answer = alice.ask("join", {"rooms": [{"room": room}, {"room": "no-such-room"}, {"room": "lobby"}]})
    assert answer["type"] == "ack"
    first, missing, lobby = answer["payload"]["rooms"]
    assert first["room"] == room and first["you"] == alice.welcome["user"]
    assert missing["room"] == "no-such-room" and missing["error"]["code"] == "not_found" and missing["error"]["message"]
    assert lobby["room"] == "lobby"
    alice.send(room, "a")
    alice.send("lobby", "b")
    assert {(it["room"], it["text"]) for it in (alice.message(), alice.message())} == {(room, "a"), ("lobby", "b")}


def test_joining_a_room_that_is_not_there_is_an_error_and_the_socket_stays(server, guest):
    alice = guest(server)
    for slug in ("no-such-room", "", "UPPER", "../etc", "a" * 65, "ro om"):
        answer = alice.ask("join", {"room": slug})
        assert answer["type"] == "error" and answer["payload"]["code"] in ("not_found", "bad_frame"), slug
    assert alice.ask("join", {"room": "no-such-room"})["payload"]["code"] == "not_found"
    assert alice.settle() == []


def test_a_message_comes_whole_to_every_member_the_sender_too(server, guest, room):
    alice, bob = guest(server, room), guest(server, room)
    ack = alice.ask("send", {"room": room, "text": "hello", "key": "0123456789abcdef"})["payload"]
    assert (ack["offset"], ack["message"]) == (1, 1) and re.fullmatch(RFC3339, ack["at"])
    for person in (alice, bob):
        heard = person.message()
        assert heard["room"] == room and heard["text"] == "hello" and heard["key"] == "0123456789abcdef"
        assert (heard["offset"], heard["prev"], heard["reactions"]) == (1, 0, {})
        assert heard["message"] == ack["message"] and heard["at"] == ack["at"]
        assert heard["author"] == alice.welcome["user"]


def test_data_travels_as_base64_and_comes_back_the_same(server, guest, room):
    alice, bob = guest(server, room), guest(server, room)
    data = base64.b64encode(bytes(range(256))).decode()
    assert alice.ask("send", {"room": room, "data": data})["type"] == "ack"
    heard = bob.message()
    assert heard["data"] == data and heard.get("text") is None


@pytest.mark.parametrize(
    "text", ["two\nlines", "<b>&amp;</b>", "👩‍👩‍👧‍👦", "a\u2028\u2029b", "a\u202eb", '"\\', "a\x01\x7fb"], ids=ascii
)
def test_a_text_arrives_as_it_was_written(server, guest, room, text):
    alice, bob = guest(server, room), guest(server, room)
    alice.send(room, text)
    assert bob.message()["text"] == text


def test_whoever_left_hears_nothing_more_and_may_not_send(server, guest, room):
    alice, bob = guest(server, room), guest(server, room)
    assert bob.ask("leave", {"room": room})["type"] == "ack"
    alice.send(room, "without bob")
    assert [it for it in bob.settle() if it["type"] == "message"] == []
    assert bob.ask("send", {"room": room, "text": "x"})["payload"]["code"] == "not_joined"
    assert bob.ask("leave", {"room": room})["type"] in ("ack", "error")
    bob.join(room)
    alice.send(room, "with bob")
    assert bob.message()["text"] == "with bob"


@pytest.mark.parametrize("id", ["", "a", "x" * 64, 0, 1, -5, 2**53, "ünï", "1"], ids=ascii)
def test_an_answer_carries_the_id_of_its_question(server, guest, room, id):
    alice = guest(server)
    alice.say("ping", id=id)
    assert alice.expect("pong")["id"] == id
    alice.say("join", {"room": room}, id=id)
    assert alice.expect("ack")["id"] == id
    alice.say("leave", {}, id=id)
    assert alice.expect("error")["id"] == id


def test_without_an_id_there_is_no_ack(server, guest, room):
    alice = guest(server)
    alice.say("join", {"room": room})
    alice.say("send", {"room": room, "text": "quiet"})
    assert alice.message()["text"] == "quiet"
    assert [it for it in alice.settle() if it["type"] == "ack"] == []


def test_a_new_name_is_told_in_the_ack_and_written_on_later_messages(server, guest, room):
    alice, bob = guest(server, room), guest(server, room)
    answer = alice.ask("name", {"name": "Alice"})
    assert answer["type"] == "ack"
    assert answer["payload"]["user"] == {**alice.welcome["user"], "name": "Alice"}
    alice.send(room, "hi")
    assert bob.message()["author"]["name"] == "Alice"


BAD_NAMES = [
    "",
    "   ",
    "Server ",
    "Server 1",
    "server broadcast",
    "SERVER x",
    "Sеrver x",
    "Ｓｅｒｖｅｒ x",
    " Server x",
    "a\nb",
    "a\x00b",
    "a\x1bb",
    "x" * 257,
]


@pytest.mark.parametrize("name", BAD_NAMES, ids=ascii)
def test_nobody_passes_for_the_server_or_for_nobody(server, guest, room, name):
    alice, bob = guest(server, room), guest(server, room)
    answer = alice.ask("name", {"name": name})
    alice.send(room, "who am I")
    spoken = bob.message()["author"]["name"]
    # Refused, or made harmless: either way nobody sees this name.
    assert spoken != name or answer["type"] == "error"
    assert spoken.strip() and spoken.isprintable()
    assert not spoken.casefold().startswith("server ")


@pytest.mark.parametrize("name", ["Алиса", "爱丽丝", "Serverina", "Ada O'Neil", "👩"], ids=ascii)
def test_names_in_any_script_are_taken(server, guest, name):
    answer = guest(server).ask("name", {"name": name})
    assert answer["type"] == "ack" and answer["payload"]["user"]["name"] == name


UNSUPPORTED = {
    "typing": {"room": "lobby"},
    "who": {"room": "lobby"},
}
IN_A_VOLATILE_ROOM = {
    "edit": {"room": "volatile", "message": 1, "text": "x"},
    "delete": {"room": "volatile", "message": 1},
    "react": {"room": "volatile", "message": 1, "emoji": "👍", "on": True},
    "history": {"room": "volatile"},
    "send": {"room": "volatile", "text": "x", "reply_to": 1},
}


def test_a_volatile_room_has_no_position_and_keeps_nothing(server, guest):
    alice, bob = guest(server), guest(server, "volatile")
    joined = alice.join("volatile")
    assert {"epoch": None, "offset": None, "recovered": False, "messages": [], "more": False}.items() <= joined.items()
    ack = alice.ask("send", {"room": "volatile", "text": "hello"})["payload"]
    assert ack["offset"] is None
    heard = bob.message()
    assert (heard["text"], heard["offset"], heard["prev"]) == ("hello", None, None)
    assert "reactions" not in heard


def test_what_is_not_there_yet_or_not_in_that_room_answers_unsupported_and_does_not_count_as_bad(server, guest):
    alice = guest(server, "lobby", "volatile")
    for _ in range(2):
        for kind, payload in [*UNSUPPORTED.items(), *IN_A_VOLATILE_ROOM.items()]:
            assert alice.ask(kind, payload)["payload"]["code"] == "unsupported", kind
    assert alice.settle() == []


DEEP = '{"type":"ping","payload":{"x":' + "[" * 100_000 + "]" * 100_000 + "}}"
# The frame, and what the error's message must name of what was expected and what came.
BAD_FRAMES: dict[str, tuple[str, tuple[str, ...]]] = {
    "nothing": ("", ()),
    "not json": ("hello", ()),
    "half": ('{"type":', ()),
    "two envelopes": ('{"type":"ping"}\n{"type":"ping"}', ()),
    "an array": ('[{"type":"ping"}]', ("object", "array")),
    "a string": ('"ping"', ("object", "str")),
    "null": ("null", ("object", "null")),
    "a number": ("1", ("object", "int")),
    "no type": ('{"payload":{}}', ("type",)),
    "type is a number": ('{"type":7}', ("type", "str", "int")),
    "unknown type": ('{"type":"shout"}', ("shout",)),
    "a method's name": ('{"type":"websocket.close"}', ("websocket.close",)),
    "type and event": ('{"type":"chat.message","payload":{}}', ("chat.message",)),
    "room missing": ('{"type":"leave","payload":{}}', ("room",)),
    "no payload": ('{"type":"leave"}', ("room",)),
    "room is a number": ('{"type":"leave","payload":{"room":5}}', ("room", "str", "int")),
    "room is null": ('{"type":"leave","payload":{"room":null}}', ("room", "str", "null")),
    "payload is a list": ('{"type":"leave","payload":[]}', ("payload", "object", "array")),
    "text is a number": ('{"type":"send","payload":{"room":"lobby","text":5}}', ("text", "str", "int")),
    "text and data": ('{"type":"send","payload":{"room":"lobby","text":"a","data":"AA=="}}', ("text", "data", "both")),
    "neither": ('{"type":"send","payload":{"room":"lobby"}}', ("text", "data", "neither")),
    "not base64": ('{"type":"send","payload":{"room":"lobby","data":"***"}}', ("data", "base64")),
    "short key": ('{"type":"send","payload":{"room":"lobby","text":"a","key":"1234567"}}', ("key", "8")),
    "long key": (
        json.dumps({"type": "send", "payload": {"room": "lobby", "text": "a", "key": "k" * 65}}),
        ("key", "64"),
    ),
    "room and rooms": (
        '{"type":"join","payload":{"room":"lobby","rooms":[{"room":"lobby"}]}}',
        ("room", "rooms", "both"),
    ),
    "51 rooms": (json.dumps({"type": "join", "payload": {"rooms": [{"room": "lobby"}] * 51}}), ("rooms", "50")),
    "id is a list": ('{"type":"ping","id":[]}', ("id",)),
    "id is true": ('{"type":"ping","id":true}', ("id",)),
    "id is a fraction": ('{"type":"ping","id":1.5}', ("id",)),
    "id too long": (json.dumps({"type": "ping", "id": "x" * 65}), ("id", "64")),
    "5,000 digits": ('{"type":"ping","id":' + "9" * 5000 + "}", ()),
    "NaN": ('{"type":"ping","id":NaN}', ()),
    "Infinity": ('{"type":"ping","payload":{"x":Infinity}}', ()),
    "lone surrogate": ('{"type":"send","payload":{"room":"lobby","text":"\\ud800"}}', ()),
    "NUL": ('{"type":"send","payload":{"room":"lobby","text":"a\\u0000b"}}', ("text",)),
    "NUL byte": ('{"type":"send","payload":{"room":"lobby","text":"a\x00b"}}', ()),
    "deep": ("[" * 33 + "]" * 33, ("32",)),
    "very deep": (DEEP, ("32",)),
    "deep and open": ("[" * 100_000, ()),
    "trailing comma": ('{"type":"ping",}', ()),
    "a comment": ('{"type":"ping"} // hi', ()),
    "single quotes": ("{'type':'ping'}", ()),
}


@pytest.mark.parametrize("case", BAD_FRAMES)
def test_a_bad_frame_is_an_error_that_names_what_was_expected_and_what_came(server, guest, case):
    frame, says = BAD_FRAMES[case]
    alice = guest(server, "lobby")
    alice.connection.send(frame)
    payload = alice.expect("error")["payload"]
    assert payload["code"] == "bad_frame"
    missing = [word for word in says if word not in payload["message"]]
    assert not missing, f"{payload['message']!r} does not name {missing}"
    assert len(payload["message"]) < 1000
    assert [it for it in alice.settle() if it["type"] == "message"] == []


def test_a_binary_frame_is_a_bad_frame(server, guest):
    alice = guest(server)
    alice.connection.send(b'{"type":"ping"}')
    payload = alice.expect("error")["payload"]
    assert payload["code"] == "bad_frame" and "binary" in payload["message"] and "text" in payload["message"]
    alice.settle()


def test_unknown_fields_are_ignored(server, guest, room):
    alice = guest(server, room)
    alice.connection.send(
        json.dumps({"type": "send", "id": "x", "later": [1], "payload": {"room": room, "text": "t", "mood": {}}})
    )
    assert alice.expect("ack")["id"] == "x"
    assert "mood" not in alice.message()


@pytest.mark.parametrize("value", [2**63, 2**70, -(2**70)])
def test_an_integer_that_only_some_layers_carry_harms_nobody(server, guest, room, value):
    alice, bob = guest(server, room), guest(server, room)
    alice.say("ping", id=value)
    answer = alice.pick(lambda it: it["type"] in ("pong", "error"), "an answer")
    assert answer["type"] == "error" and answer["payload"]["code"] == "bad_frame" or answer["id"] == value
    alice.send(room, "alive")
    assert bob.message()["text"] == "alive"


def test_envelopes_that_gathered_leave_in_one_frame_split_by_newlines(unlimited, guest, raw, room):
    alice, crowd = guest(unlimited, room), raw(unlimited, f"/ws/{room}")
    crowd.send_bytes(b"".join(frames.encode(frames.TEXT, b"line\n%d" % number) for number in range(2000)))
    assert alice.texts(2000, 60) == [f"line\n{number}" for number in range(2000)]
    assert any(frame.count("\n") >= 1 for frame in alice.frames), "2,000 messages at once, and never two in a frame"
    assert all(len(frame.encode()) <= 64 * 1024 for frame in alice.frames)


@pytest.mark.parametrize("name", ["client"])
def test_the_server_answers_every_vector_as_it_says(server, guest, vectors, name):
    try:
        cases = vectors(name)
    except FileNotFoundError:
        pytest.fail("tests/vectors/client.json is missing")
    refused = [case for case in cases if "error" in case]
    assert refused
    for case in refused:
        alice = guest(server)
        alice.connection.send(case["frame"])
        payload = alice.expect("error")["payload"]
        assert payload["code"] == case["error"]["code"], case["name"]
        assert all(word in payload["message"] for word in case["error"].get("says", [])), (case["name"], payload)
        alice.close()


def test_fuzzed_json_never_closes_anothers_socket(unlimited, guest, raw, room):
    bob, member = guest(unlimited, room), raw(unlimited, f"/ws/{room}")
    shapes = [None, True, -1, 1e308, "", "x", [], [[]], {}, {"type": "x"}, "\ud83d\ude00", "room." + room]
    for kind in (
        "join",
        "leave",
        "send",
        "name",
        "ping",
        "pong",
        "message",
        "broadcast",
        "group_send",
        "websocket.disconnect",
    ):
        fuzzer = raw(unlimited, protocols=[JSON])
        for shape in shapes:
            payload = {"room": shape, "text": shape, "name": shape, "type": shape, "rooms": shape}
            fuzzer.send(json.dumps({"type": kind, "id": shape, "payload": payload}))
            fuzzer.send(json.dumps({"type": kind, "payload": shape}))
            fuzzer.send('{"type":"ping"}')
        fuzzer.send_close(1000)
        assert fuzzer.ending().code == 1000, kind
    member.send("alive")
    assert bob.message()["text"] == "alive"
    assert str(member.read()).endswith("alive")
