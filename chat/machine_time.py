"""The machine's time: what localtime() says, however the machine was told its zone."""

from __future__ import annotations

import os
import time
from datetime import datetime


def restore(zone: str | None) -> None:
    """Put TZ back as the process was started with: Django sets it to TIME_ZONE, for all of the process and its children.

    Nothing else works out what libc makes of TZ: a name, a file, a POSIX rule, or an /etc/localtime without a name.
    """
    if zone is None:
        os.environ.pop("TZ", None)
    else:
        os.environ["TZ"] = zone
    if hasattr(time, "tzset"):  # Windows has none, and Django leaves TZ alone there.
        time.tzset()


def local(moment: datetime) -> datetime:
    """Return a moment as the machine tells it, daylight saving time included."""
    return moment.astimezone()
