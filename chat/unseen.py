"""The unseen: accounts that nobody has seen yet, made by a command or in the admin, and what they would be called."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from django.contrib.auth.models import User
from django.db import connection

from chat.wire.names import MAX_NAME_CHARACTERS
from chat.wire.skeletons import skeleton

# The latest accounts whose usernames are compared with a name.
MOST = 2000
# All of them are read again so often: one may be called otherwise since, or be seen by now. New ones are found at once.
FRESH_SECONDS = 5.0


class Unseen:
    """Finds accounts without a profile by the skeletons of their usernames, in memory: 2,000 skeletons cost 18 ms.

    What is found is compared with the database again. May be asked by several threads.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.clock = clock
        self.lock = threading.Lock()
        self.read_at = float("-inf")
        self.database: object = None
        self.newest: tuple[int, str] | None = None
        self.skeletons: dict[int, tuple[str, str]] = {}
        self.users: dict[str, set[int]] = {}

    def has(self, wanted: str, but: int | None = None) -> bool:
        """Tell whether an account would be called so; `but` is the user who may have it. Raises: django.db.Error."""
        with self.lock:
            self._refresh()
            found = self.users.get(wanted, set()) - {but}
        if not found:
            return False
        names = User.objects.filter(pk__in=sorted(found)[-MOST:], profile=None).values_list("username", flat=True)
        return any(skeleton_of(name) == wanted for name in names)

    def _refresh(self) -> None:
        is_old = self.clock() - self.read_at >= FRESH_SECONDS or self.database != connection.settings_dict["NAME"]
        if is_old or not self._read_new():
            self._read_all()

    def _read_new(self) -> bool:
        """Take in the accounts that came since; False where the newest that is known is not what it was."""
        if self.newest is None:
            return False
        found = User.objects.filter(pk__gte=self.newest[0]).order_by("pk")
        rows = list(found.values_list("pk", "username", "profile")[: MOST + 1])
        if not rows or rows[0][:2] != self.newest or len(rows) > MOST:
            return False
        for user, name, profile in rows[1:]:
            if profile is None:
                self._put(user, name, skeleton_of(name))
            self.newest = (user, name)
        return True

    def _read_all(self) -> None:
        known, self.skeletons, self.users = self.skeletons, {}, {}
        self.read_at, self.database = self.clock(), connection.settings_dict["NAME"]
        self.newest = User.objects.order_by("-pk").values_list("pk", "username").first()
        for user, name in User.objects.filter(profile=None).order_by("-pk").values_list("pk", "username")[:MOST]:
            before = known.get(user)
            same = before is not None and before[0] == name
            self._put(user, name, before[1] if before is not None and same else skeleton_of(name))

    def _put(self, user: int, name: str, found: str) -> None:
        self.skeletons[user] = (name, found)
        self.users.setdefault(found, set()).add(user)


def skeleton_of(username: str) -> str:
    """Return the skeleton of what an account is called by its username."""
    return skeleton(username[:MAX_NAME_CHARACTERS])
