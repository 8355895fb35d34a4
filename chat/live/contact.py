"""Contact: which other processes hear this one through the channel layer, and are heard."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence

# So long after a peer's last pulse that named us, it does not hear us, or we do not hear it.
SILENT_SECONDS = 15.0
# Whom a pulse names: pulses come once a second.
HEARD_SECONDS = 3.0


class Contact:
    """Weighs the pulses of the others. One's own pulse proves little: on a replica of Redis it comes back, and no other has it.

    A pulse names those whom its sender has heard lately; one that names us proves both directions, for its group.
    """

    def __init__(self, node: str, clock: Callable[[], float]) -> None:
        self.node = node
        self.clock = clock
        # By node: until when it counts as living, and since when it has.
        self.living: dict[str, tuple[float, float]] = {}
        self.heard: dict[tuple[str, str], float] = {}
        self.touched: dict[tuple[str, str], float] = {}

    def expect(self, node: str, seconds: float) -> None:
        """Count a process as living for so long."""
        now = self.clock()
        until, since = self.living.get(node, (float("-inf"), now))
        # Rows are read in turns of seconds: a short gap between two is no new beginning.
        self.living[node] = (now + seconds, since if now - until < SILENT_SECONDS else now)

    def pulse_came(self, node: str, group: str, hears: Collection[str]) -> None:
        """Note another's pulse."""
        now = self.clock()
        self.heard[node, group] = now
        if self.node in hears:
            self.touched[node, group] = now

    def hears(self, group: str) -> list[str]:
        """Return whom this process has heard lately in a group of pulses."""
        now = self.clock()
        self.heard = {key: at for key, at in self.heard.items() if now - at <= HEARD_SECONDS}
        self.touched = {key: at for key, at in self.touched.items() if now - at <= SILENT_SECONDS}
        return [node for node, where in self.heard if where == group]

    def unheard(self, groups: Sequence[str], began: float) -> list[str]:
        """Return the living processes that have been out of touch for too long in any of the groups."""
        now = self.clock()
        return [
            node
            for node, since in self._expected(now).items()
            if any(now - self.touched.get((node, group), max(began, since)) > SILENT_SECONDS for group in groups)
        ]

    def alone(self, groups: Sequence[str], began: float) -> bool:
        """Tell whether others live, and none of them is in touch through all of the layer."""
        unheard = self.unheard(groups, began)
        return bool(unheard) and len(unheard) == len(self._expected(self.clock()))

    def _expected(self, now: float) -> dict[str, float]:
        """Return the living processes, and since when they have been."""
        return {node: since for node, (until, since) in self.living.items() if until > now}
