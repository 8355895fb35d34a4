"""The writer: one thread of a process that commits what its connections change, many changes in one transaction."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import queue
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

from django.db import DataError, IntegrityError, NotSupportedError, ProgrammingError, connections
from django.db import Error as DatabaseError

from chat.rooms.changes import Change, Outcome
from chat.wire.codes import Error, WireError
from chat.write_errors import write_error

logger = logging.getLogger("chat.writer")

# What one transaction may hold: enough to share its fsync among many, and not so much that others wait for it.
MAX_GROUP = 500
MAX_GROUP_BYTES = 1 << 20
# What may wait in all; more is answered as unavailable at once, and stays with the client.
MAX_WAITING = 10_000
MAX_WAITING_BYTES = 32 << 20
# From so much on, senders without a limit on their rate are not read from until it is less.
MANY_WAITING = MAX_WAITING // 2
MANY_WAITING_BYTES = 2 << 20
# One line in the log, however many changes a dead database costs.
REPEAT_SECONDS = 10.0
# A transaction that has not come back by then waits for a lock that somebody else holds: the log says so, and after the
# second time those who wait are told. Their clients keep what they sent, and send it again with the same key. SQLite itself
# says after twice five seconds that it is locked: that comes first.
SLOW_SECONDS = 3.0
STUCK_SECONDS = 15.0
WATCH_SECONDS = 1.0

# The statement's fault, not the database's: the group is made again one by one, to find whose.
OURS = (DataError, IntegrityError, ProgrammingError, NotSupportedError)

Commit = Callable[[Sequence[Change], int], list[Outcome]]
Finished = Callable[[list[tuple[Change, Outcome]]], None]


def is_down(error: Exception) -> bool:
    """Tell whether it is the database, or the disk below it, that does not take anything now."""
    return isinstance(error, DatabaseError | OSError) and (not isinstance(error, OURS) or bool(write_error(error)))


def nobody(outcome: Outcome) -> None:
    """Tell nobody: who waited was told already."""


def unavailable() -> WireError:
    return WireError(Error.UNAVAILABLE, "The database does not take messages now.", retry_after_s=1.0)


class Writer:
    """Takes changes from the event loop and answers there, a group at a time.

    `turn` is held around a transaction: a lock file between the processes that write one SQLite file, since SQLite's own
    waiting is not fair. `finished` is called in the loop with every change of a group and its outcome.
    """

    def __init__(
        self,
        commit: Commit,
        finished: Finished,
        turn: Callable[[], contextlib.AbstractContextManager[Any]] = contextlib.nullcontext,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.commit = commit
        self.finished = finished
        self.turn = turn
        self.clock = clock
        self.lines: queue.SimpleQueue[Change | None] = queue.SimpleQueue()
        self.waiting = 0
        self.waiting_bytes = 0
        self.groups = 0
        # Hears in the loop of the error for which changes were not written.
        self.failed: Callable[[BaseException], None] = lambda error: None
        self.said: dict[str, float] = {}
        # The group in the thread's hands, when the thread last gave one back, and whether it is not waited for any more.
        self.group: list[Change] = []
        self.moved_at = float("-inf")
        self.stuck = False
        self.watching: asyncio.TimerHandle | None = None
        self.loop: asyncio.AbstractEventLoop | None = None
        self.thread: threading.Thread | None = None
        self.idle = asyncio.Event()
        self.idle.set()
        self.calm = asyncio.Event()
        self.calm.set()

    # In the event loop

    def take(self, change: Change) -> None:
        """Take a change, or answer at once that the line is full or stands still. Never waits."""
        full = self.waiting >= MAX_WAITING or (self.waiting and self.waiting_bytes + change.size > MAX_WAITING_BYTES)
        if full or self.stuck:
            change.done(unavailable())
            return
        if self.loop is None:
            self._start()
        assert self.loop is not None
        if not self.waiting:
            self.moved_at = self.loop.time()
        if self.watching is None:
            self.watching = self.loop.call_later(WATCH_SECONDS, self._watch)
        self.waiting += 1
        self.waiting_bytes += change.size
        self.idle.clear()
        if self.crowded:
            self.calm.clear()
        self.lines.put(change)

    def _start(self) -> None:
        self.loop = asyncio.get_running_loop()
        self.thread = threading.Thread(target=self._work, name="chat-writer", daemon=True)
        self.thread.start()

    def _answer(self, answers: list[tuple[Change, Outcome]]) -> None:
        self._settle([change for change, _ in answers])
        self.groups += 1
        self._moved()
        self.finished(answers)

    def _settle(self, changes: list[Change]) -> None:
        """Let changes wait no more."""
        self.waiting -= len(changes)
        self.waiting_bytes -= sum(change.size for change in changes)
        if not self.waiting:
            self.idle.set()
        if not self.crowded:
            self.calm.set()

    def _moved(self) -> None:
        assert self.loop is not None
        if self.stuck:
            logger.warning("The database takes messages again, after %.0f s", self.loop.time() - self.moved_at)
        self.stuck = False
        self.moved_at = self.loop.time()

    def _watch(self) -> None:
        """Look each second whether the thread gets on, while anybody waits for it."""
        assert self.loop is not None
        self.watching = self.loop.call_later(WATCH_SECONDS, self._watch) if self.waiting else None
        stood = self.loop.time() - self.moved_at
        if not self.waiting or stood < SLOW_SECONDS:
            return
        self._grumble(
            "The database has taken no messages for %.0f s, as if a lock were held; %d wait", stood, self.waiting
        )
        if stood >= STUCK_SECONDS and not self.stuck:
            self.stuck = True
            self._give_up()

    def _give_up(self) -> None:
        """Tell those who wait that the database does not answer. What the thread has in hand may be written yet."""
        in_hand, rest = self.group, self._take_back()
        logger.warning("%d senders were told that the database does not answer", len(in_hand) + len(rest))
        self._settle(rest)
        for change in (*in_hand, *rest):
            change.done(unavailable())
            change.done = nobody

    def _take_back(self) -> list[Change]:
        """Return what the thread has not taken yet, which is not written then."""
        taken: list[Change | None] = []
        with contextlib.suppress(queue.Empty):
            while True:
                taken.append(self.lines.get_nowait())
        if None in taken:
            self.lines.put(None)  # The end is still to come.
        return [change for change in taken if change is not None]

    @property
    def crowded(self) -> bool:
        return self.waiting >= MANY_WAITING or self.waiting_bytes >= MANY_WAITING_BYTES

    async def relief(self) -> None:
        """Wait until fewer changes wait."""
        await self.calm.wait()

    async def flushed(self, seconds: float) -> None:
        """Wait until what was accepted is written, at most so long."""
        try:
            async with asyncio.timeout(seconds):
                await self.idle.wait()
        except TimeoutError:
            logger.warning("%d changes were not written in time; nobody was told that they were", self.waiting)

    def close(self) -> None:
        """Let the thread end after what waits."""
        self.lines.put(None)

    # In the thread

    def _work(self) -> None:
        assert self.loop is not None
        going = True
        while going:
            self.group, going = group, _ = self._collect()
            if not group:
                continue
            outcomes = self._write(group)
            self.group = []
            with contextlib.suppress(RuntimeError):  # The loop has ended, and with it everybody who could be told.
                self.loop.call_soon_threadsafe(self._answer, list(zip(group, outcomes, strict=True)))
        connections.close_all()

    def _collect(self) -> tuple[list[Change], bool]:
        """Return the changes that wait, at least one; and whether there will be more."""
        group: list[Change] = []
        size = 0
        while len(group) < MAX_GROUP and size < MAX_GROUP_BYTES:
            try:
                change = self.lines.get(block=not group)
            except queue.Empty:
                break
            if change is None:
                return group, False
            group.append(change)
            size += change.size
        return group, True

    def _write(self, group: list[Change]) -> list[Outcome]:
        """Commit a group; what a failed one leaves open is settled by making it again, on a new connection."""
        for _ in range(2):
            try:
                return self._commit(group)
            except Exception as error:  # Whatever it is: this thread must not end, all who write wait for it.
                self._reset()
                if not is_down(error):
                    return self._write_singly(group)
                last = error
        self._complain(last, len(group))
        return [unavailable() for _ in group]

    def _write_singly(self, group: list[Change]) -> list[Outcome]:
        """Commit changes one by one, to find whose fault it was; from where the database goes down on, none."""
        outcomes: list[Outcome] = []
        for change in group:
            try:
                outcomes += self._commit([change])
            except Exception as error:
                self._reset()
                if is_down(error):
                    rest = len(group) - len(outcomes)
                    self._complain(error, rest)
                    return outcomes + [unavailable() for _ in range(rest)]
                logger.exception("a change of room %s could not be written", change.room)
                outcomes.append(WireError(Error.INTERNAL, "The server failed to write it; its log says how."))
        return outcomes

    def _commit(self, group: list[Change]) -> list[Outcome]:
        with self.turn():
            return self.commit(group, int(self.clock() * 1000))

    def _complain(self, error: Exception, count: int) -> None:
        assert self.loop is not None
        with contextlib.suppress(RuntimeError):  # The loop has ended.
            self.loop.call_soon_threadsafe(self.failed, error)
        self._grumble("The database took no messages (%s); %d senders were told", " ".join(str(error).split()), count)

    def _grumble(self, words: str, *details: object) -> None:
        now = time.monotonic()
        if now - self.said.get(words, float("-inf")) >= REPEAT_SECONDS:
            self.said[words] = now
            logger.warning(words, *details)

    @staticmethod
    def _reset() -> None:
        """Let go of a connection that failed."""
        with contextlib.suppress(DatabaseError):
            connections.close_all()
