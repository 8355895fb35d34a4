"""Limits on what one connection may ask for."""

from __future__ import annotations

# Frames of any kind a second, for each message a second: joins, names and pings cost too.
FRAMES_PER_MESSAGE = 10
# What a page of a log costs, in frames: the server reads and sends up to 256 KiB for it. A client that joins as many rooms
# as it may, one by one, stays within its burst.
JOIN_FRAMES, HISTORY_FRAMES = 3, 5
# Who somebody is, and what their 500 rooms are, is 8 ms and 100 KB; a name is looked for among all accounts.
AUTH_FRAMES, NAME_FRAMES = 20, 3
# This many bursts refused in a row, with nothing accepted between, is a flood and ends the connection.
FLOOD_BURSTS = 4
FLOOD_LEAST = 100
BAD_FRAMES_IN_A_ROW = 10


class Bucket:
    """A token bucket: `rate` a second, `burst` at once; a rate of 0 is no limit. Times are seconds."""

    __slots__ = ("burst", "rate", "tokens", "updated")

    def __init__(self, rate: float, burst: float, now: float) -> None:
        self.rate = rate
        self.burst = burst
        self.tokens = burst
        self.updated = now

    def is_full(self, now: float) -> bool:
        """Tell whether a new bucket would be like this one."""
        return self.tokens + (now - self.updated) * self.rate >= self.burst

    def take(self, now: float, cost: int = 1) -> float:
        """Take so many tokens and return 0, or return the seconds until there are so many; more than `burst` is never."""
        if not self.rate:
            return 0.0
        self.tokens = min(self.burst, self.tokens + (now - self.updated) * self.rate)
        self.updated = now
        cost = min(cost, int(self.burst))
        if self.tokens >= cost:
            self.tokens -= cost
            return 0.0
        return (cost - self.tokens) / self.rate


class Patience:
    """Counts what a connection does wrong in a row."""

    __slots__ = ("bad", "most_refused", "refused")

    def __init__(self, burst: int) -> None:
        self.bad = 0
        self.refused = 0
        self.most_refused = max(FLOOD_LEAST, FLOOD_BURSTS * burst)

    def good(self) -> None:
        self.bad = 0

    def accepted(self) -> None:
        self.refused = 0

    def bad_frame(self) -> bool:
        """Count a bad frame; tell whether it was one too many."""
        self.bad += 1
        return self.bad >= BAD_FRAMES_IN_A_ROW

    def over_rate(self) -> bool:
        """Count a refused message; tell whether it is a flood by now."""
        self.refused += 1
        return self.refused >= self.most_refused
