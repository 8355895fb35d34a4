"""Garbage: when Python looks for what only refers to itself (gc), which stops everything else."""

from __future__ import annotations

import gc

# Python's own are 700, 10, 10: while 2,500 people connect within 5 s it looks through all that there is six times, for
# 60 to 280 ms each, in which nobody hears anything. With these the others' p99 is 25 ms in place of 200 (bench/storm.py, uvicorn).
THRESHOLDS = (5_000, 10, 10)


def seldom() -> None:
    """Look for garbage seldom, and never among what was imported, which stays anyway."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*THRESHOLDS)
