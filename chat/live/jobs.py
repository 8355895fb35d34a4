"""Jobs: a connection's requests that take time, run one at a time and in order."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Coroutine
from typing import Any

Job = Callable[[], Coroutine[Any, Any, None]]


class Jobs:
    """A queue of at most `most` jobs with one task, which lives only while there are any."""

    __slots__ = ("_task", "_waiting")

    most = 16

    def __init__(self) -> None:
        self._waiting: deque[Job] = deque()
        self._task: asyncio.Task[None] | None = None

    @property
    def busy(self) -> bool:
        return self._task is not None

    def add(self, job: Job) -> bool:
        """Queue a job; where too many wait already, return False."""
        if len(self._waiting) >= self.most:
            return False
        self._waiting.append(job)
        if self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._run())
        return True

    async def _run(self) -> None:
        try:
            while self._waiting:
                await self._waiting.popleft()()
        finally:
            self._task = None

    def cancel(self) -> None:
        """Forget what waits and end what runs."""
        if self._task is not None:
            self._task.cancel()
        self._waiting.clear()
