"""`manage.py export_room` and `import_room`: a room leaves whole, and comes back whole or not at all."""

from __future__ import annotations

import dataclasses
import hashlib
import io
import json
import re
import sqlite3
import stat
from collections.abc import Iterable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from chat.models import Message, Room
from chat.rooms import exports, imports, staging
from chat.rooms.archive import BadArchive, Reading
from chat.rooms.changes import React, Write
from chat.rooms.erasing import Erasure, erase
from chat.rooms.rows import COLUMNS
from chat.wire.events import Person
from tests.saying import NOON, Turns, delete, edit, make, react, reply, say, send

pytestmark = pytest.mark.django_db(transaction=True)

MOST = 65536
AT = "2026-05-28T20:26:40Z"
AUTHOR = {"id": "guest:1", "name": "Ann", "kind": "guest"}


@pytest.fixture(autouse=True)
def turns(settings: Any) -> Turns:
    settings.TURN = Turns()
    return settings.TURN


@pytest.fixture
def tea() -> Room:
    """A room with a message of each kind."""
    room = Room.objects.create(slug="tea", title="Tee ☕", topic="Heißes")
    say("tea", "one", 'two\n"lines"\u2028', "", "gone")
    send("tea", bytes(range(256)), at=NOON + 1)
    reply("tea", 1, "an answer")
    react("tea", 1, "👍")
    edit("tea", 2, "zwei", at=NOON + 123)
    delete("tea", 4, at=NOON + 456)
    room.refresh_from_db()
    return room


def states(slug: str) -> list[dict[str, Any]]:
    fields = [field.attname for field in Message._meta.concrete_fields if field.name not in ("id", "room")]
    return list(Message.objects.filter(room__slug=slug).order_by("number").values(*fields))


def export(slug: str, path: Path) -> list[dict[str, Any]]:
    call_command("export_room", slug, output=str(path), stderr=io.StringIO())
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


def bring(path: Path, *arguments: str) -> str:
    out = io.StringIO()
    call_command("import_room", str(path), *arguments, stdout=out, stderr=io.StringIO())
    return out.getvalue()


# Out


def test_an_archive_is_a_header_the_messages_and_an_end_with_the_sum_of_the_lines(tea: Room, tmp_path: Path) -> None:
    header, *messages, end = export("tea", tmp_path / "tea.jsonl")
    assert header.pop("exported_at")
    assert header == {
        "format": "chatsite-room",
        "version": 1,
        "room": {"slug": "tea", "title": "Tee ☕", "topic": "Heißes"},
        "epoch": tea.epoch,
        "head": 9,
        "last": 6,
    }
    assert [message["number"] for message in messages] == [1, 2, 3, 4, 5, 6]
    assert messages[1] == {
        "number": 2,
        "offset": 8,
        "key": messages[1]["key"],
        "change": messages[1]["change"],
        "author": AUTHOR,
        "at": AT,
        "text": "zwei",
        "edited_at": "2026-05-28T20:26:40.123000Z",
    }
    assert messages[0]["reactions"] == {"👍": ["guest:1"]}
    assert messages[3]["deleted"] and "text" not in messages[3]
    assert messages[4]["data"].startswith("AAECAwQF") and messages[4]["address"] == "[::1]:1"
    lines = (tmp_path / "tea.jsonl").read_bytes().splitlines(keepends=True)
    assert end == {"end": 6, "sha256": hashlib.sha256(b"".join(lines[:-1])).hexdigest()}


