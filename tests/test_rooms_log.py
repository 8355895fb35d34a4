"""The log, on both databases: what a group of changes makes of rooms and messages."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import DatabaseError, connection, transaction

from chat.models import Message, Room
from chat.rooms.changes import Change, Done
from chat.rooms.reactions import MAX_EMOJI, MAX_OWN_EMOJI, MAX_REACTIONS
from chat.wire.events import Changed, Person
from chat.wire.events import Message as Event
from tests.stores import (
    ADA,
    BOB,
    INDEX,
    NOW,
    READS_ALL,
    Store,
    code,
    commit,
    delete,
    done,
    edit,
    react,
    statements,
    store,
    written,
)

__all__ = ["store"]

GUEST = Person("guest:1", "Ada", "guest")
SAME_GUEST_LATER = Person("guest:2", "Ada", "guest")


# Numbers and offsets


def test_numbers_and_offsets_are_dense_in_order_of_arrival_in_each_room(store: Store) -> None:
    one, other = store.rooms("one", "other")
    group = [written(slug) for slug in (other, one, one, other, one)]
    assert [done(outcome) for outcome in commit(*group)] == [(1, 1), (1, 1), (2, 2), (2, 2), (3, 3)]
    assert [done(outcome) for outcome in commit(written(one), written(other))] == [(4, 4), (3, 3)]
    assert (store.head(one), store.head(other)) == ((4, 4), (3, 3))
    assert [row.key for row in store.rows(other)] == [group[0].key, group[3].key, store.rows(other)[2].key]


def test_every_change_takes_one_offset_and_the_message_keeps_its_number(store: Store) -> None:
    room = store.room()
    commit(written(room), written(room))
    outcomes = commit(edit(room, 1), react(room, 2), delete(room, 1), react(room, 2, author=BOB))
    assert [done(outcome) for outcome in outcomes] == [(1, 3), (2, 4), (1, 5), (2, 6)]
    assert [(row.number, row.offset) for row in store.rows(room)] == [(1, 5), (2, 6)]
    assert store.head(room) == (6, 2)


def test_a_change_may_follow_its_message_in_the_same_group(store: Store) -> None:
    room = store.room()
    outcomes = commit(written(room), edit(room, 1, "better"), react(room, 1), written(room, reply_to=1))
    assert [done(outcome) for outcome in outcomes] == [(1, 1), (1, 2), (1, 3), (2, 4)]
    first, second = store.rows(room)
    assert (first.text, first.offset, second.reply_to) == ("better", 3, 1)


def test_a_message_is_stored_as_it_was_said_and_told_as_it_is_stored(store: Store) -> None:
    room = store.room()
    epoch = Room.objects.get(slug=room).epoch
    text = "Grüße 你好 👋🏽 <b>\n\\ ' \" %s"
    outcome, binary = commit(
        written(room, "key-1234", text=text, address="[::1]:77"), written(room, data=b"\x00\xff", author=GUEST)
    )
    assert isinstance(outcome, Done)
    assert isinstance(binary, Done)
    event = Event(1, ADA, NOW / 1000, "[::1]:77", text=text, key="key-1234", offset=1, epoch=epoch)
    assert outcome.event == event
    said, data = store.rows(room)
    assert (said.text, said.data, said.at, said.kind, said.name) == (text, None, NOW, "user", "Ada")
    assert (data.text, bytes(data.data), data.author) == (None, b"\x00\xff", "guest:1")
    assert binary.event is not None
    assert binary.event.data == b"\x00\xff"


# Keys


@pytest.mark.parametrize("same_group", [True, False], ids=["in one group", "in two"])
@pytest.mark.parametrize(
    ("first", "second", "taken"),
    [(ADA, ADA, True), (ADA, BOB, False), (GUEST, SAME_GUEST_LATER, True), (GUEST, ADA, False), (ADA, GUEST, False)],
    ids=["the same", "another account", "a guest that reconnected", "a guest that signed in", "an account's guest"],
)
def test_a_key_makes_one_message_and_its_author_the_same_ack_again(
    store: Store, first: Person, second: Person, taken: bool, same_group: bool
) -> None:
    room, elsewhere = store.rooms("room", "elsewhere")
    writes = [written(room, "the-same-key", first, text="first"), written(room, "the-same-key", second, text="second")]
    outcomes = commit(*writes) if same_group else [*commit(writes[0]), *commit(writes[1])]
    assert done(outcomes[0]) == (1, 1)
    if taken:
        again = outcomes[1]
        assert done(again) == (1, 1)
        assert isinstance(again, Done)
        assert (again.event, again.at) == (None, NOW / 1000)
    else:
        assert code(outcomes[1]) == "conflict"
    assert [row.text for row in store.rows(room)] == ["first"]
    assert store.head(room) == (1, 1)
    assert done(commit(written(elsewhere, "the-same-key", second))[0]) == (1, 1)


def test_a_deleted_messages_key_is_not_forgotten(store: Store) -> None:
    room = store.room()
    commit(written(room, "the-same-key"))
    commit(delete(room, 1))
    (again,) = commit(written(room, "the-same-key"))
    assert done(again)[0] == 1
    assert store.head(room) == (2, 1)


# Rules


TOO_LATE = 10**6


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda room: edit(room, 1), (1, 5)),
        (lambda room: edit(room, 1, offset=1), (1, 5)),
        (lambda room: edit(room, 1, offset=2), "conflict"),
        (lambda room: edit(room, 1, author=BOB), "forbidden"),
        (lambda room: edit(room, 1, author=BOB, offset=2), "forbidden"),
        (lambda room: edit(room, 1, "first"), (1, 1)),
        (lambda room: edit(room, 2), "conflict"),
        (lambda room: edit(room, 3), "conflict"),
        (lambda room: edit(room, 4), "not_found"),
        (lambda room: edit(room, 0), "not_found"),
        (lambda room: edit(room, TOO_LATE), "not_found"),
        (lambda room: delete(room, 1), (1, 5)),
        (lambda room: delete(room, 1, offset=1), (1, 5)),
        (lambda room: delete(room, 1, offset=5), "conflict"),
        (lambda room: delete(room, 1, author=BOB), "forbidden"),
        (lambda room: delete(room, 2), (2, 5)),
        (lambda room: delete(room, 3), (3, 4)),
        (lambda room: delete(room, 3, author=BOB), "forbidden"),
        (lambda room: delete(room, 4), "not_found"),
        (lambda room: react(room, 1), (1, 5)),
        (lambda room: react(room, 1, author=BOB), (1, 5)),
        (lambda room: react(room, 1, on=False), (1, 1)),
        (lambda room: react(room, 2), (2, 5)),
        (lambda room: react(room, 3), "conflict"),
        (lambda room: react(room, 4), "not_found"),
        (lambda room: written(room, reply_to=1), (4, 5)),
        (lambda room: written(room, reply_to=3), (4, 5)),
        (lambda room: written(room, reply_to=4), "not_found"),
        (lambda room: written(room, reply_to=0), "not_found"),
        (lambda room: edit("nowhere", 1), "not_found"),
        (lambda room: written("nowhere"), "not_found"),
    ],
)
def test_what_may_be_changed_and_what_takes_an_offset(store: Store, change: Any, expected: Any) -> None:
    """Message 1 is Ada's text "first", 2 her data, 3 was hers and is deleted by the change at offset 4."""
    room = store.room()
    commit(written(room, text="first"), written(room, data=b"x"), written(room), delete(room, 3))
    (outcome,) = commit(change(room))
    if isinstance(expected, str):
        assert code(outcome) == expected
        assert store.head(room) == (4, 3)
    else:
        assert done(outcome) == expected
        assert isinstance(outcome, Done)
        assert (outcome.event is not None) == (expected[1] == 5)
        assert store.head(room)[0] == max(4, expected[1])


