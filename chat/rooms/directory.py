"""The directory: which rooms there are."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from dataclasses import dataclass

from chat.conf import SLUG
from chat.database import Database, ask
from chat.models import Room
from chat.rooms.permissions import COLUMNS, OPEN, Policy

# A room's row is read again after this, so that a change is in force on every process within 2 s.
FRESH_SECONDS = 1.0
# Slugs remembered at most, found or not: a scan of made-up names costs bounded memory.
MAX_ENTRIES = 10_000


@dataclass(frozen=True, slots=True)
class RoomCard:
    """What a connection needs to know of a room."""

    slug: str
    title: str
    topic: str = ""
    durable: bool = False
    id: int = 0
    policy: Policy = OPEN


class Directory:
    """Finds rooms by slug; many who ask for one at once share one query."""

    def __init__(self, database: Database, clock: Callable[[], float]) -> None:
        self.database = database
        self.clock = clock
        self.cards: dict[str, tuple[float, RoomCard | None]] = {}
        self.asking: dict[str, asyncio.Task[RoomCard | None]] = {}

    async def find(self, slug: str) -> RoomCard | None:
        """Return a room's card, or None where there is no such room.

        Raises: chat.database.Unavailable.
        """
        if not re.fullmatch(SLUG, slug):
            return None
        read_at, card = self.cards.get(slug, (-FRESH_SECONDS, None))
        if self.clock() - read_at < FRESH_SECONDS:
            return card
        task = self.asking.get(slug)
        if task is None:
            task = self.asking[slug] = asyncio.create_task(self._ask(slug))
            task.add_done_callback(lambda done: self._answered(slug, done))
        return await asyncio.shield(task)

    async def _ask(self, slug: str) -> RoomCard | None:
        card = await ask(self.database, read, slug)
        if len(self.cards) >= MAX_ENTRIES:
            self.cards.clear()
        self.cards[slug] = (self.clock(), card)
        return card

    def forget(self, slug: str) -> None:
        """Ask anew for a room that was seen to be gone."""
        self.cards.pop(slug, None)

    def _answered(self, slug: str, task: asyncio.Task[RoomCard | None]) -> None:
        del self.asking[slug]
        if not task.cancelled():
            task.exception()  # Whoever asked gets it, unless they have gone.


def read(slug: str) -> RoomCard | None:
    """Return a room's card from the database."""
    row = Room.objects.filter(slug=slug).values_list("slug", "title", "topic", "durable", "id", *COLUMNS).first()
    if row is None:
        return None
    _, title, topic, durable, id, *policy = row
    return RoomCard(slug, title, topic, durable, id, Policy(*policy))
