"""A log in memory: the rules of chat/rooms/log.py and what chat/rooms/recovery.py would read, without a database."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Sequence
from typing import Any

from chat.rooms import log, permissions, recovery, rights
from chat.rooms.changes import Change, Outcome
from chat.rooms.group import Group, Log
from chat.rooms.permissions import Policy, Standing
from chat.rooms.recovery import PAGE, Fill, Head, Limits, Page
from chat.rooms.rights import Reader
from chat.rooms.rows import Row
from chat.rooms.writer import unavailable
from chat.wire.commands import Since

START_MS = 1_795_348_800_250


class ModelLog:
    """Rooms and their messages. Each call is one moment: what a database does between two statements is not in it."""

    def __init__(self, *slugs: str) -> None:
        logs = {slug: Log(id, slug, f"epoch-{slug}", 0, 0, True) for id, slug in enumerate(slugs, 1)}
        self.group = Group(logs)
        self.now = START_MS

    def __contains__(self, slug: str) -> bool:
        return slug in self.group.logs

    def commit(self, changes: Sequence[Change], now: int | None = None) -> list[Outcome]:
        """Make changes, as chat.rooms.log.commit does."""
        self.now += 1
        return [log.apply(self.group, change, self.now if now is None else now) for change in changes]

    def new_epoch(self, slug: str, epoch: str, keep: int) -> None:
        """Put a room back to what its first `keep` messages were, as a restore does, under another name."""
        room = self.group.logs[slug]
        for place in [place for place in self.group.by_number if place[0] == room.id and place[1] > keep]:
            row = self.group.by_number.pop(place)
            self.group.by_key.pop((room.id, row.key), None)
        room.epoch, room.last = epoch, min(room.last, keep)
        room.head = max((row.offset for row in self.rows(slug)), default=0)

    def rows(self, slug: str) -> list[Row]:
        """Return a room's messages by number."""
        room = self.group.logs[slug].id
        return [row for (where, _), row in sorted(self.group.by_number.items()) if where == room]

    # What recovery reads

    def read_head(self, slug: str) -> Head | None:
        room = self.group.logs.get(slug)
        if room is None or not room.durable:
            return None
        return Head(room.id, room.epoch, room.head, room.last, policy=room.policy)

    def enter(self, slug: str, reader: Reader) -> Head | None:
        self.check(slug, reader)
        return self.read_head(slug)

    def recover(
        self, slug: str, since: Since | None, limits: Limits = PAGE, reader: Reader | None = None
    ) -> Page | None:
        head = self.read_head(slug)
        self.check(slug, reader)
        return self.page(slug, head, since, limits) if head is not None else None

    def check(self, slug: str, reader: Reader | None) -> None:
        """Refuse who may not read. Raises: WireError."""
        room = self.group.logs.get(slug)
        if room is not None and reader is not None:
            permissions.check_read(room.policy, reader.person, self.standing(room.id, reader))

    def read(self, slug: str, readers: Collection[Reader]) -> tuple[Policy, dict[str, Standing]]:
        room = self.group.logs[slug]
        return room.policy, {reader.person.id: self.standing(room.id, reader) for reader in readers}

    def standing(self, room: int, reader: Reader) -> Standing:
        known = self.group.standings.get((room, rights.user_of(reader.person)), permissions.NOBODY)
        return known if known.role >= reader.granted else known._replace(role=reader.granted)

    def page(self, slug: str, head: Head, since: Since | None, limits: Limits = PAGE) -> Page:
        """Return what a join reads after it has read the head."""
        known = since is not None and since.epoch == head.epoch and 0 <= (since.offset or 0) <= head.offset
        if since is None or since.offset is None or not known:
            newest = [row for row in self.rows(slug) if row.number <= head.number][: -limits.messages - 1 : -1]
            taken, _ = recovery.cut(slug, head, newest, limits)
            return Page(head, taken[::-1], head.offset)
        rows = self.changed(slug, since.offset)
        head = recovery.lifted(head, rows)
        taken, more = recovery.cut(slug, head, rows, limits)
        offset = head.offset if not more else rows[len(taken) - 1].offset if taken else since.offset
        return Page(head, taken, offset, recovered=True, more=more)

    def changed(self, slug: str, since: int) -> list[Row]:
        """Return what has changed after an offset, by offset."""
        rows = [row for row in self.rows(slug) if since < row.offset]
        return sorted(rows, key=lambda row: row.offset)

    def history(
        self, slug: str, before: int | None, after: int | None, limit: int, reader: Reader | None = None
    ) -> Page | None:
        head = self.read_head(slug)
        if head is None:
            return None
        self.check(slug, reader)
        if after is not None:
            taken, more = recovery.cut(
                slug, head, [row for row in self.rows(slug) if row.number > after], Limits(limit)
            )
            return Page(head, taken, head.offset, more=more)
        end = head.number + 1 if before is None else before
        rows = [row for row in self.rows(slug) if row.number < end][::-1]
        taken, more = recovery.cut(slug, head, rows, Limits(limit))
        return Page(head, taken[::-1], head.offset, more=more)

    def fill(self, slug: str, since: int, members: Collection[Reader] = ()) -> Fill | None:
        head = self.read_head(slug)
        if head is None:
            return None
        rows = self.changed(slug, since)
        events = [row.event(head.epoch) for row in rows[: recovery.MAX_FILL]]
        policy = self.group.logs[slug].policy
        outsiders = frozenset(
            reader.person.id
            for reader in members
            if not permissions.may_read(policy, reader.person, self.standing(head.id, reader))
        )
        return Fill(head, events, len(rows) <= recovery.MAX_FILL, outsiders)


class FakeReader:
    """Asks a ModelLog in place of `chat.database.Database`; can fail, be slow to answer, or not answer at all."""

    def __init__(self, log: ModelLog) -> None:
        self.log = log
        self.error: Exception | None = None
        self.gate: asyncio.Event | None = None
        self.answer_seconds = 0.0
        self.asked: list[str] = []

    async def __call__(self, call: Callable[..., Any], *arguments: Any) -> Any:
        self.asked.append(call.__name__)
        await asyncio.sleep(0)
        if self.gate is not None:
            await self.gate.wait()
        if self.error is not None:
            raise self.error
        answer = getattr(self.log, call.__name__)(*arguments)
        await asyncio.sleep(self.answer_seconds)
        return answer

    def close(self) -> None:
        """Do nothing: there is no thread."""


class FakeWriter:
    """Commits to a ModelLog at the event loop's next turn, what came by then in one group; can be down."""

    def __init__(self, log: ModelLog, finished: Callable[[list[tuple[Change, Outcome]]], None]) -> None:
        self.log = log
        self.finished = finished
        self.down = False
        self.stuck = False
        self.waiting: list[Change] = []

    def take(self, change: Change) -> None:
        if not self.waiting:
            asyncio.get_running_loop().call_soon(self._write)
        self.waiting.append(change)

    def _write(self) -> None:
        group, self.waiting = self.waiting, []
        outcomes: list[Outcome] = [unavailable() for _ in group] if self.down else self.log.commit(group)
        self.finished(list(zip(group, outcomes, strict=True)))

    async def relief(self) -> None:
        """Wait for nobody: what waits is written at the next turn."""

    async def flushed(self, seconds: float) -> None:
        while self.waiting:
            await asyncio.sleep(0)

    def close(self) -> None:
        """Do nothing: there is no thread."""
