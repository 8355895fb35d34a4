"""Outages: few lines of the log, however many ask."""

from __future__ import annotations

import asyncio

import pytest
from django.db import OperationalError

from chat.database import Database, Unavailable, ask
from chat.outage import OVER_SECONDS, REPEAT_SECONDS, Outage


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def outage(clock: Clock) -> Outage:
    return Outage("The database", "joins wait", clock)


def test_a_thousand_who_ask_cost_one_line_in_a_while(
    outage: Outage, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    for _ in range(1000):
        outage.failed("no route")
    clock.now += REPEAT_SECONDS
    outage.failed("no route")
    assert caplog.messages == [
        "The database does not answer (no route): joins wait; 1 so far",
        "The database does not answer (no route): joins wait; 1001 so far",
    ]


def test_that_it_is_over_is_said_once_and_the_next_outage_at_once(
    outage: Outage, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    outage.failed("no route")
    clock.now += OVER_SECONDS
    for _ in range(3):
        outage.answered()
    outage.failed("locked")
    assert caplog.messages == [
        "The database does not answer (no route): joins wait; 1 so far",
        "The database answers again, after 1 without an answer",
        "The database does not answer (locked): joins wait; 1 so far",
    ]


def test_one_question_that_fails_among_many_that_do_not_is_no_end_and_no_flood(
    outage: Outage, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    for _ in range(50):
        outage.failed("no such table")
        outage.answered()
        clock.now += OVER_SECONDS / 10
    assert len(caplog.messages) == 1


def test_what_answers_has_nothing_to_say(outage: Outage, caplog: pytest.LogCaptureFixture) -> None:
    outage.answered()
    assert caplog.messages == []


async def test_a_database_tells_its_outage_what_got_no_answer_and_no_mistakes_of_ours(
    outage: Outage, caplog: pytest.LogCaptureFixture
) -> None:
    database = Database(seconds=5, outage=outage)

    def fail() -> None:
        raise OperationalError("no\nroute")

    for _ in range(3):
        with pytest.raises(Unavailable, match="no route"):
            await ask(database, fail)
    with pytest.raises(ValueError, match="invalid literal"):
        await ask(database, int, "x")
    database.close()
    await asyncio.to_thread(database.thread.join, 10)
    assert caplog.messages == ["The database does not answer (no route): joins wait; 1 so far"]
