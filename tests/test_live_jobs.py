"""Jobs."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from chat.live.jobs import Jobs
from tests.virtual import in_virtual_time


class Work:
    """Notes when jobs begin and end."""

    def __init__(self) -> None:
        self.notes: list[str] = []

    def job(self, name: str, seconds: float = 1.0) -> Callable[[], Coroutine[Any, Any, None]]:
        async def run() -> None:
            self.notes.append(f"{name} begins")
            await asyncio.sleep(seconds)
            self.notes.append(f"{name} ends")

        return run


@in_virtual_time
async def test_jobs_run_one_at_a_time_and_in_order() -> None:
    jobs, work = Jobs(), Work()
    for name in "abc":
        assert jobs.add(work.job(name))
    await asyncio.sleep(10)
    assert work.notes == ["a begins", "a ends", "b begins", "b ends", "c begins", "c ends"]
    assert not jobs.busy


@in_virtual_time
async def test_a_job_added_by_a_job_runs_after_those_that_wait() -> None:
    jobs, work = Jobs(), Work()

    async def adds() -> None:
        jobs.add(work.job("late"))

    jobs.add(adds)
    jobs.add(work.job("early"))
    await asyncio.sleep(10)
    assert work.notes == ["early begins", "early ends", "late begins", "late ends"]


@in_virtual_time
async def test_more_than_sixteen_may_not_wait() -> None:
    jobs, work = Jobs(), Work()
    jobs.add(work.job("first"))
    await asyncio.sleep(0)
    assert [jobs.add(work.job(str(number))) for number in range(17)] == [True] * 16 + [False]
    await asyncio.sleep(60)
    assert len(work.notes) == 17 * 2
    assert jobs.add(work.job("again"))
    await asyncio.sleep(60)


@in_virtual_time
async def test_cancelling_ends_what_runs_and_forgets_what_waits() -> None:
    jobs, work = Jobs(), Work()
    jobs.cancel()
    jobs.add(work.job("a"))
    jobs.add(work.job("b"))
    await asyncio.sleep(0.5)
    jobs.cancel()
    await asyncio.sleep(60)
    assert work.notes == ["a begins"]
    assert not jobs.busy
