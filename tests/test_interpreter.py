"""When Python looks for garbage, and how soon its threads take turns."""

from __future__ import annotations

import gc
import sys

from chatsite import interpreter


def test_garbage_is_looked_for_seldom_and_never_among_what_was_imported_and_threads_take_turns_soon() -> None:
    thresholds, seconds = gc.get_threshold(), sys.getswitchinterval()
    try:
        interpreter.tune()
        assert gc.get_threshold() == interpreter.THRESHOLDS
        assert gc.get_freeze_count() > 10_000
        assert abs(sys.getswitchinterval() - interpreter.SWITCH_SECONDS) < 1e-9
    finally:
        gc.unfreeze()
        gc.set_threshold(*thresholds)
        sys.setswitchinterval(seconds)
