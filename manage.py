#!/usr/bin/env python
"""Django's command line."""

from __future__ import annotations

import os
import sys

# What these do to the wrong database is not undone.
WRITING = frozenset(
    [
        "axes_reset",
        "broadcast_time",
        "changepassword",
        "clearsessions",
        "createsuperuser",
        "dbshell",
        "erase_person",
        "flush",
        "import_room",
        "loaddata",
        "migrate",
        "new_epoch",
        "prune",
        "set_up_link",
        "shell",
    ]
)


def main() -> None:
    # Not by default: a shell may name another project's settings, and there are none but these.
    os.environ["DJANGO_SETTINGS_MODULE"] = "chatsite.settings"
    try:
        from django.core.management import execute_from_command_line
    except ImportError as error:
        raise SystemExit(
            f"chatsite: {error}. Run `make setup` once, then use .venv/bin/python or activate .venv."
        ) from error
    if sys.argv[1:2] and sys.argv[1] in WRITING:
        name_database()
    execute_from_command_line(sys.argv)


def name_database() -> None:
    """Say which database a command works on: an environment file that a shell read half names another one in silence."""
    from django.conf import settings

    sys.stderr.write(f"chatsite: database {settings.CHAT.database}\n")


if __name__ == "__main__":
    main()
