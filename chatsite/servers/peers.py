"""Peers: how many HTTP connections one address may have before they are WebSockets."""

from __future__ import annotations

from collections import Counter

from chat.live.addresses import counted_as
from chat.proxies import Trust

# Beside one for the handshake of each WebSocket that it may have: browsers open six for a page.
SPARE_CONNECTIONS = 100


class Peers:
    """Counts HTTP connections by address; a limit of 0 for WebSockets is no limit here either.

    A trusted proxy's are not counted: they are its clients', whom it counts itself.
    """

    def __init__(self, limit_per_ip: int, trust: Trust) -> None:
        self.limit = limit_per_ip and limit_per_ip + SPARE_CONNECTIONS
        self.trust = trust
        self.count: Counter[str] = Counter()

    def admit(self, host: str) -> bool:
        """Count a connection in, whatever becomes of it, and tell whether it may stay; `release` counts it out."""
        client = counted_as(host)
        self.count[client] += 1
        return not self.limit or self.count[client] <= self.limit or self.trust.of(host)

    def release(self, host: str) -> None:
        client = counted_as(host)
        self.count[client] -= 1
        if not self.count[client]:
            del self.count[client]