@pytest.mark.parametrize("change", [written, lambda room: edit(room, 1), lambda room: react(room, 1)])
def test_a_volatile_room_keeps_nothing(store: Store, change: Any) -> None:
    room = store.room(durable=False)
    assert code(commit(change(room))[0]) == "unsupported"
    assert (store.rows(room), store.head(room)) == ([], (0, 0))


def test_an_edit_is_marked_with_its_time_and_what_was_deleted_is_gone(store: Store) -> None:
    room = store.room()
    commit(written(room, text="secret"), react(room, 1), written(room, data=b"secret"))
    commit(edit(room, 1, "less"), now=NOW + 5)
    assert (store.rows(room)[0].text, store.rows(room)[0].edited_at) == ("less", NOW + 5)
    commit(delete(room, 1), delete(room, 2), now=NOW + 9)
    for row in store.rows(room):
        assert (row.text, row.data, row.deleted, row.reactions, row.edited_at) == (None, None, True, "", NOW + 9)
        assert row.key


def test_reactions_come_and_go_by_person_and_emoji_and_leave_no_trace(store: Store) -> None:
    room = store.room()
    commit(written(room))
    states = [
        ((ADA, "👍", True), {"👍": ["user:1"]}),
        ((BOB, "👍", True), {"👍": ["user:1", "user:2"]}),
        ((ADA, "🎉", True), {"👍": ["user:1", "user:2"], "🎉": ["user:1"]}),
        ((ADA, "👍", False), {"👍": ["user:2"], "🎉": ["user:1"]}),
        ((ADA, "🎉", False), {"👍": ["user:2"]}),
        ((BOB, "👍", False), None),
    ]
    for offset, ((who, emoji, on), expected) in enumerate(states, 2):
        made, again = commit(react(room, 1, emoji, on, who), react(room, 1, emoji, on, who))
        assert isinstance(made, Done)
        assert isinstance(again, Done)
        assert (made.offset, again.offset, again.event) == (offset, offset, None)
        assert made.event is not None
        assert isinstance(made.event, Changed)
        assert made.event == Changed(1, offset, made.event.epoch, expected or {})
    assert store.rows(room)[0].reactions == ""


