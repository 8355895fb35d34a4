"""What the server tells in English, and pages in the reader's language."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.utils.translation import override

from chat import told
from chat.rooms import notices, permissions
from chat.rooms.own import Own
from chat.wire.codes import WireError
from chat.wire.events import Person

ROOT = Path(__file__).resolve().parent.parent
# What only a program that breaks the rules of the wire, or a session that is none, gets to read.
FOR_PROGRAMS = re.compile(
    r"Payload: |Payload\.|Unknown type|This server does not know|Expected JSON|Expected a text frame"
    r"|Guests may not take part here: send `auth`|At most \{\} tickets|Expected visible characters, got U\+0000"
)
HOLE = re.compile(r"\{\w*\}")


def words_of(node: ast.AST) -> str | None:
    """Return a sentence of the source with {} for what is put in; None where it is no literal."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.JoinedStr):
        return "".join(str(it.value) if isinstance(it, ast.Constant) else "{}" for it in node.values)
    return None


TREES = [ast.parse(path.read_text("utf-8")) for path in (ROOT / "chat").rglob("*.py")]
# What a name may stand for, in whichever module.
NAMES: dict[str, list[str]] = {}
for node in (node for tree in TREES for node in ast.walk(tree) if isinstance(node, ast.Assign)):
    if isinstance(node.targets[0], ast.Name) and (words := words_of(node.value) or "").endswith("."):
        NAMES.setdefault(node.targets[0].id, []).append(words)


def sentences(tree: ast.Module) -> Iterator[str]:
    """Yield what a module refuses, as people read it."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "WireError":
            said = node.args[1]
            texts = NAMES.get(said.id, []) if isinstance(said, ast.Name) else [words_of(said)]
            for text in filter(None, texts):
                words = re.sub(r"^payload\.(name|emoji|text): ", "", text)
                yield f"{words[:1].upper()}{words[1:]}".rstrip(".") + "."


REFUSED = sorted({sentence for tree in TREES for sentence in sentences(tree)})
KNOWN = {HOLE.sub("{}", sentence) for sentence in told.SENTENCES}


def test_the_refusals_of_the_source_are_found() -> None:
    assert len(REFUSED) > 60
    assert {"There is no room {}.", "The database does not answer.", "Too many frames."} <= set(REFUSED)


@pytest.mark.parametrize("sentence", [it for it in REFUSED if not FOR_PROGRAMS.match(it)])
def test_what_people_may_be_refused_is_known(sentence: str) -> None:
    assert sentence in KNOWN


@pytest.mark.parametrize(
    ("english", "chinese"),
    [
        ("This room is for its members.", "此房间仅限成员。"),
        ("At most 20 messages a second.", "每秒最多 20 条消息。"),
        ("There is no room 'tea.time'.", "没有房间 'tea.time'。"),
        ("There is no message 7 to reply to.", "要回复的消息 7 不存在。"),
        (
            "“{name} \\1 %s” is the name of somebody here, or looks like it.",
            "“{name} \\1 %s”已有人使用，或与他人的名字过于相似。",
        ),
        ("“A” is called “B ” is open again.” now.", "“A”已改名为“B ” is open again.”。"),
        ("Nobody has written this sentence.", "Nobody has written this sentence."),
        ("", ""),
    ],
)
def test_a_sentence_is_told_in_the_readers_language_with_what_stands_in_it(english: str, chinese: str) -> None:
    with override("zh-hans"):
        assert told.told(english) == chinese
    with override("en"):
        assert told.told(english) == english


def own(**fields: object) -> Own:
    return Own(
        **{"kind": "public", "title": "Tea", "role": "member", "archived": False, "last": 0, "read": 0, **fields}
    )  # type: ignore[arg-type]


MEMBER = own()
CHANGES = [
    (None, MEMBER),
    (MEMBER, None),
    (None, own(kind="direct")),
    (None, own(role="owner")),
    (MEMBER, own(role="moderator")),
    (own(role="owner"), MEMBER),
    (MEMBER, own(title="Coffee")),
    (MEMBER, own(archived=True)),
    (own(archived=True), MEMBER),
]


def test_what_is_known_is_said_somewhere() -> None:
    said = [notice["text"] for was, now in CHANGES for notice in noticed(was, now)]
    said += [notices.notices({}, dict.fromkeys("abcdefghi", MEMBER))[0]["text"]]
    in_notices = {it for it in told.SENTENCES if any(told.pattern_of(it).fullmatch(text) for text in said)}
    assert {HOLE.sub("{}", it) for it in told.SENTENCES if it not in in_notices} <= set(REFUSED)


def noticed(was: Own | None, now: Own | None) -> list[dict[str, str]]:
    return notices.notices({"tea": was} if was else {}, {"tea": now} if now else {})


@pytest.mark.parametrize(("was", "now"), CHANGES)
def test_every_notice_is_known(was: Own | None, now: Own | None) -> None:
    (notice,) = noticed(was, now)
    with override("zh-hans"):
        assert told.told(notice["text"]) != notice["text"]


def test_the_notice_of_many_is_known() -> None:
    (notice,) = notices.notices({}, {str(number): MEMBER for number in range(9)})
    with override("zh-hans"):
        assert told.told(notice["text"]) == "你的 9 个房间有变动。"


def test_what_is_refused_stays_english_whatever_a_page_speaks() -> None:
    with override("zh-hans"), pytest.raises(WireError) as refused:
        permissions.check_read(permissions.CLOSED, Person("user:1", "Ada", "user"))
    assert refused.value.message == "This room is for its members."
