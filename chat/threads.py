"""Threads for calls that wait: a few at once, in turn by what is asked and by who asks."""

from __future__ import annotations

import threading
from collections import Counter, deque
from collections.abc import Callable, Collection, Hashable

Call = Callable[[], None]


class Line:
    """The calls of one kind that wait: one of each payer's, then the next of each."""

    def __init__(self) -> None:
        self.payers: dict[str, deque[Call]] = {}

    def __bool__(self) -> bool:
        return bool(self.payers)

    def put(self, payer: str, call: Call) -> None:
        self.payers.setdefault(payer, deque()).append(call)

    def take(self) -> Call:
        payer = next(iter(self.payers))
        calls = self.payers.pop(payer)
        call = calls.popleft()
        if calls:
            self.payers[payer] = calls
        return call


class Threads:
    """Runs calls, at most `count` at once, and of one kind one at a time: a slow kind keeps no other one waiting.

    Kinds take turns, and payers within a kind. All kinds of `later` together have one thread: what nobody waits for at
    a door leaves the others free. The threads are daemons, unlike those of an executor: a database that hangs must not
    keep the process from ending. `ended` is called in each thread as its last act.
    """

    def __init__(self, count: int, ended: Callable[[], None], later: Collection[Hashable] = ()) -> None:
        self.count = count
        self.ended = ended
        self.later = frozenset(later)
        self.lines: dict[Hashable, Line] = {}
        self.running: Counter[Hashable] = Counter()
        self.idle = 0
        self.closed = False
        self.turn = threading.Condition()
        self.threads: list[threading.Thread] = []
        self._start()

    def _start(self) -> None:
        thread = threading.Thread(target=self._work, name=f"chat-database-{len(self.threads) + 1}", daemon=True)
        self.threads.append(thread)
        thread.start()

    def put(self, kind: Hashable, payer: str, call: Call) -> None:
        """Run a call, which raises nothing, when its turn comes."""
        with self.turn:
            self.lines.setdefault(kind, Line()).put(payer, call)
            if self.idle < len(self.lines) and len(self.threads) < self.count:
                self._start()
            self.turn.notify()

    def close(self) -> None:
        """Let the threads end after the calls that wait."""
        with self.turn:
            self.closed = True
            self.turn.notify_all()

    def _work(self) -> None:
        while (taken := self._take()) is not None:
            kind, call = taken
            call()
            with self.turn:
                self.running[kind] -= 1
                # What may run now was passed over by those who looked before.
                self.turn.notify()
        self.ended()

    def _take(self) -> tuple[Hashable, Call] | None:
        with self.turn:
            while True:
                kind = next((kind for kind in self.lines if self._may_run(kind)), None)
                if kind is not None:
                    return self._begin(kind)
                if self.closed and not self.lines:
                    self.turn.notify_all()
                    return None
                self.idle += 1
                self.turn.wait()
                self.idle -= 1

    def _begin(self, kind: Hashable) -> tuple[Hashable, Call]:
        line = self.lines.pop(kind)
        call = line.take()
        if line:
            self.lines[kind] = line  # Behind the other kinds.
        self.running[kind] += 1
        return kind, call

    def _may_run(self, kind: Hashable) -> bool:
        if kind in self.later:
            return not any(self.running[other] for other in self.later)
        return not self.running[kind]
