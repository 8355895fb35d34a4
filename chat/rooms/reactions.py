"""Reactions: the emoji on a message, and whose they are."""

from __future__ import annotations

from collections import Counter

from chat.wire.codes import Error, WireError

MAX_EMOJI = 20
# Of one person on one message: nobody takes all places.
MAX_OWN_EMOJI = 5
# People remembered on one message's reactions, all emoji together: the row must stay small.
MAX_REACTIONS = 1000

# The ids of those who reacted, in order, by fully qualified emoji.
Reactions = dict[str, list[str]]


def with_one(reactions: Reactions, emoji: str, id: str) -> Reactions:
    """Return the reactions with somebody's emoji, in the place of another one where there are MAX_EMOJI. Raises: WireError."""
    if sum(id in ids for ids in reactions.values()) >= MAX_OWN_EMOJI:
        raise WireError(
            Error.CONFLICT, f"You may put {MAX_OWN_EMOJI} different emoji on a message: take one off first."
        )
    if emoji not in reactions and len(reactions) >= MAX_EMOJI:
        reactions = without(reactions, gives_way(reactions, id))
    if sum(map(len, reactions.values())) >= MAX_REACTIONS:
        raise WireError(Error.CONFLICT, f"A message may have {MAX_REACTIONS} reactions.")
    return {**reactions, emoji: [*reactions.get(emoji, []), id]}


def without_one(reactions: Reactions, emoji: str, id: str) -> Reactions:
    """Return the reactions without somebody's emoji."""
    rest = [other for other in reactions.get(emoji, []) if other != id]
    return {**reactions, emoji: rest} if rest else without(reactions, emoji)


def without(reactions: Reactions, emoji: str) -> Reactions:
    return {other: ids for other, ids in reactions.items() if other != emoji}


def gives_way(reactions: Reactions, newcomer: str) -> str:
    """Return the emoji that gives way to a newcomer's: one person's alone, who has more of them here than the newcomer.

    Of whoever has most of them the oldest: a few who have taken all places lose one each before anybody loses a second,
    and two people never take one place from each other by turns. Raises: WireError.
    """
    owned = Counter(id for ids in reactions.values() for id in ids)
    alone = [(emoji, owned[ids[0]]) for emoji, ids in reactions.items() if len(ids) == 1]
    emoji, most = max(alone, key=lambda each: each[1], default=("", 0))
    if most <= owned[newcomer]:
        raise WireError(Error.CONFLICT, f"A message may have {MAX_EMOJI} different emoji.")
    return emoji
