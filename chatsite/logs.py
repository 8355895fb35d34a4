"""Log filters, and how lines are written."""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Callable
from datetime import datetime
from zoneinfo import ZoneInfo

from django.conf import settings

REPEAT_SECONDS = 10.0
# What opens a door to who reads it in an address: an invitation, a link for a forgotten password, a token in a query.
# A slash may be percent-encoded, in the value of `next`.
SLASH = "(?:/|%2F)"
SECRETS = re.compile(
    rf"({SLASH}invitations{SLASH}+|{SLASH}password{SLASH}reset{SLASH}+[^\s/%?]+{SLASH}+|[?&](?:token|ticket)=)[^\s/%?&\"']+",
    re.IGNORECASE,
)
# It says the link of the first start, on purpose.
TELLS = "chatsite"


def masked(text: str) -> str:
    """Return a text with stars in place of what opens a door."""
    return SECRETS.sub(r"\1***", text)


class Masking(logging.Formatter):
    """Writes lines and stacks with what opens a door masked: Django says the path of each request that it refuses.

    No filter: that would not see the stack, and what fails in a filter fails where the line is logged.
    """

    def converter(self, seconds: float | None) -> time.struct_time:
        """Tell times in TIME_ZONE, whatever the machine's zone is."""
        return datetime.fromtimestamp(seconds or 0, ZoneInfo(settings.TIME_ZONE)).timetuple()

    def format(self, record: logging.LogRecord) -> str:
        line = super().format(record)
        return line if record.name == TELLS else masked(line)


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
