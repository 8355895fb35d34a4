"""Virtual time: an event loop whose clock jumps to the next timer as soon as nothing else is left to do."""

from __future__ import annotations

import asyncio
import functools
import selectors
from collections.abc import Callable, Coroutine
from typing import Any

# Nothing to do and no timer: only another thread could go on, and is given this long (real seconds).
PATIENCE_SECONDS = 10.0
START = 1000.0


class Deadlock(Exception):
    """Everything waits for something that will never happen."""


class Selector(selectors.DefaultSelector):  # type: ignore[misc, valid-type]
    """Looks at sockets without waiting; tells the loop how long it would have waited."""

    def __init__(self) -> None:
        super().__init__()
        self.skipped: Callable[[float], None] = lambda seconds: None

    def select(self, timeout: float | None = None) -> Any:
        if timeout is None:
            ready = super().select(PATIENCE_SECONDS)
            if not ready:
                raise Deadlock
            return ready
        ready = super().select(0)
        if not ready and timeout > 0:
            self.skipped(timeout)
        return ready


class VirtualLoop(asyncio.SelectorEventLoop):
    """An event loop in which sleeping takes no time. Threads and real sockets see nothing of its clock."""

    def __init__(self) -> None:
        self.now = START
        selector = Selector()
        selector.skipped = self.skip
        super().__init__(selector)

    def skip(self, seconds: float) -> None:
        self.now += seconds

    def time(self) -> float:
        return self.now


def in_virtual_time(test: Callable[..., Coroutine[Any, Any, None]]) -> Callable[..., None]:
    """Run an async test on a VirtualLoop. Tasks that it leaves behind fail it."""

    @functools.wraps(test)
    def run(*arguments: Any, **named: Any) -> None:
        with asyncio.Runner(loop_factory=VirtualLoop, debug=True) as runner:
            runner.run(alone(test(*arguments, **named)))

    return run


async def alone(work: Coroutine[Any, Any, None]) -> None:
    async with asyncio.timeout(30 * 24 * 3600):
        await work
    await asyncio.sleep(0)
    left = asyncio.all_tasks() - {asyncio.current_task()}
    assert not left, f"the test leaves tasks behind: {left}"
