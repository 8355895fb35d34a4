"""The vectors that Python and JavaScript both read: what a client may send, and what a server sends."""

from __future__ import annotations

import base64
import json as pyjson
from pathlib import Path
from typing import Any

import msgspec
import pytest

from chat.wire import json, names
from chat.wire.codes import WireError
from chat.wire.commands import Name
from chat.wire.events import Broadcast, Changed, Event, Message, Person, Place
from chat.wire.frames import Opcode
from tests.chaos.replica import Heard, Replica
from tests.fakes import MESSAGE_BYTES, json_codec, raw_codec

VECTORS = Path(__file__).parent / "vectors"


def read(name: str) -> list[Any]:
    return [pytest.param(v, id=v["name"]) for v in pyjson.loads((VECTORS / f"{name}.json").read_text("utf-8"))]


def with_events() -> list[Any]:
    return [found for found in read("server") if "events" in found.values[0]]


def event(fields: dict[str, Any]) -> Event:
    fields = dict(fields)
    kind = fields.pop("kind")
    if kind == "broadcast":
        return Broadcast(**fields)
    if kind == "changed":
        return Changed(**fields)
    fields["author"] = Person(**fields["author"])
    if "data" in fields:
        fields["data"] = base64.b64decode(fields["data"])
    return Message(**fields)


def hear(frame: str) -> tuple[Any, Any]:
    """Decode a frame as far as a volatile room's server judges it without knowing the room."""
    id, command = json.decode(frame, MESSAGE_BYTES)
    if isinstance(command, Name):
        names.clean(command.name)
    return id, command


@pytest.mark.parametrize("vector", read("client"))
def test_the_decoder_takes_what_it_should_and_says_what_is_wrong_with_the_rest(vector: dict[str, Any]) -> None:
    if "error" in vector:
        with pytest.raises(WireError) as caught:
            hear(vector["frame"])
        assert caught.value.code == vector["error"]["code"]
        if "key" in vector["error"]:
            assert caught.value.key == vector["error"]["key"]
        for part in vector["error"]["says"]:
            assert part in caught.value.message
        return
    expected = vector["accepted"]
    id, command = hear(vector["frame"])
    assert id == expected.get("id")
    assert type(id) is type(expected.get("id"))
    assert command.__struct_config__.tag == expected["type"]
    told = pyjson.loads(msgspec.json.encode(command))
    wanted = expected.get("payload") or {}
    assert covers(told, wanted)


def covers(told: Any, wanted: Any) -> bool:
    """Tell whether everything wanted was told; a default that was not wanted may be told too."""
    if isinstance(wanted, dict):
        return all(name in told and covers(told[name], value) for name, value in wanted.items())
    if isinstance(wanted, list):
        return len(told) == len(wanted) and all(map(covers, told, wanted))
    return bool(told == wanted)


@pytest.mark.parametrize("vector", with_events())
def test_the_json_encoder_says_events_byte_for_byte_as_the_vector_does(vector: dict[str, Any]) -> None:
    batch = json_codec().encode(
        "lobby", [event(fields) for fields in vector["events"]], Place(**vector.get("place", {}))
    )
    assert [frame.payload.decode() for frame in batch.frames] == [vector["frame"]]
    assert [pyjson.loads(line) for line in vector["frame"].split("\n")] == vector["envelopes"]


@pytest.mark.parametrize("vector", with_events())
def test_the_raw_encoder_says_the_same_events_in_their_own_kinds_of_frames(vector: dict[str, Any]) -> None:
    batch = raw_codec("address").encode(
        "lobby", [event(fields) for fields in vector["events"]], Place(**vector.get("place", {}))
    )
    told = [
        {"text": frame.payload.decode()}
        if frame.opcode == Opcode.TEXT
        else {"binary": base64.b64encode(frame.payload).decode()}
        for frame in batch.frames
    ]
    assert told == vector["raw"]


@pytest.mark.parametrize("vector", read("positions"))
def test_an_envelope_of_whatever_type_moves_a_clients_position_as_the_vector_says(vector: dict[str, Any]) -> None:
    replica = Replica("lobby")
    held = [{"message": number, "offset": number, "reactions": {}} for number in (1, 2, 3)]
    replica.answered({"epoch": "e1", "offset": 3, "recovered": False, "more": False, "messages": held})
    words = {Heard.APPLIED: "apply", Heard.DOUBLE: "drop", Heard.GAP: "gap"}
    heard = [words[replica.hear(it["payload"], it["type"])] for it in vector["envelopes"]]
    assert (heard, replica.position) == (vector["heard"], vector["offset"])
    assert replica.messages[1]["reactions"] == vector["reactions"]
