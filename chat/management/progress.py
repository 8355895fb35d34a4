"""Progress of a command: a line now and then for whoever waits."""

from __future__ import annotations

import time
from collections.abc import Callable

SECONDS = 1.0


class Progress:
    """Tells how far something is, at most once a second; short work is silent."""

    def __init__(self, tell: Callable[[str], object], clock: Callable[[], float] = time.monotonic) -> None:
        self.tell = tell
        self.clock = clock
        self.told_at = clock()

    def __call__(self, what: str, done: int, of: int) -> None:
        now = self.clock()
        if now - self.told_at >= SECONDS:
            self.told_at = now
            self.tell(f"{what}: {done:,}" + (f" of at most {of:,}" if of else ""))
