"""The erased: whatever process still has something of theirs to write, the log takes none of it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from typing import Any

import pytest
from django.db import connection, connections, transaction

from chat.models import Erased, Message
from chat.rooms import erasing, log
from chat.rooms.changes import SetRole
from chat.rooms.erasing import Erasure
from chat.rooms.permissions import Role
from chat.wire.events import Person
from tests.stores import (
    BOB,
    NOW,
    Store,
    code,
    commit,
    delete,
    done,
    edit,
    ignore,
    react,
    statements,
    store,
    unique,
    written,
)

__all__ = ["store"]

SECONDS = 30.0
# So long something is seen to wait.
WAITS_SECONDS = 0.3


@pytest.fixture
def eve(store: Store) -> Person:
    """Somebody whom no other test erases."""
    number = 1_000_000 + int(unique().rpartition("-")[2])
    return Person(f"user:{number}", "Eve", "user")


def erase(person: Person) -> None:
    Erased.objects.create(user=int(person.id.partition(":")[2]))


def erasure(person: Person) -> Erasure:
    return Erasure(person.id, "gone:1", unique(), True, NOW)


@contextmanager
def beside(job: Callable[[], Any]) -> Iterator[threading.Thread]:
    """Run a job in a thread with its own connection, and wait for its end."""
    errors: list[BaseException] = []

    def run() -> None:
        try:
            job()
        except BaseException as error:
            errors.append(error)
        finally:
            connections.close_all()

    thread = threading.Thread(target=run)
    thread.start()
    yield thread
    thread.join(SECONDS)
    assert not thread.is_alive() and not errors, errors


def test_nothing_of_theirs_is_taken_and_what_others_change_in_the_same_group_is(store: Store, eve: Person) -> None:
    room = store.room()
    commit(written(room, author=eve), written(room, author=BOB))
    erase(eve)
    outcomes = commit(
        written(room, author=eve),
        written(room, author=BOB),
        edit(room, 1, author=eve),
        react(room, 2, author=eve),
        delete(room, 1, author=eve),
        SetRole(room=room, author=eve, key=unique(), done=ignore, user=1, role=Role.MEMBER),
        react(room, 1, author=BOB),
    )
    assert [done(outcomes[1]), done(outcomes[6])] == [(3, 3), (1, 4)]
    assert {code(outcomes[number]) for number in (0, 2, 3, 4, 5)} == {"forbidden"}
    assert "This account is erased" in str(outcomes[0])
    assert store.head(room) == (4, 3)


def test_what_was_written_before_under_the_same_key_is_not_told_again(store: Store, eve: Person) -> None:
    room = store.room()
    change = written(room, author=eve)
    commit(change)
    erase(eve)
    again, _ = commit(change, written(room))
    assert code(again) == "forbidden"


def test_that_nobody_is_erased_costs_no_statement(store: Store) -> None:
    slugs = store.rooms("a", "b")
    with statements() as found:
        commit(*(written(slug, author=author) for slug in slugs for author in (BOB, Person("guest:1", "G", "guest"))))
    told = [sql.split()[0:2] for sql, _ in found if not sql.startswith(("BEGIN", "PRAGMA"))]
    assert [words[0] for words in told] == ["SELECT", "SELECT", "UPDATE", "INSERT"]


def test_what_is_being_written_when_somebody_is_erased_is_waited_for_and_found(
    store: Store, eve: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    room = store.room()
    written_there, go_on, write = threading.Event(), threading.Event(), log.write

    def slow(cursor: Any, group: Any) -> None:
        write(cursor, group)
        written_there.set()
        assert go_on.wait(SECONDS)

    def gone() -> None:
        erase(eve)
        list(erasing.erase(erasure(eve), nullcontext))

    monkeypatch.setattr(log, "write", slow)
    with beside(lambda: commit(written(room, author=eve))):
        assert written_there.wait(SECONDS)
        with beside(gone) as erasing_them:
            erasing_them.join(WAITS_SECONDS)
            assert erasing_them.is_alive()
            go_on.set()
    assert [row.author for row in store.rows(room)] == ["gone:1"]


@pytest.mark.parametrize("store", ["postgres"], indirect=True)
def test_who_is_erased_while_a_group_waits_for_its_room_is_found(store: Store, eve: Person) -> None:
    room = store.room()
    locked, let_go = threading.Event(), threading.Event()
    outcomes: list[Any] = []

    def hold() -> None:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SELECT id FROM chat_room WHERE slug = %s FOR UPDATE", [room])
            locked.set()
            assert let_go.wait(SECONDS)

    with beside(hold):
        assert locked.wait(SECONDS)
        with beside(lambda: outcomes.extend(commit(written(room, author=eve)))) as writing:
            writing.join(WAITS_SECONDS)
            assert writing.is_alive()
            erase(eve)
            let_go.set()
    assert [code(outcome) for outcome in outcomes] == ["forbidden"]
    assert not Message.objects.filter(author=eve.id).exists()
