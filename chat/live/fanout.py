"""Fan-out: what one account or address makes this process send to others, in bytes for each member."""

from __future__ import annotations

from chat.live.addresses import counted_as
from chat.live.connection import Connection
from chat.live.gather import ENVELOPE_BYTES, size_of
from chat.live.limits import Bucket
from chat.wire import json
from chat.wire.events import Event

# Texts up to this size pay by the rate of messages alone.
FREE_BYTES = 4096
# A character is at most so many bytes of JSON: `\u0001`.
MOST_OF_A_CHARACTER = 6
# Who pays nothing may send for so long what the rate gives, all at once.
BURST_SECONDS = 4
# Buckets that are kept without a look at which of them are full again.
FEW = 1000


class Fanout:
    """One bucket for each account, and for each address of those without one. A rate of 0 is no limit."""

    def __init__(self, rate: float) -> None:
        self.rate = rate
        self.buckets: dict[str, Bucket] = {}
        self.most = FEW

    def take(self, payer: str, cost: int, now: float) -> float:
        """Take what something costs and return 0, or return the seconds until that is there."""
        if not self.rate:
            return 0.0
        if len(self.buckets) >= self.most:
            self._forget(now)
        bucket = self.buckets.get(payer)
        if bucket is None:
            bucket = self.buckets[payer] = Bucket(self.rate, self.rate * BURST_SECONDS, now)
        return bucket.take(now, cost)

    def settle(self, payer: str, cost: int) -> None:
        """Take, or give back, what something has cost beside what was taken before."""
        bucket = self.buckets.get(payer)
        if bucket is not None:
            bucket.tokens = min(bucket.burst, bucket.tokens - cost)

    def _forget(self, now: float) -> None:
        """Forget full buckets: new ones are like them."""
        self.buckets = {payer: it for payer, it in self.buckets.items() if not it.is_full(now)}
        self.most = max(FEW, 2 * len(self.buckets))


def payer_of(connection: Connection) -> str:
    """Return who pays: the account, or another backend's person; a guest's address."""
    person = connection.person
    return counted_as(connection.host) if person.kind == "guest" else person.id


def cost_of_text(text: str | None, data: bytes | None = None) -> int:
    """Return the bytes of a message as each member gets it; 0 for a short one."""
    if text is None:
        size = len(data or b"") * 4 // 3
    elif len(text) * MOST_OF_A_CHARACTER <= FREE_BYTES:
        return 0
    else:
        size = len(json.encode(text))
    return 0 if size <= FREE_BYTES else ENVELOPE_BYTES + size


def cost_of_change(text: str | None = None) -> int:
    """Return about how many bytes each member gets of a change, before it is known what it makes of the message."""
    return ENVELOPE_BYTES + (0 if text is None else len(json.encode(text)))


def cost_of_event(event: Event | None) -> int:
    """Return the same, once it is known; 0 of what changed nothing."""
    if event is None:
        return 0
    text = getattr(event, "text", None)
    return size_of(event) + (len(json.encode(text)) - len(text) if text else 0)
