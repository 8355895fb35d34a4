"""Durable rooms on real servers: what was acknowledged is there, for everybody, once."""

from __future__ import annotations

import contextlib
import json
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from .conftest import QUIET
from .farm import Farm
from .guests import Guest
from .postgres import PostgresServer, binaries
from .servers import KINDS, Server
from .services import require
from .waiting import until

SECRET = {"SECRET_KEY": "a key of the tests, the same on every node"}
# The goal is 2 s: the look, once a second, and a moment of patience.
LOOK_SECONDS = 10.0
BACK_SECONDS = 25.0
KEYS = 1000
TOO_LONG = 70_000  # bytes; CHAT_MAX_MESSAGE_BYTES is 65,536 by default


def since(answer: dict[str, Any]) -> dict[str, Any]:
    return {"epoch": answer["epoch"], "offset": answer["offset"]}


def texts(answer: dict[str, Any]) -> list[str | None]:
    return [message.get("text") for message in answer["messages"]]


def heard(one: Guest, seconds: float = 15) -> Callable[[str], dict[str, Any]]:
    """Return a reader of the message with a text."""

    def read(text: str) -> dict[str, Any]:
        wanted = one.pick(lambda it: it["type"] == "message" and it["payload"].get("text") == text, text, seconds)
        return wanted["payload"]

    return read


# Restarts


def test_history_survives_a_restart(fresh, guest, room):
    server = fresh()
    alice = guest(server, room)
    for number in range(5):
        alice.send(room, f"before {number}")
    assert server.terminate() in (0, -15)
    server.start()
    bob = guest(server)
    answer = bob.join(room)
    assert texts(answer) == [f"before {number}" for number in range(5)]
    assert (answer["offset"], answer["recovered"], answer["more"]) == (5, False, False)
    answer = bob.ask("history", {"room": room, "before": 4, "limit": 2})["payload"]
    assert texts(answer) == ["before 1", "before 2"] and answer["more"] is True


def test_who_joins_with_since_across_a_kill_gets_what_was_missed_and_no_more(fresh, guest, room):
    server = fresh()
    alice = guest(server, room)
    bob = guest(server)
    alice.send(room, "held")
    held = bob.join(room)
    bob.close()
    missed = alice.send(room, "missed")
    server.kill()
    server.start()
    carol = guest(server, room)
    carol.send(room, "after the kill")
    bob = guest(server)
    answer = bob.ask("join", {"room": room, "since": since(held)})["payload"]
    assert answer["recovered"] is True
    assert texts(answer) == ["missed", "after the kill"]
    assert [message["message"] for message in answer["messages"]] == [missed["message"], missed["message"] + 1]
    carol.send(room, "live")
    live = heard(bob)("live")
    assert live["prev"] <= answer["offset"] < live["offset"]


@pytest.mark.parametrize(
    "wrong", [{"epoch": "another", "offset": 1}, {"offset": 2**53 - 1}, {"epoch": None, "offset": None}]
)
def test_a_since_of_another_log_or_from_the_future_starts_over(server, guest, room, wrong):
    alice = guest(server, room)
    alice.send(room, "one")
    bob = guest(server)
    position = {**since(bob.join(room)), **wrong}
    answer = bob.ask("join", {"room": room, "since": position})["payload"]
    assert answer["recovered"] is False and texts(answer) == ["one"]


# People


def test_an_edit_a_deletion_and_a_reaction_are_seen_by_others_and_by_who_comes_later(server, guest, room):
    alice, bob = guest(server, room), guest(server, room)
    first, second = alice.send(room, "one"), alice.send(room, "two")
    assert bob.texts(2) == ["one", "two"]
    assert alice.ask("edit", {"room": room, "message": first["message"], "text": "ONE"})["type"] == "ack"
    assert heard(bob)("ONE")["edited_at"]
    bob.ask("react", {"room": room, "message": first["message"], "emoji": "👍", "on": True})
    reacted = bob.expect("changed")["payload"]
    assert reacted.keys() == {"room", "message", "offset", "prev", "reactions"}
    assert reacted["reactions"]["👍"]["count"] == 1
    assert alice.ask("delete", {"room": room, "message": second["message"]})["type"] == "ack"
    deleted = bob.message()
    assert deleted["deleted"] is True and "text" not in deleted and deleted["message"] == second["message"]
    later = guest(server).join(room)["messages"]
    assert later[0]["text"] == "ONE" and later[0]["reactions"] == reacted["reactions"]
    assert later[1]["deleted"] is True and "text" not in later[1]


