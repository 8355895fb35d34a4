"""Notes that a person has changed: which of them a process has heard."""

from __future__ import annotations

from collections.abc import Mapping

from django.db import connection

from chat.models import AllowedOrigin, Invalidation
from chat.models.origin import MAX_ORIGINS
from chat.wire.origins import Pattern

# A note may be committed after one with a higher number: those that came within this time are read again.
LATE_SECONDS = 10.0
# Notes that one look reads; more are the next look's.
MAX_NOTES = 1000
NOBODY = 0

NOTE = 0
# Each with a limit of its own: a flood of one must not hide the other.
READ = """
SELECT * FROM (
    SELECT 0 AS which, id, "user", '' AS pattern FROM chat_invalidation WHERE id > %s ORDER BY id LIMIT %s) AS notes
UNION ALL SELECT * FROM (
    SELECT 1, id, 0, pattern FROM chat_allowedorigin WHERE enabled ORDER BY id LIMIT %s) AS origins
ORDER BY 1, 2
"""


class Notes:
    """Tells new notes from those that were heard. It begins with the last note that there was: nobody was here before."""

    def __init__(self) -> None:
        self.since: int | None = None
        self.heard: dict[int, float] = {}

    def take(self, notes: Mapping[int, int], now: float) -> set[int]:
        """Return the users of the notes that are new."""
        fresh = {user for number, user in notes.items() if number not in self.heard}
        for number in notes:
            self.heard.setdefault(number, now)
        if self.since is None:
            self.since = max(notes)
        if len(notes) >= MAX_NOTES:
            # A flood: what comes late among these is found when everybody is asked after (chat/sessions.py).
            self.since = max(notes)
        self.since = max([self.since, *(number for number, at in self.heard.items() if now - at >= LATE_SECONDS)])
        self.heard = {number: at for number, at in self.heard.items() if number > self.since}
        return fresh - {NOBODY}


def read(since: int | None) -> tuple[frozenset[Pattern], tuple[str, ...], dict[int, int]]:
    """Return the allow-list, its rows that make no sense, and whom the notes after one are about, by their numbers.

    One query for both, since every process asks each second. With None the last note stands alone, as nobody's.

    Raises: django.db.Error.
    """
    if since is None:
        last = Invalidation.objects.order_by("-id").values_list("id", flat=True).first()
        return *AllowedOrigin.listed(), {last or 0: NOBODY}
    with connection.cursor() as cursor:
        cursor.execute(READ, [since, MAX_NOTES, MAX_ORIGINS])
        rows = cursor.fetchall()
    notes = {number: user for which, number, user, _ in rows if which == NOTE}
    return *AllowedOrigin.sorted_out(text for which, _, _, text in rows if which != NOTE), notes
