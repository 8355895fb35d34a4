"""The project's application without its recovery: `uvicorn tests.chaos.applications:forgetful`.

What the channel layer brings is carried as it comes, and nobody asks the database what did not come. A run with it has
to fail, or it would show nothing.
"""

from __future__ import annotations

from chat.live.stream import Head, Stream
from chat.wire.events import Message
from chatsite.asgi import application


def carry_what_comes(stream: Stream, event: Message) -> None:
    """Take a change for the one that follows, whatever lies between."""
    if stream.epoch is not None and event.offset is not None and event.offset > stream.position:
        stream.position = stream.head = event.offset
        stream.carry([event])


def see_nothing(stream: Stream, head: Head, position: int) -> None:
    """Take no notice of where the log stands."""


Stream.offer = carry_what_comes  # type: ignore[method-assign]
Stream.seen = see_nothing  # type: ignore[method-assign]

forgetful = application
