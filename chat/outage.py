"""Outages: what does not answer, and whom that keeps waiting, in few lines of the log."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

logger = logging.getLogger("chat.outage")

# While it lasts, one line in so long, however many ask: a thousand clients that come back must not bury the cause.
REPEAT_SECONDS = 10.0
# Nothing has failed for so long: it answers again. What fails now and then among what does not is no end.
OVER_SECONDS = 1.0


class Outage:
    """Counts what failed, and tells the log once in a while; and once that it is over.

    `effect` says what that means for people.
    """

    def __init__(self, name: str, effect: str, clock: Callable[[], float] = time.monotonic) -> None:
        self.name = name
        self.effect = effect
        self.clock = clock
        self.failures = 0
        self.failed_at = self.said_at = float("-inf")

    def failed(self, error: str) -> None:
        """Hear that one who asked got no answer."""
        self.failures += 1
        self.failed_at = self.clock()
        if self.failed_at - self.said_at >= REPEAT_SECONDS:
            self.said_at = self.failed_at
            logger.warning("%s does not answer (%s): %s; %d so far", self.name, error, self.effect, self.failures)

    def answered(self) -> None:
        """Hear that one who asked got an answer."""
        if self.failures and self.clock() - self.failed_at >= OVER_SECONDS:
            logger.warning("%s answers again, after %d without an answer", self.name, self.failures)
            self.failures = 0
            self.said_at = float("-inf")
