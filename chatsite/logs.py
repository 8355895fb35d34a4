"""Log filters."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

REPEAT_SECONDS = 10.0


class OneLine(logging.Filter):
    """Keeps the sentence and drops the stack, where a library logs as a failure what its peers do wrong."""

    def filter(self, record: logging.LogRecord) -> bool:
        if record.exc_info and record.exc_info[1] is not None:
            error = " ".join(str(record.exc_info[1]).split())
            record.msg = f"{record.getMessage()} ({type(record.exc_info[1]).__name__}: {error})"
            record.args = ()
        record.exc_info = record.exc_text = None
        return True


class Seldom(OneLine):
    """Lets one line through in REPEAT_SECONDS, and that without its stack."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self.clock = clock
        self.last = -REPEAT_SECONDS

    def filter(self, record: logging.LogRecord) -> bool:
        now = self.clock()
        if now - self.last < REPEAT_SECONDS:
            return False
        self.last = now
        return super().filter(record)
