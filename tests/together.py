"""Calls that are made at the same moment, each in a thread with a database connection of its own."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from django.db import connections

SECONDS = 120


def at_once(*calls: Callable[[], Any]) -> list[Any]:
    """Return what calls return, in their order; what one raises is its result."""
    results: list[Any] = [None] * len(calls)
    together = threading.Barrier(len(calls))

    def run(number: int, call: Callable[[], Any]) -> None:
        together.wait(SECONDS)
        try:
            results[number] = call()
        except Exception as error:
            results[number] = error
        finally:
            connections.close_all()

    threads = [threading.Thread(target=run, args=it) for it in enumerate(calls)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(SECONDS)
    assert not any(thread.is_alive() for thread in threads), "a call hangs"
    return results