def test_a_message_has_a_bounded_number_of_emoji_and_of_reactions(store: Store) -> None:
    room = store.room()
    emoji = [chr(0x1F600 + number) for number in range(MAX_EMOJI + 1)]
    people = [Person(f"guest:{number // MAX_OWN_EMOJI}", "x", "guest") for number in range(MAX_EMOJI)]
    commit(written(room), *(react(room, 1, sign, True, who) for sign, who in zip(emoji, people, strict=False)))
    assert store.head(room) == (1 + MAX_EMOJI, 1)
    # A second person on each: none gives way.
    others = [Person(f"guest:{number // MAX_OWN_EMOJI + 4}", "x", "guest") for number in range(MAX_EMOJI)]
    commit(*(react(room, 1, sign, True, who) for sign, who in zip(emoji, others, strict=False)))
    assert code(commit(react(room, 1, emoji[-1], author=BOB))[0]) == "conflict"
    assert store.head(room) == (1 + 2 * MAX_EMOJI, 1)
    assert done(commit(react(room, 1, emoji[0], author=BOB))[0]) == (1, 2 + 2 * MAX_EMOJI)
    many = [react(room, 1, emoji[1], author=Person(f"user:{n}", "x", "user")) for n in range(3, MAX_REACTIONS)]
    outcomes = commit(*many)
    assert [isinstance(outcome, Done) for outcome in outcomes].count(True) == MAX_REACTIONS - 2 * MAX_EMOJI - 1
    assert code(outcomes[-1]) == "conflict"
    assert done(commit(react(room, 1, emoji[1], False))[0])[0] == 1