def test_of_anothers_or_a_deleted_message_nothing_is_changed(server, guest, room):
    alice, bob = guest(server, room), guest(server, room)
    number = alice.send(room, "mine")["message"]
    wanted = {"room": room, "message": number}
    assert bob.ask("edit", {**wanted, "text": "yours"})["payload"]["code"] == "forbidden"
    assert bob.ask("delete", wanted)["payload"]["code"] == "forbidden"
    assert alice.ask("edit", {**wanted, "text": "x", "offset": 99})["payload"]["code"] == "conflict"
    alice.ask("delete", wanted)
    assert alice.ask("edit", {**wanted, "text": "again"})["payload"]["code"] == "conflict"
    assert bob.ask("react", {**wanted, "emoji": "👍", "on": True})["payload"]["code"] == "conflict"
    assert alice.ask("edit", {"room": room, "message": 99, "text": "x"})["payload"]["code"] == "not_found"


def test_raw_and_json_members_share_one_log(server, guest, raw, room):
    alice, member = guest(server, room), raw(server, f"/ws/{room}")
    member.send("from raw")
    assert heard(alice)("from raw")["author"]["kind"] == "guest"
    assert member.read() == f"{member.address} echo: from raw"
    member.send(b"\x00\xff")
    assert alice.message()["data"] == "AP8="
    assert bytes(member.read()).endswith(b"echo: \x00\xff")
    number = alice.send(room, "from json")["message"]
    assert str(member.read()).endswith(" echo: from json")
    # What changes later is not told to raw members: each message once.
    alice.ask("edit", {"room": room, "message": number, "text": "from JSON"})
    alice.ask("react", {"room": room, "message": number, "emoji": "👍", "on": True})
    alice.send(room, "after the edit")
    assert str(member.read()).endswith(" echo: after the edit")
    answer = guest(server).join(room)
    assert [(it.get("text"), it.get("data")) for it in answer["messages"]] == [
        ("from raw", None),
        (None, "AP8="),
        ("from JSON", None),
        ("after the edit", None),
    ]


def test_a_resent_key_gets_the_first_ones_ack_and_nobody_sees_a_second_message(server, guest, room):
    alice, bob = guest(server, room), guest(server, room)
    payload = {"room": room, "text": "once", "key": "key-of-the-first"}
    first = alice.ask("send", payload)["payload"]
    again = guest(server, room).ask("send", payload)["payload"]
    assert again == first
    alice.send(room, "end")
    assert bob.texts(2) == ["once", "end"]


# Two processes on one SQLite file


class Pair:
    """A daphne and a uvicorn on one SQLite file and one Redis."""

    def __init__(self, farm: Farm, redis: Any) -> None:
        self.redis = redis.start()
        var_dir = farm.var_dir()
        variables = {**QUIET, **SECRET, "REDIS_URL": redis.url, "CHAT_MESSAGE_RATE": "0"}
        self.servers = [farm.server(kind, var_dir=var_dir, **variables) for kind in KINDS]


@pytest.fixture
def pair(farm: Farm, redis_server: Any) -> Iterator[Pair]:
    made = Pair(farm, redis_server)
    yield made
    farm.end(list(made.servers))


def test_with_redis_dead_two_processes_hear_each_other_soon_and_lose_nothing(pair, guest, room):
    one, other = (guest(server, room) for server in pair.servers)
    near = guest(pair.servers[0], room)
    everybody = (one, other, near)
    said: list[str] = []

    def say(who: Guest, text: str) -> None:
        """Say something that everybody hears next, and soon."""
        began = time.monotonic()
        who.send(room, text)
        said.append(text)
        for it in everybody:
            assert it.message(LOOK_SECONDS)["text"] == text
        assert time.monotonic() - began < LOOK_SECONDS

    say(one, "through redis")
    pair.redis.kill()
    until(lambda: all(it.ready()["layer"] == "down" for it in pair.servers), "the layer is seen to be down", 30)
    for number in range(4):
        say((one, other)[number % 2], f"without {number}")
    pair.redis.start()
    until(lambda: all(it.ready()["layer"] == "up" for it in pair.servers), "the layer is up", BACK_SECONDS)
    say(other, "redis is back")
    for it in everybody:
        assert [message for message in it.settle() if message["type"] in ("message", "resync")] == []
    assert texts(guest(pair.servers[1]).join(room)) == said


