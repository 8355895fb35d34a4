"""Peers: the other server processes, as their rows tell of them."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence

from chat.models.process import Other

logger = logging.getLogger("chat.peers")

# A row is written every 5 s, and read as often; an older one belongs to a process that may have been killed. Less than
# what makes a process alone (chat.live.contact), so that a kill makes nobody so.
FRESH_SECONDS = 13.0


class Peers:
    """Hears of the others' rows: who is to be heard through the layer, and who has another SECRET_KEY."""

    def __init__(self, key: str, expect: Callable[[str, float], None]) -> None:
        self.key = key
        self.expect = expect
        self.strangers: frozenset[str] = frozenset()

    def found(self, others: Sequence[Other]) -> None:
        """Take what was read; processes of a version that tells no key send no pulses to others either."""
        for other in others:
            if other.key and other.layer != "down" and other.age < FRESH_SECONDS:
                self.expect(other.node, FRESH_SECONDS - other.age)
        strangers = frozenset(other.place for other in others if other.key and other.key != self.key)
        if strangers - self.strangers:
            logger.error("%s", different_keys(sorted(strangers)))
        self.strangers = strangers


def different_keys(places: Sequence[str]) -> str:
    """Return what it means that processes have other keys than this one, and what to do."""
    return (
        f"SECRET_KEY here is not that of {', '.join(places)}: people who are signed in on one are not on the other, and "
        "their links and tickets fail. Set the same SECRET_KEY on every server."
    )
