"""When Python looks for garbage."""

from __future__ import annotations

import gc

from chatsite import garbage


def test_what_was_imported_is_not_looked_through_again_and_the_rest_seldom() -> None:
    before = gc.get_threshold()
    try:
        garbage.seldom()
        assert gc.get_freeze_count() > 10_000
        assert gc.get_threshold() == garbage.THRESHOLDS
        assert gc.isenabled()
    finally:
        gc.unfreeze()
        gc.set_threshold(*before)
