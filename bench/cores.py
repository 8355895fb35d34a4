"""Which processor core does what: the server has one for itself."""

from __future__ import annotations

import os
from dataclasses import dataclass


@dataclass(frozen=True)
class Cores:
    """The cores of the server, of the load generator and of what helps (Redis); None leaves a process where it is."""

    server: int | None
    load: int | None
    helper: int | None

    @classmethod
    def available(cls) -> Cores:
        """Share out the cores that this process may use."""
        cores = sorted(os.sched_getaffinity(0))
        if len(cores) < 2:
            return cls(None, None, None)
        return cls(cores[0], cores[1], cores[2] if len(cores) > 2 else cores[1])

    def __str__(self) -> str:
        if self.server is None:
            return "one core for everything: figures mean little, ratios something"
        return f"server on core {self.server}, load on core {self.load}, Redis on core {self.helper}"


def pin(core: int | None) -> None:
    """Keep this process on a core; called in a child before it becomes the program."""
    if core is not None:
        os.sched_setaffinity(0, {core})