def test_without_a_file_it_goes_to_the_standard_output_and_what_it_says_does_not(
    tea: Room, tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    written = export("tea", tmp_path / "tea.jsonl")
    capfdbinary.readouterr()
    call_command("export_room", "tea")
    out, err = capfdbinary.readouterr()
    assert [json.loads(line) for line in out.splitlines()][1:-1] == written[1:-1]
    assert err.strip() == b"tea: 6 messages"


def test_messages_are_counted_as_they_are_there_also_where_some_were_pruned(tea: Room, tmp_path: Path) -> None:
    Message.objects.filter(room=tea, number__in=[1, 2, 5]).delete()
    err = io.StringIO()
    call_command("export_room", "tea", output=str(tmp_path / "tea.jsonl"), stderr=err)
    assert err.getvalue() == "tea: 3 messages\n"


def test_a_room_without_messages_has_an_archive_too(tmp_path: Path) -> None:
    assert [sorted(line)[0] for line in export("lobby", tmp_path / "lobby.jsonl")] == ["epoch", "end"]
    assert bring(tmp_path / "lobby.jsonl", "--slug", "copy") == "copy: 0 messages\n"


def test_an_unknown_room_is_refused_and_no_file_is_left(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="There is no room 'nowhere'"):
        export("nowhere", tmp_path / "it.jsonl")
    assert list(tmp_path.iterdir()) == []


def test_a_file_takes_its_place_when_it_is_whole_and_only_its_owner_may_read_it(
    tea: Room, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "tea.jsonl"
    export("tea", path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    before = path.read_bytes()

    def fail(room: Room) -> Any:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(exports, "rows_of", fail)
    with pytest.raises(CommandError, match="tea.jsonl cannot be written: No space left on device"):
        export("tea", path)
    assert [(it, it.read_bytes()) for it in tmp_path.iterdir()] == [(path, before)]
    with pytest.raises(CommandError, match="No such file or directory"):
        export("tea", tmp_path / "missing" / "tea.jsonl")


def test_it_reads_a_page_at_a_time_and_holds_no_place_of_a_writer(tea: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exports, "PAGE", 2)
    said: list[str] = []

    def note(execute: Any, sql: str, *rest: Any) -> Any:
        said.append(sql.split(" FROM")[0][:14])
        return execute(sql, *rest)

    with connection.execute_wrapper(note):
        lines = list(exports.export("tea", exports.datetime.now(exports.UTC)))
    assert len(lines) == 8
    assert said[0] == "BEGIN DEFERRED" and said[-1] == "ROLLBACK"
    assert len(said) == 2 + 1 + 4
    assert not connection.in_atomic_block


# There and back


def test_what_was_exported_comes_back_the_same_under_a_new_epoch(tea: Room, tmp_path: Path, turns: Turns) -> None:
    path = tmp_path / "tea.jsonl"
    export("tea", path)
    assert bring(path, "--slug", "copy") == "copy: 6 messages\n"
    assert states("copy") == states("tea")
    copy = Room.objects.get(slug="copy")
    assert (copy.title, copy.topic, copy.head, copy.last) == (tea.title, tea.topic, tea.head, tea.last)
    assert copy.epoch != tea.epoch
    assert turns.count == 1
    assert say("copy", "and on") == say("tea", "and on") == [7]


PEOPLE = [
    Person("user:1", "Äda 🚀", "user"),
    Person("user:9007199254740993", "x" * 40, "user"),
    Person("guest:0a1b", "guest-0a1b", "guest"),
    Person("guest:2c", "משה", "guest"),
    Person("ext:" + "s p a c e ☕".ljust(60, "x"), "user", "user"),
    Person("ext:1", "user-0a1b2c3d", "user"),
    Person("user:7", "user-7", "user"),
    Person("user:8", "user-8 2", "user"),
]


def wrote(author: Person, text: str) -> None:
    make(Write(room="tea", author=author, key=f"by-{author.id}"[:64], done=print, text=text))


def test_whoever_may_be_in_a_log_comes_back_the_same(tea: Room, tmp_path: Path) -> None:
    for person in PEOPLE:
        wrote(person, "here")
        make(
            React(room="tea", author=person, key="react-" + person.id[:50], done=print, message=1, emoji="👍", on=True)
        )
    for keep in (True, False):
        gone = Erasure("user:1" if keep else "ext:1", "gone:00ff00ff00ff00ff", "erase:00ff00ff00ff00ff", keep, NOON)
        assert sum(erase(gone, Turns()))
    export("tea", tmp_path / "tea.jsonl")
    bring(tmp_path / "tea.jsonl", "--slug", "copy")
    assert states("copy") == states("tea")
    assert {"deleted user", "guest-0a1b", "משה", "Ann"} <= {state["name"] for state in states("copy")}


def test_what_was_written_past_the_rules_is_archived_by_the_rules_and_comes_back(tea: Room, tmp_path: Path) -> None:
    """An older import let it in, or the database was written to."""
    NUL = "\0" if connection.vendor == "sqlite" else "\x01"
    Room.objects.filter(pk=tea.pk).update(title=f"a{NUL}b\n", topic="c\u2028d")
    rows = Message.objects.filter(room=tea)
    rows.filter(number=1).update(name="Server broadcast\n\u202e", author="user:1", kind="guest", address="a\nb")
    rows.filter(number=2).update(
        name="", author=f"An{NUL}n", kind="server", reactions='{"👍":["Ann","guest:1"],"\u202e":["guest:1"]}'
    )
    rows.filter(number=3).update(key="one\ntwo", change=NUL)
    header, *messages, _ = export("tea", tmp_path / "tea.jsonl")
    assert (header["room"]["title"], header["room"]["topic"]) == ("a b ", "c d")
    bring(tmp_path / "tea.jsonl", "--slug", "copy")
    one, two, three, *_ = states("copy")
    assert (one["author"], one["kind"], one["address"]) == ("user:1", "user", "a b")
    assert re.fullmatch("user-[0-9a-f]{8}", one["name"]) and re.fullmatch("user-[0-9a-f]{8}", two["name"])
    assert re.fullmatch("gone:[0-9a-f]{16}", two["author"]) and two["kind"] == "user"
    assert re.fullmatch('{"👍":\\["gone:[0-9a-f]{16}","guest:1"\\]}', two["reactions"])
    assert len({three["key"], three["change"], "one\ntwo", NUL}) == 4
    assert [state["text"] for state in states("copy")] == [state["text"] for state in states("tea")]
    again = export("copy", tmp_path / "copy.jsonl")
    assert again[1:-1] == messages, "what is by the rules stays as it is"


def test_a_room_that_is_gone_comes_back_under_its_own_name(tea: Room, tmp_path: Path) -> None:
    path = tmp_path / "tea.jsonl"
    export("tea", path)
    before = states("tea")
    tea.delete()
    bring(path)
    assert states("tea") == before


def test_a_pruned_log_comes_back_as_it_was(tea: Room, tmp_path: Path) -> None:
    Message.objects.filter(room=tea, number__in=[1, 2, 5]).delete()
    export("tea", tmp_path / "tea.jsonl")
    bring(tmp_path / "tea.jsonl", "--slug", "copy")
    assert [state["number"] for state in states("copy")] == [3, 4, 6]
    assert states("copy") == states("tea")


def test_a_room_with_messages_is_left_alone_unless_they_are_to_be_replaced(tea: Room, tmp_path: Path) -> None:
    path = tmp_path / "tea.jsonl"
    export("tea", path)
    before = states("tea")
    say("tea", "later")
    with pytest.raises(CommandError, match="'tea' has messages: --replace deletes them, --slug makes another room"):
        bring(path)
    assert len(states("tea")) == 7
    Room.objects.filter(pk=tea.pk).update(title="Own title", pruned=5)
    bring(path, "--replace")
    assert states("tea") == before
    room = Room.objects.get(pk=tea.pk)
    assert (room.title, room.pruned, room.head) == ("Own title", 0, 9)
    assert room.epoch != tea.epoch


def test_an_empty_room_is_written_to_and_a_volatile_one_is_not(tea: Room, tmp_path: Path) -> None:
    path = tmp_path / "tea.jsonl"
    export("tea", path)
    bring(path, "--slug", "lobby")
    assert states("lobby") == states("tea")
    Room.objects.create(slug="now", title="Now", durable=False)
    with pytest.raises(CommandError, match="'now' is volatile and keeps no messages"):
        bring(path, "--slug", "now", "--replace")


def test_a_file_is_read_in_batches_while_others_write_and_written_by_one_statement(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, turns: Turns
) -> None:
    monkeypatch.setattr(imports, "BATCH", 3)
    say("lobby", *"abcdefg")
    export("lobby", tmp_path / "it.jsonl")
    heard: list[tuple[Any, ...]] = []
    said: list[str] = []

    def note(execute: Any, sql: str, *rest: Any) -> Any:
        if turns.held and "chat_message" in sql:
            said.append(sql.split(" (")[0])
        return execute(sql, *rest)

    def progress(*told: Any) -> None:
        heard.append((*told, turns.held or connection.in_atomic_block))

    with open(tmp_path / "it.jsonl", "rb") as file, connection.execute_wrapper(note):
        imports.import_room(file, MOST, turns, progress, slug="copy")
    assert [state["text"] for state in states("copy")] == list("abcdefg")
    assert heard == [("read", count, 7, False) for count in range(1, 8)]
    assert said == ["INSERT INTO chat_message"]


@pytest.mark.skipif(connection.vendor != "sqlite", reason="other databases have many writers")
def test_staging_takes_no_writers_place_and_is_gone_with_its_connection(tmp_path: Path) -> None:
    """By files of its own: Django's tests have theirs in memory, where there are no such places."""
    columns = ", ".join(COLUMNS)
    with closing(sqlite3.connect(tmp_path / "it.sqlite3", isolation_level=None)) as writer:
        writer.execute(f"CREATE TABLE chat_message ({columns})")
        with closing(sqlite3.connect(tmp_path / "it.sqlite3", isolation_level=None, timeout=0)) as one:
            writer.execute("BEGIN IMMEDIATE")
            for statement in staging.CREATE["sqlite"]:
                one.execute(statement)
            one.execute("BEGIN")
            one.execute(staging.STAGE.replace("%s", "?"), [None] * len(COLUMNS))
            one.execute("COMMIT")
            writer.execute("COMMIT")
            one.execute(staging.TAKE_OVER.replace("%s", "?"), [1])
        assert [row[0] for row in writer.execute("SELECT name FROM sqlite_schema")] == ["chat_message"]


def test_progress_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("chat.management.progress.SECONDS", 0)
    say("lobby", *"ab")
    export("lobby", tmp_path / "it.jsonl")
    err = io.StringIO()
    call_command("import_room", str(tmp_path / "it.jsonl"), slug="copy", stdout=io.StringIO(), stderr=err)
    assert err.getvalue().splitlines() == ["read: 1 of at most 2", "read: 2 of at most 2"]


# Broken files


def message(number: int, **fields: Any) -> dict[str, Any]:
    made = {"number": number, "offset": number, "key": f"key-{number:04}", "change": "c", "author": AUTHOR, "at": AT}
    return {**made, **({} if "data" in fields or "deleted" in fields else {"text": "t"}), **fields}


def archive(*messages: dict[str, Any], **header: Any) -> bytes:
    """Return an archive's bytes; its end has the right count and sum."""
    first = {
        "format": "chatsite-room",
        "version": 1,
        "room": {"slug": "tea", "title": "Tea", "topic": ""},
        "epoch": "e",
        "head": 100,
        "last": 50,
        "exported_at": AT,
        **header,
    }
    body = b"".join(json.dumps(line).encode() + b"\n" for line in (first, *messages))
    end = {"end": len(messages), "sha256": hashlib.sha256(body).hexdigest()}
    return body + json.dumps(end, separators=(",", ":")).encode() + b"\n"


def read(data: bytes, most: int = MOST) -> list[int]:
    return [line.number for line in Reading(io.BytesIO(data), most).messages()]


WHOLE = archive(message(1), message(2), message(7, data="AA==", reply_to=2))


def test_a_file_by_another_program_is_read() -> None:
    assert read(WHOLE) == [1, 2, 7]


BROKEN: dict[str, tuple[bytes, int, str]] = {
    "empty": (b"", 1, "got the end of the file"),
    "no json": (b"hello\n", 1, "JSON is malformed"),
    "another format": (archive(format="zip"), 1, "expected \"format\":\"chatsite-room\""),
    "another version": (archive(version=2), 1, "got 'chatsite-room' and 2"),
    "a slug that is none": (archive(room={"slug": "T", "title": "T", "topic": ""}), 1, "slug"),
    "a title too long": (archive(room={"slug": "t", "title": "T" * 101, "topic": ""}), 1, "title"),
    "head below last": (archive(head=49), 1, "expected a head of at least last, 50, got 49"),
    "a time without a zone": (archive(exported_at="2026-05-28T20:26:40"), 1, "exported_at"),
    "a head beyond any": (archive(head=2**63), 1, "head"),
    "cut after a line": (WHOLE[: WHOLE.index(b'{"end"')], 5, "the file was cut off|it was cut off"),
    "cut within a line": (WHOLE[: WHOLE.index(b'"key-0002')], 3, "one without its end: the file was cut off"),
    "cut within the end": (WHOLE[:-5], 5, "without its end"),
    "more after the end": (WHOLE + b"\n", 6, "expected nothing after the end"),
    "twice": (WHOLE + WHOLE, 6, "expected nothing after the end"),
    "a line taken out": (b"".join(WHOLE.splitlines(keepends=True)[i] for i in (0, 1, 3, 4)), 4, "of 2 messages"),
    "a letter changed": (WHOLE.replace(b'"t"', b'"u"', 1), 5, "lines are missing, or were changed"),
    "a blank line": (WHOLE.replace(b"\n", b"\n\n", 1), 2, "truncated"),
    "a field missing": (archive(message(1), {"number": 2}), 3, "missing required field `offset`"),
    "a field too many": (archive(message(1, colour="red")), 2, "colour"),
    "another type": (archive(message(1, key=5)), 2, r"Expected `str`, got `int` - at `\$.key`"),
    "a number again": (archive(message(1), message(1)), 3, "expected a number from 2 to 50, got 1"),
    "a number back": (archive(message(4), message(3)), 3, "expected a number from 5 to 50, got 3"),
    "a number beyond last": (archive(message(51)), 2, "expected a number from 1 to 50, got 51"),
    "number zero": (archive(message(0)), 2, "number"),
    "an offset beyond head": (archive(message(1, offset=101)), 2, "at most head, 100, got 101"),
    "an answer to itself": (archive(message(3, reply_to=3)), 2, "reply_to"),
    "text and data": (archive(message(1, text="t", data="")), 2, "expected text or data"),
    "neither": (archive(message(1, text=None)), 2, "expected text or data"),
    "deleted with its text": (archive(message(1, text="t", deleted=True)), 2, "neither where the message is deleted"),
    "NUL in a text": (archive(message(1, text="a\0")), 2, "U\\+0000"),
    "NUL in a name": (archive(message(1, author={**AUTHOR, "name": "A\0"})), 2, "U\\+0000"),
    "NUL in an id of a reaction": (archive(message(1, reactions={"👍": ["user:1\0"]})), 2, r"expected an id like user:1.*, got 'user:1\\x00'"),
    "NUL in a title": (archive(room={"slug": "t", "title": "a\0b", "topic": ""}), 1, "title: expected a line .*U\\+0000"),
    "two lines of title": (archive(room={"slug": "t", "title": "a\n", "topic": ""}), 1, "title: expected a line .*U\\+000A"),
    "two lines of topic": (archive(room={"slug": "t", "title": "a", "topic": "a\u2028b"}), 1, "topic: expected a line .*U\\+2028"),
    "half a character in a title": (archive(room={"slug": "t", "title": "\udc00", "topic": ""}), 1, "surrogate"),
    "a control in a key": (archive(message(1, key="key\x1b0001")), 2, "key: expected a line .*U\\+001B"),
    "a control in the key of the change": (archive(message(1, change="\x7f")), 2, "change: expected a line .*U\\+007F"),
    "a control in an address": (archive(message(1, address="a\r")), 2, "address: expected a line .*U\\+000D"),
    "two lines of name": (archive(message(1, author={**AUTHOR, "name": "Ann\nBob"})), 2, "author.name: expected visible .*U\\+000A"),
    "a name from right to left": (archive(message(1, author={**AUTHOR, "name": "\u202eAnn"})), 2, "author.name: .*U\\+202E"),
    "half a character in a name": (archive(message(1, author={**AUTHOR, "name": "\ud800"})), 2, "truncated|surrogate"),
    "a name that passes for the server": (archive(message(1, author={**AUTHOR, "name": "Server broadcast"})), 2, "author.name: a name may not begin with “Server”"),
    "a name that looks like the server's": (archive(message(1, author={**AUTHOR, "name": "[ЅЕRVЕR] news"})), 2, "“Server”"),
    "no name": (archive(message(1, author={**AUTHOR, "name": " "})), 2, "author.name: expected 1 to 40 characters, got 0"),
    "nobody's id": (archive(message(1, author={**AUTHOR, "id": "Ann"})), 2, "expected an id like user:1.*, got 'Ann'"),
    "an account without a number": (archive(message(1, author={**AUTHOR, "id": "user:1x", "kind": "user"})), 2, "got 'user:1x'"),
    "an account in other digits": (archive(message(1, author={**AUTHOR, "id": "user:١", "kind": "user"})), 2, "expected an id"),
    "a guest with an account": (archive(message(1, author={**AUTHOR, "id": "user:1"})), 2, "expected 'user' as the kind of 'user:1', got 'guest'"),
    "a user who is a guest": (archive(message(1, author={**AUTHOR, "kind": "user"})), 2, "expected 'guest' as the kind of 'guest:1', got 'user'"),
    "another kind": (archive(message(1, author={"id": "ext:1", "name": "A", "kind": "server"})), 2, "expected 'user' as the kind"),
    "half a character": (archive(message(1, text="\ud800")), 2, "truncated|surrogate"),
    "no utf-8": (WHOLE.replace(b'"t"', b'"\xff"', 1), 2, "(?i)utf-8"),
    "a key too long": (archive(message(1, key="k" * 65)), 2, "key"),
    "a name too long": (archive(message(1, author={**AUTHOR, "name": "n" * 65})), 2, "name"),
    "data that is no base64": (archive(message(1, data="!")), 2, "base64"),
    "a time that is none": (archive(message(1, at="yesterday")), 2, "Invalid RFC3339"),
    "a word for an emoji": (archive(message(1, reactions={"yes": ["a"]})), 2, "expected one emoji"),
    "too many emoji": (archive(message(1, reactions={chr(0x1F600 + n): ["user:1"] for n in range(21)})), 2, "up to 20 emoji"),
    "too many reactions": (archive(message(1, reactions={"👍": ["user:1"] * 1001})), 2, "1000 reactions"),
    "nested without end": (archive(message(1, reactions=0)).replace(b'"reactions": 0', b'"reactions": ' + b"[" * 5000), 2, "Expected|recursion"),
    "a list": (b"[]\n", 1, "Expected `object`, got `array`"),
}  # fmt: skip


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_file_is_refused_at_its_line(name: str) -> None:
    data, line, says = BROKEN[name]
    with pytest.raises(BadArchive, match=says) as refused:
        read(data)
    assert str(refused.value).startswith(f"line {line}: ")


def test_a_message_over_this_sites_limit_is_refused_and_a_line_without_end_is_not_read_whole() -> None:
    assert read(archive(message(1, text="é" * 5)), 10) == [1]
    with pytest.raises(BadArchive, match="line 2: A message may have 10 bytes, got 11"):
        read(archive(message(1, text="é" * 5 + "x")), 10)
    with pytest.raises(BadArchive, match="line 2: A message may have 1 bytes, got 2"):
        read(archive(message(1, data="AAA=")), 1)

    class Endless(io.BytesIO):
        longest = 0

        def readline(self, size: int | None = -1, /) -> bytes:
            assert size is not None and 0 < size < 2 << 20
            return b"[" * size

    with pytest.raises(BadArchive, match="line 1: expected at most 1048636 bytes"):
        Reading(Endless(), 10)


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_file_leaves_the_database_as_it_was(name: str, tmp_path: Path, turns: Turns) -> None:
    say("lobby", "here")
    before = list(Room.objects.values()), states("lobby")
    (tmp_path / "it.jsonl").write_bytes(BROKEN[name][0])
    with pytest.raises(CommandError, match=r"it.jsonl, line \d+: .*\. Nothing was written\.$"):
        bring(tmp_path / "it.jsonl", "--slug", "lobby", "--replace")
    assert (list(Room.objects.values()), states("lobby")) == before
    assert turns.count == 0


TWICE = {"offset": message(9, offset=2), "key": message(9, key="key-0002")}


@pytest.mark.parametrize("what", TWICE)
@pytest.mark.parametrize("batch", [2, 500])
def test_an_offset_or_a_key_of_two_messages_is_refused_at_the_second_one_and_nothing_written(
    what: str, batch: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(imports, "BATCH", batch)
    say("lobby", "here")
    before = list(Room.objects.values()), states("lobby")
    (tmp_path / "it.jsonl").write_bytes(archive(*map(message, range(1, 6)), TWICE[what], message(10)))
    with pytest.raises(CommandError, match="line 7: expected an offset and a key that no line before has, got"):
        bring(tmp_path / "it.jsonl", "--slug", "lobby", "--replace")
    assert (list(Room.objects.values()), states("lobby")) == before


def test_a_file_that_is_not_there_and_a_slug_that_is_none_are_refused(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="it.jsonl cannot be read: No such file or directory"):
        bring(tmp_path / "it.jsonl")
    with pytest.raises(CommandError, match="expected up to 64 lower-case letters, digits and hyphens, but 'Tea' came"):
        bring(tmp_path / "it.jsonl", "--slug", "Tea")


def test_a_larger_limit_lets_larger_messages_in(tmp_path: Path, settings: Any) -> None:
    (tmp_path / "it.jsonl").write_bytes(archive(message(1, text="x" * (MOST + 1))))
    with pytest.raises(CommandError, match="A message may have 65536 bytes, got 65537"):
        bring(tmp_path / "it.jsonl")
    settings.CHAT = dataclasses.replace(settings.CHAT, max_message_bytes=MOST + 1)
    assert bring(tmp_path / "it.jsonl") == "tea: 1 message\n"


def test_memory_does_not_grow_with_the_file(monkeypatch: pytest.MonkeyPatch) -> None:
    """No more than a batch of lines is kept."""
    alive = peak = 0

    def counted(lines: Any) -> Any:
        nonlocal alive, peak
        for pair in lines:
            alive += 1
            peak = max(peak, alive)
            yield pair

    def stage(rows: Iterable[Any]) -> None:
        nonlocal alive
        alive -= len(list(rows))

    monkeypatch.setattr(imports, "stage", stage)
    reading = Reading(io.BytesIO(archive(*map(message, range(1, 2001)), head=2000, last=2000)), MOST)
    count = imports.read_in(counted(imports.told("read", reading, lambda *_: None)))
    assert (count, peak) == (2000, imports.BATCH)
