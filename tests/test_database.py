"""ORM calls in a thread of their own."""

from __future__ import annotations

import asyncio
import threading

import pytest
from django.db import OperationalError, connection

from chat.database import Database, Unavailable, ask
from chat.models import Room
from tests.live.waiting import until
from tests.stores import Store, store  # noqa: F401  (a fixture)


@pytest.fixture
def database() -> object:
    made = Database(seconds=5)
    yield made
    made.close()
    made.thread.join(10)
    assert not made.thread.is_alive()


async def test_calls_run_in_order_in_one_daemon_thread_that_is_not_the_loops(database: Database) -> None:
    threads = [await database(threading.current_thread) for _ in range(3)]
    assert set(threads) == {database.thread}
    assert database.thread.daemon
    assert await asyncio.gather(*(database(int, text) for text in "123")) == [1, 2, 3]


async def test_a_calls_exception_is_the_callers_and_the_thread_goes_on(database: Database) -> None:
    with pytest.raises(ValueError, match="invalid literal"):
        await database(int, "x")
    assert await database(int, "4") == 4


async def test_a_connection_that_failed_is_closed(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    closed: list[threading.Thread] = []

    def fail() -> None:
        raise OperationalError("server closed the connection")

    monkeypatch.setattr("chat.database.connections.close_all", lambda: closed.append(threading.current_thread()))
    with pytest.raises(OperationalError):
        await database(fail)
    assert closed == [database.thread]


async def test_a_call_that_hangs_does_not_hold_its_caller_and_one_that_gave_up_waiting_is_not_made() -> None:
    database, gate, made = Database(seconds=0.1), threading.Event(), []
    with pytest.raises(TimeoutError):
        await database(gate.wait, 30)
    with pytest.raises(TimeoutError):
        await database(made.append, "too late")
    gate.set()
    database.seconds = 10
    await database(made.append, "in time")
    assert made == ["in time"]
    database.close()
    until(lambda: not database.thread.is_alive(), "the thread ends")


async def test_ask_tells_a_database_that_does_not_answer_from_a_mistake(database: Database) -> None:
    def fail() -> None:
        raise OperationalError("no\nroute")

    with pytest.raises(Unavailable, match="no route"):
        await ask(database, fail)
    with pytest.raises(ValueError, match="invalid literal"):
        await ask(database, int, "x")
    database.seconds = 0.05
    gate = threading.Event()
    with pytest.raises(Unavailable, match="no answer in time"):
        await ask(database, gate.wait, 30)
    gate.set()


async def test_a_connection_that_died_while_it_was_idle_is_replaced_before_it_is_used(
    store: Store,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("chat.database.IDLE_SECONDS", 0.0)
    made, other, calls = Database(seconds=10), Database(seconds=10), []

    def read() -> bool:
        calls.append(1)
        return Room.objects.filter(slug="nowhere").exists()

    assert await made(read) is False
    if store.kind == "postgres":
        await other(end_others)
    assert await made(read) is False
    assert len(calls) == 2, "tried, not done twice"
    for one in (made, other):
        one.close()
        await asyncio.to_thread(one.thread.join, 10)


def end_others() -> None:
    """End everybody else's connections, as a restart does."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND datname IS NOT NULL"
        )
