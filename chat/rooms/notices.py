"""Notices: what has become of somebody's own rooms, in words."""

from __future__ import annotations

from typing import Any

from chat.rooms.own import Own, Rooms

# Of more at once the number is told: a script, or an erased account, may change hundreds of rooms.
MAX_NOTICES = 3
ROLES = {"member": "are in", "moderator": "moderate", "owner": "own"}


def notices(before: Rooms, after: Rooms) -> list[dict[str, Any]]:
    """Return the notices of what changed, each as {text, level}; what is unread or read is none.

    They name no actor: the rows say what is, not who made it so.
    """
    found = [notice for slug in {**before, **after} if (notice := notice_of(before.get(slug), after.get(slug)))]
    if len(found) <= MAX_NOTICES:
        return found
    level = "warning" if any(notice["level"] == "warning" for notice in found) else "info"
    return [{"text": f"{len(found)} of your rooms have changed.", "level": level}]


def notice_of(was: Own | None, now: Own | None) -> dict[str, Any] | None:
    """Return what to tell of one room, or None where nothing is to be told."""
    if now is None:
        assert was is not None
        return {"text": f"You are no longer in {called(was)}.", "level": "warning"}
    if was is None:
        return {"text": came(now), "level": "info"}
    if now.role != was.role:
        return {"text": f"You {ROLES[now.role]} {called(now)} now.", "level": "info"}
    # A direct room is called after the people in it.
    if now.title != was.title and now.kind != "direct":
        return {"text": f"{called(was)} is called {called(now)} now.", "level": "info"}
    if now.archived != was.archived:
        state = "archived: it can be read, and nothing changes in it" if now.archived else "open again"
        return {"text": f"{called(now)} is {state}.", "level": "info"}
    return None


def came(own: Own) -> str:
    if own.kind == "direct":
        return f"You have a conversation with {called(own)} now."
    return f"You {ROLES[own.role]} {called(own)} now."


def called(own: Own) -> str:
    return f"“{own.title}”"
