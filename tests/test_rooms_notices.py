"""Notices: what somebody is told, in words, of what has become of their rooms."""

from __future__ import annotations

import pytest

from chat.rooms.notices import MAX_NOTICES, notices
from chat.rooms.own import Own

PLANS = Own("Plans", "members", "member", last=5, read=3, archived=False)
ADA = PLANS._replace(title="Ada", kind="direct")


@pytest.mark.parametrize(
    ("was", "now", "text"),
    [
        (None, PLANS, "You are in “Plans” now."),
        (None, PLANS._replace(role="moderator"), "You moderate “Plans” now."),
        (None, PLANS._replace(role="owner"), "You own “Plans” now."),
        (None, ADA, "You have a conversation with “Ada” now."),
        (PLANS, None, "You are no longer in “Plans”."),
        (PLANS, PLANS._replace(role="moderator"), "You moderate “Plans” now."),
        (PLANS._replace(role="owner"), PLANS, "You are in “Plans” now."),
        (PLANS, PLANS._replace(title="Roadmap"), "“Plans” is called “Roadmap” now."),
        (PLANS, PLANS._replace(archived=True), "“Plans” is archived: it can be read, and nothing changes in it."),
        (PLANS._replace(archived=True), PLANS, "“Plans” is open again."),
    ],
)
def test_what_has_become_of_a_room_is_told_in_words(was: Own | None, now: Own | None, text: str) -> None:
    before, after = ({"plans": own} if own else {} for own in (was, now))
    assert notices(before, after) == [{"text": text, "level": "warning" if now is None else "info"}]


@pytest.mark.parametrize(
    ("was", "now"),
    [
        (PLANS, PLANS),
        (PLANS, PLANS._replace(last=9, read=9)),
        # It is called after the people in it: one of them has another name.
        (ADA, ADA._replace(title="Ada Lovelace")),
    ],
)
def test_nothing_is_told_of(was: Own, now: Own) -> None:
    assert notices({"plans": was}, {"plans": now}) == []


def test_of_many_at_once_the_number_is_told() -> None:
    many = {f"room-{number}": PLANS for number in range(MAX_NOTICES + 1)}
    assert notices({}, many) == [{"text": f"{MAX_NOTICES + 1} of your rooms have changed.", "level": "info"}]
    assert notices(many, {})[0]["level"] == "warning"
