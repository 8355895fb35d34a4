"""The plan: which faults come when, drawn from the seed alone."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

# One of each before any comes again.
KINDS = (
    "kill server 0",
    "kill server 1",
    "kill redis",
    "restart redis",
    "freeze redis",
    "cut redis clients",
    "fault database",
)
# A round of all of them takes so long, or the whole run where that is shorter.
ROUND_SECONDS = 45.0
# What was done last is given a moment under load before everything is mended.
CALM_SHARE = 0.1
CUT_SECONDS = (0.3, 1.5)


@dataclass(frozen=True)
class Fault:
    """What goes wrong, `at` seconds after the start; `seed` draws its details."""

    at: float
    kind: str
    seed: int

    def __str__(self) -> str:
        return f"{self.at:6.1f} s {self.kind}"


def plan(seed: int, seconds: float) -> list[Fault]:
    """Return the faults of a run, in order."""
    random = Random(seed)
    end = seconds * (1 - CALM_SHARE)
    rounds = max(1, round(end / ROUND_SECONDS))
    length = end / rounds
    faults: list[Fault] = []
    for number in range(rounds):
        kinds = random.sample(KINDS, len(KINDS))
        for place, kind in enumerate(kinds):
            at = number * length + (place + random.random()) * length / len(kinds)
            faults.append(Fault(at, kind, random.getrandbits(32)))
    return faults


def cuts(seed: int, seconds: float, clients: int) -> list[tuple[float, int]]:
    """Return when which client's connection is torn."""
    random = Random(seed + 1)
    found, at = [], 0.0
    while (at := at + random.uniform(*CUT_SECONDS)) < seconds:
        found.append((at, random.randrange(clients)))
    return found
