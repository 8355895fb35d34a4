"""Say things in rooms' logs, straight into the database."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from contextlib import contextmanager

from chat.rooms.changes import Change, Delete, Done, Edit, React, Write
from chat.rooms.log import commit
from chat.wire.events import Person

ANN = Person("guest:1", "Ann", "guest")
NOON = 1_780_000_000_000  # milliseconds: some noon of 2026
DAY = 24 * 3600 * 1000

_keys = (f"key-{number:05d}" for number in itertools.count(1))


def make(change: Change, at: int = NOON) -> Done:
    """Make one change; fail where it is refused."""
    (outcome,) = commit([change], at)
    assert isinstance(outcome, Done), outcome
    return outcome


def say(slug: str, *texts: str, at: int = NOON) -> list[int]:
    """Write messages; return their numbers."""
    return [make(Write(room=slug, author=ANN, key=next(_keys), done=print, text=text), at).message for text in texts]


def send(slug: str, data: bytes, at: int = NOON) -> int:
    return make(Write(room=slug, author=ANN, key=next(_keys), done=print, data=data, address="[::1]:1"), at).message


def edit(slug: str, number: int, text: str, at: int = NOON) -> None:
    make(Edit(room=slug, author=ANN, key=next(_keys), done=print, message=number, text=text), at)


def delete(slug: str, number: int, at: int = NOON) -> None:
    make(Delete(room=slug, author=ANN, key=next(_keys), done=print, message=number), at)


def react(slug: str, number: int, emoji: str) -> None:
    make(React(room=slug, author=ANN, key=next(_keys), done=print, message=number, emoji=emoji, on=True))


def reply(slug: str, to: int, text: str) -> int:
    return make(Write(room=slug, author=ANN, key=next(_keys), done=print, text=text, reply_to=to)).message


class Turns:
    """A turn that tells whether it is held, and how often it was."""

    def __init__(self) -> None:
        self.held = False
        self.count = 0

    @contextmanager
    def __call__(self) -> Iterator[None]:
        assert not self.held, "a turn is taken once"
        self.held, self.count = True, self.count + 1
        try:
            yield
        finally:
            self.held = False