def test_the_same_key_to_two_processes_at_once_is_one_message(pair, guest, room):
    pairs = [guest(server, room) for server in pair.servers]
    meet = threading.Barrier(2)
    acks: list[list[dict[str, Any]]] = [[], []]

    def say(who: int) -> None:
        for number in range(KEYS):
            meet.wait(60)
            payload = {"room": room, "text": f"text {number}", "key": f"key-{number:08}"}
            acks[who].append(pairs[who].ask("send", payload, 60)["payload"])

    threads = [threading.Thread(target=say, args=(who,)) for who in (0, 1)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert acks[0] == acks[1]
    assert [ack["message"] for ack in acks[0]] == list(range(1, KEYS + 1))
    for one in pairs:
        assert one.texts(KEYS, 30) == [f"text {number}" for number in range(KEYS)]
        assert [it for it in one.settle() if it["type"] == "message"] == []


# Storage down


def unavailable(one: Guest, room: str, text: str) -> dict[str, Any]:
    """Send a text and return the error that it gets."""
    answer = one.ask("send", {"room": room, "text": text, "key": f"key-of-{text}"}, 60)
    assert answer["type"] == "error", answer
    assert answer["payload"]["code"] == "unavailable" and answer["payload"]["retry_after_s"] > 0
    return answer["payload"]


def works_again(one: Guest, other: Guest, room: str, text: str) -> None:
    """Resend until it is acknowledged; the other hears it once."""
    payload = {"room": room, "text": text, "key": f"key-of-{text}"}
    until(lambda: one.ask("send", payload, 60)["type"] == "ack", "the storage takes it again", BACK_SECONDS)
    heard(other, LOOK_SECONDS)(text)
    other.settle()
    assert [it for it in other.inbox if it["payload"].get("text") == text] == []


def complaints(server: Server, mark: int) -> list[str]:
    return [line for line in server.log(mark).splitlines() if "took no messages" in line]


# The writer is the same under both servers, and waits for seconds until it gives up.
@pytest.mark.parametrize("kind", ["uvicorn"], indirect=True, scope="session")
def test_while_sqlite_is_locked_a_sender_is_told_so_and_keeps_the_socket(fresh, guest, room):
    server = fresh(CHAT_MESSAGE_RATE="0")
    alice, bob = guest(server, room), guest(server, room)
    alice.send(room, "before")
    mark = server.mark()
    path = server.var_dir / "chatsite.sqlite3"
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as locker:
        locker.execute("BEGIN EXCLUSIVE")
        unavailable(alice, room, "locked")
        alice.say("send", {"room": room, "text": "patient"}, id="patient")
        locker.execute("ROLLBACK")
    assert alice.answer("patient", 60)["type"] == "ack", "what waits is written when it can be"
    assert len(complaints(server, mark)) == 1
    works_again(alice, bob, room, "locked")
    assert texts(guest(server).join(room)) == ["before", "patient", "locked"]


@pytest.fixture
def postgres() -> Iterator[PostgresServer]:
    place = binaries()
    require(place, "PostgreSQL is neither on PATH nor in the pgserver wheel")
    made = PostgresServer(Path(str(place)))
    yield made.start()
    made.end()


@pytest.mark.parametrize("kind", ["daphne"], indirect=True, scope="session")
def test_while_postgresql_is_down_a_sender_is_told_so_and_keeps_the_socket(farm, kind, postgres, guest):
    room = "lobby"
    variables = {**QUIET, **SECRET, "DATABASE_URL": postgres.url, "CHAT_MESSAGE_RATE": "0"}
    var_dir = farm.var_dir()
    farm.manage(var_dir, "migrate", "-v0", **variables)
    server = farm.server(kind, var_dir=var_dir, **variables)
    try:
        alice, bob = guest(server, room), guest(server, room)
        alice.send(room, "before")
        mark = server.mark()
        postgres.stop()
        for number in range(3):
            unavailable(alice, room, f"down {number}")
        assert len(complaints(server, mark)) == 1
        assert alice.ask("history", {"room": room})["payload"]["code"] == "unavailable"
        postgres.start()
        for number in range(3):
            works_again(alice, bob, room, f"down {number}")
        assert alice.ask("history", {"room": room})["type"] == "ack"
        with postgres.connect() as connection:
            assert numbers(connection) == [1, 2, 3, 4]
    finally:
        farm.end([server])


def numbers(connection: psycopg.Connection[Any]) -> list[int]:
    return [row[0] for row in connection.execute("SELECT number FROM chat_message ORDER BY number")]


# What never gets there

NEVER = {
    "NUL": '{"type":"send","id":1,"payload":{"room":"ROOM","text":"a\\u0000b"}}',
    "NUL in an edit": '{"type":"edit","id":1,"payload":{"room":"ROOM","message":1,"text":"a\\u0000b"}}',
    "a NUL byte": '{"type":"send","id":1,"payload":{"room":"ROOM","text":"a\x00b"}}',
    "half an emoji": '{"type":"send","id":1,"payload":{"room":"ROOM","text":"\\ud83e"}}',
    "half an emoji in an edit": '{"type":"edit","id":1,"payload":{"room":"ROOM","message":1,"text":"\\udd8a"}}',
    "half an emoji as a reaction": '{"type":"react","id":1,"payload":{"room":"ROOM","message":1,"emoji":"\\ud83e"}}',
    "NUL as a reaction": '{"type":"react","id":1,"payload":{"room":"ROOM","message":1,"emoji":"\\u0000"}}',
    "NUL in a key": '{"type":"send","id":1,"payload":{"room":"ROOM","text":"a","key":"12345678\\u0000"}}',
    "half an emoji in a key": '{"type":"send","id":1,"payload":{"room":"ROOM","text":"a","key":"12345678\\ud83e"}}',
    "NUL in an epoch": '{"type":"join","id":1,"payload":{"room":"ROOM","since":{"epoch":"\\u0000","offset":1}}}',
    "NUL in a room": '{"type":"join","id":1,"payload":{"room":"a\\u0000b"}}',
    "too long": json.dumps({"type": "send", "id": 1, "payload": {"room": "ROOM", "text": "x" * TOO_LONG}}),
    "too long in bytes": json.dumps(
        {"type": "send", "id": 1, "payload": {"room": "ROOM", "text": "ä" * (TOO_LONG // 2)}}
    ),
    "an edit too long": json.dumps(
        {"type": "edit", "id": 1, "payload": {"room": "ROOM", "message": 1, "text": "x" * TOO_LONG}}
    ),
    "a long emoji": json.dumps(
        {"type": "react", "id": 1, "payload": {"room": "ROOM", "message": 1, "emoji": "👍" * 17}}
    ),
}
# What is no error, but a name that nothing has.
HARMLESS = {"NUL in an epoch": "ack", "NUL in a room": "not_found"}


@pytest.mark.parametrize("case", NEVER)
def test_what_no_database_takes_never_gets_there(server, guest, room, case):
    alice = guest(server, room)
    alice.send(room, "first")
    alice.settle()
    alice.connection.send(NEVER[case].replace("ROOM", room))
    answer = alice.pick(lambda it: it["type"] in ("ack", "error"), "an answer")
    code = answer["payload"].get("code", answer["type"])
    assert code == HARMLESS.get(case, "too_large" if "too long" in case else "bad_frame")
    after = guest(server).join(room)
    assert [(it["message"], it["text"], it["offset"], it["reactions"]) for it in after["messages"]] == [
        (1, "first", 1, {})
    ]


def test_a_raw_frame_with_nul_is_refused_and_one_of_bytes_is_taken(server, guest, raw, room):
    member = raw(server, f"/ws/{room}")
    member.send("a\0b")
    assert str(member.read()).startswith("Server error: ")
    member.send(b"a\0b")
    assert bytes(member.read()).endswith(b"a\0b")
    assert [it["data"] for it in guest(server).join(room)["messages"]] == ["YQBi"]


NUMBERS = {
    "since.offset": {"type": "join", "payload": {"room": "ROOM", "since": {"epoch": "e", "offset": "N"}}},
    "rooms.since.offset": {
        "type": "join",
        "payload": {"rooms": [{"room": "ROOM", "since": {"epoch": "e", "offset": "N"}}]},
    },
    "send.reply_to": {"type": "send", "payload": {"room": "ROOM", "text": "a", "reply_to": "N"}},
    "edit.message": {"type": "edit", "payload": {"room": "ROOM", "message": "N", "text": "a"}},
    "edit.offset": {"type": "edit", "payload": {"room": "ROOM", "message": 1, "text": "a", "offset": "N"}},
    "delete.message": {"type": "delete", "payload": {"room": "ROOM", "message": "N"}},
    "delete.offset": {"type": "delete", "payload": {"room": "ROOM", "message": 1, "offset": "N"}},
    "react.message": {"type": "react", "payload": {"room": "ROOM", "message": "N", "emoji": "👍", "on": True}},
    "history.before": {"type": "history", "payload": {"room": "ROOM", "before": "N"}},
    "history.after": {"type": "history", "payload": {"room": "ROOM", "after": "N"}},
    "history.limit": {"type": "history", "payload": {"room": "ROOM", "limit": "N"}},
}


@pytest.mark.parametrize("number", [2**53, 2**63, 2**70, -1, -(2**70), 1.5, "1"], ids=str)
def test_a_number_that_is_none_of_ours_is_a_bad_frame_in_every_field(server, guest, room, number):
    for field, envelope in NUMBERS.items():
        alice = guest(server, room)
        written = json.dumps({**envelope, "id": 7}).replace("ROOM", room).replace('"N"', json.dumps(number))
        alice.connection.send(written)
        answer = alice.answer(7)
        assert answer["type"] == "error" and answer["payload"]["code"] == "bad_frame", (field, answer)
        assert field.rpartition(".")[2] in answer["payload"]["message"], (field, answer)
        alice.close()
