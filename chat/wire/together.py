"""Changes of one message that leave together: what becomes one envelope, and what it holds then."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec.structs import replace

from chat.wire.events import Broadcast, Changed, Heard, Message, Place


def together(events: Sequence[Heard], place: Place) -> Sequence[Heard]:
    """Return what a client hears in place of these events: of each message what it is in the end.

    The state that stays has the last offset, so it comes where that one stood. Members heard as far as `place`: a message
    that is new to them is told before those that were written after it, and what changed later comes after these.
    """
    logged = [event.message for event in events if not isinstance(event, Broadcast) and event.offset is not None]
    if len(set(logged)) == len(logged):
        return events
    kept: dict[int, Heard] = {}
    latest: dict[int, int] = {}
    newest = place.number
    for at, event in enumerate(events):
        kept[at] = event
        if isinstance(event, Broadcast) or event.offset is None:
            continue
        before = latest.get(event.message)
        if before is not None and not _is_news(kept[before], place, newest):
            kept[at] = merged(kept.pop(before), event)
        latest[event.message] = at
        newest = max(newest, event.message)
    return list(kept.values())


def _is_news(event: Heard, place: Place, newest: int) -> bool:
    """Tell whether an event is a message of which members have not heard, and others were written after it."""
    return isinstance(event, Message) and place.number < event.message < newest


def merged(before: Heard, event: Message | Changed) -> Message | Changed:
    """Return the state of a message after two changes: whole where one of them tells the whole."""
    if isinstance(event, Message):
        return event
    reactions = event.reactions
    if isinstance(before, Message):
        return replace(
            before, offset=event.offset, reactions=before.reactions if reactions is None else reactions or None
        )
    if isinstance(before, Changed) and reactions is None:
        return replace(event, reactions=before.reactions)
    return event