def test_four_guests_who_take_all_places_do_not_keep_a_newcomer_out(store: Store) -> None:
    room = store.room()
    emoji = [chr(0x1F600 + number) for number in range(MAX_EMOJI)]
    guests = [Person(f"guest:{number // MAX_OWN_EMOJI}", "x", "guest") for number in range(MAX_EMOJI)]
    commit(written(room), *(react(room, 1, sign, True, who) for sign, who in zip(emoji, guests, strict=True)))
    made = commit(react(room, 1, "🎉", author=BOB))[0]
    assert isinstance(made, Done)
    assert made.event is not None
    # One offset, one event with the whole state.
    assert (made.offset, store.head(room)) == (2 + MAX_EMOJI, (2 + MAX_EMOJI, 1))
    assert list(made.event.reactions or {}) == [*emoji[1:], "🎉"]
    again = commit(react(room, 1, emoji[0], author=guests[0]))[0]
    assert isinstance(again, Done)
    assert again.event is not None
    assert "🎉" in (again.event.reactions or {})


def test_an_emoji_is_one_in_all_its_spellings(store: Store) -> None:
    room = store.room()
    first, second, off = commit(
        written(room), react(room, 1, "👍"), react(room, 1, "👍\ufe0f", author=BOB), react(room, 1, "👍\ufe0f", False)
    )[1:]
    events = [outcome.event for outcome in (first, second, off) if isinstance(outcome, Done)]
    assert [event and event.reactions for event in events] == [
        {"👍": ["user:1"]},
        {"👍": ["user:1", "user:2"]},
        {"👍": ["user:2"]},
    ]
    assert [row.reactions for row in store.rows(room)] == ['{"👍":["user:2"]}']


def test_one_person_puts_few_emoji_on_a_message_and_another_one_when_one_is_taken_off(store: Store) -> None:
    room = store.room()
    emoji = [chr(0x1F600 + number) for number in range(MAX_OWN_EMOJI + 1)]
    outcomes = commit(written(room), written(room), *(react(room, 1, sign) for sign in emoji))
    last = outcomes.pop()
    assert code(last) == "conflict"
    assert str(last) == "You may put 5 different emoji on a message: take one off first."
    assert all(isinstance(outcome, Done) for outcome in outcomes)
    again, other, elsewhere = commit(
        react(room, 1, emoji[0]), react(room, 1, emoji[-1], author=BOB), react(room, 2, emoji[-1])
    )
    assert done(again)[1] == 2 + MAX_OWN_EMOJI and done(other)[1] == 3 + MAX_OWN_EMOJI and done(elsewhere)[0] == 2
    assert code(commit(react(room, 1, emoji[-1]))[0]) == "conflict"
    assert isinstance(commit(react(room, 1, emoji[0], False))[0], Done)
    assert isinstance(commit(react(room, 1, emoji[-1]))[0], Done)


def test_what_one_may_not_do_leaves_the_others_of_the_group_alone(store: Store) -> None:
    room, volatile = store.room(), store.room(durable=False)
    group = [written(room), edit(room, 7), written(volatile), written("nowhere"), delete(room, 1, BOB), written(room)]
    outcomes = commit(*group)
    assert (done(outcomes[0]), done(outcomes[5])) == ((1, 1), (2, 2))
    assert [code(outcome) for outcome in outcomes[1:5]] == ["not_found", "unsupported", "not_found", "forbidden"]


# Outcomes that are not known


def changing(room: str) -> list[Change]:
    return [
        *(written(room), written(room, reply_to=1), edit(room, 1, "a"), react(room, 2), delete(room, 3)),
        *(react(room, 4, author=BOB), written(room, data=b"x"), react(room, 5, on=False)),
    ]


