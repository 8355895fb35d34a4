"""The interpreter: when it looks for garbage, which stops everything else, and how soon its threads take turns."""

from __future__ import annotations

import gc
import sys

# Python's own are 700, 10, 10: while 2,500 people connect within 5 s it looks through all that there is six times, for
# 60 to 280 ms each, in which nobody hears anything. With these the others' p99 is 25 ms in place of 200 (bench/storm.py, uvicorn).
THRESHOLDS = (5_000, 10, 10)
# Python's own are 0.005. The writer gives the interpreter's lock away at each of its half dozen statements, and waits that
# long for it where the loop is busy. With these the p99 of 500 members is 11 ms in place of 20, volatile, and 15 in place
# of 18, durable (bench, durable-4x8, uvicorn); with shorter ones the threads hinder each other.
SWITCH_SECONDS = 0.0005


def tune() -> None:
    """Look for garbage seldom, and never among what was imported, which stays anyway; let threads take turns soon."""
    sys.setswitchinterval(SWITCH_SECONDS)
    gc.collect()
    gc.freeze()
    gc.set_threshold(*THRESHOLDS)
