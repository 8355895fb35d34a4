"""A process that commits messages, for tests of several at once: `python -m tests.committing ROOM AUTHOR GROUP KEY…`."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence

# The same keys that all processes send at the same time are made, not listed: KEYS as "PREFIX:COUNT".
START = "go"


def main(room: str, author: str, group: int, keys: str) -> None:
    """Commit a message for each key, so many in a group, from the word on; print what each became."""
    import django

    django.setup()
    from django.conf import settings

    from chat.rooms.changes import Done, Write
    from chat.rooms.log import commit
    from chat.wire.events import Person

    prefix, count = keys.split(":")
    person = Person(author, author, "user")
    writes = [
        Write(room=room, author=person, key=f"{prefix}-{number:06}", done=lambda outcome: None, text=author)
        for number in range(int(count))
    ]
    print("ready", flush=True)
    assert sys.stdin.readline().strip() == START
    found: list[Sequence[object]] = []
    for first in range(0, len(writes), group):
        part = writes[first : first + group]
        with settings.TURN():
            outcomes = commit(part, 0)
        for write, outcome in zip(part, outcomes, strict=True):
            found.append(
                (write.key, *((outcome.message, outcome.offset) if isinstance(outcome, Done) else (str(outcome),)))
            )
    print(json.dumps(found))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4])