def test_a_group_whose_commit_was_not_answered_is_made_again_exactly_once(store: Store) -> None:
    room = store.room()
    commit(*(written(room) for _ in range(5)))
    group = changing(room)
    first = commit(*group)
    rows = list(Message.objects.filter(room__slug=room).order_by("number").values())
    again = commit(*group, now=NOW + 1000)
    assert [done(outcome) for outcome in again] == [done(outcome) for outcome in first]
    assert all(isinstance(outcome, Done) and outcome.event is None for outcome in again)
    assert list(Message.objects.filter(room__slug=room).order_by("number").values()) == rows
    # What nothing came of is told again where it would be done now: nothing has changed between.
    assert store.head(room) == (max(done(outcome)[1] for outcome in first), 8)


def test_a_group_that_was_not_committed_leaves_nothing(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    room = store.room()
    commit(*(written(room) for _ in range(5)))
    before = list(Message.objects.filter(room__slug=room).order_by("number").values())

    def fail(cursor: Any, group: Any) -> None:
        write(cursor, group)
        raise DatabaseError("gone before the commit")

    from chat.rooms.group import write

    monkeypatch.setattr("chat.rooms.log.write", fail)
    with pytest.raises(DatabaseError):
        commit(*changing(room))
    monkeypatch.undo()
    assert list(Message.objects.filter(room__slug=room).order_by("number").values()) == before
    assert store.head(room) == (5, 5)
    assert done(commit(written(room))[0]) == (6, 6)


def test_a_commit_is_a_transaction_of_its_own(store: Store) -> None:
    room = store.room()
    with transaction.atomic(), pytest.raises(RuntimeError, match="durable"):
        commit(written(room))


# What it costs


@pytest.mark.parametrize("many", [1, 50, 500])
def test_a_group_takes_at_most_seven_statements_whatever_it_holds(store: Store, many: int) -> None:
    slugs = store.rooms(*["room"] * min(many, 50))
    commit(*(written(slug) for slug in slugs))
    group: list[Change] = [written(slugs[number % len(slugs)]) for number in range(many)]
    group += [change(slugs[n % len(slugs)], 1) for n in range(many // 2) for change in (edit, react)]
    with statements() as found:
        commit(*group)
    assert len([sql for sql, _ in found if not sql.startswith(("BEGIN", "PRAGMA"))]) <= 6
    assert len(found) <= 7


def test_a_group_of_as_many_rooms_as_changes_is_no_deeper_than_the_database_reads(store: Store) -> None:
    slugs = store.rooms(*["room"] * 500)
    assert [done(outcome) for outcome in commit(*(written(slug) for slug in slugs))] == [(1, 1)] * 500
    outcomes = commit(*(edit(slug, 1) for slug in slugs))
    assert [done(outcome) for outcome in outcomes] == [(1, 2)] * 500


@pytest.mark.parametrize("rooms", [1, 3, 50])
def test_every_statement_finds_its_rows_by_an_index(store: Store, rooms: int) -> None:
    store.crowd()
    slugs = store.rooms(*["room"] * rooms)
    commit(*(written(slug) for slug in slugs))
    with statements() as found:
        commit(*(change for slug in slugs for change in (written(slug), edit(slug, 1), react(slug, 1))))
    looked = [(sql, values) for sql, values in found if sql.startswith(("SELECT", "UPDATE"))]
    assert len(looked) == 5
    for sql, values in looked:
        plan = store.plan(sql, values)
        assert not READS_ALL.search(plan), f"{sql}\n{plan}"
        assert "chat_message" not in sql or INDEX.search(plan), f"{sql}\n{plan}"


def test_rooms_are_locked_in_order_of_their_ids(store: Store) -> None:
    slugs = store.rooms("b", "a", "c")
    with statements() as found:
        commit(written(slugs[2]), written(slugs[0]), written(slugs[1]))
    lock = next(sql for sql, _ in found if sql.startswith("SELECT"))
    assert "ORDER BY id" in lock
    assert ("FOR UPDATE" in lock) == (store.kind == "postgres")
    assert connection.features.has_select_for_update == (store.kind == "postgres")
