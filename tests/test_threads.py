"""Threads: who waits for whom."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from typing import Any

import pytest

from chat.database import PAYER, Database, threads_for
from chat.node import DATABASE_THREADS, LATER
from chat.threads import Threads
from tests.live.waiting import until


class Scene:
    """Threads whose calls wait for a gate, and what was made, in order."""

    def __init__(self, count: int = 1, later: Any = ()) -> None:
        self.gate, self.made, self.at_once, self.most = threading.Event(), [], 0, 0
        self.lock = threading.Lock()
        self.threads = Threads(count, lambda: None, later)

    def put(self, kind: str, payer: str = "", name: str = "") -> None:
        def call() -> None:
            with self.lock:
                self.at_once += 1
                self.most = max(self.most, self.at_once)
            self.gate.wait(20)
            with self.lock:
                self.at_once -= 1
                self.made.append(name or f"{kind} {payer}".strip())

        self.threads.put(kind, payer, call)

    def held(self) -> None:
        """Keep the only thread busy, so that what is put now waits."""
        self.put("held")
        until(lambda: self.at_once == 1, "a thread has it in hand")

    def ended(self) -> list[str]:
        self.gate.set()
        self.threads.close()
        for thread in self.threads.threads:
            thread.join(20)
            assert not thread.is_alive()
        return self.made[1:] if self.made and self.made[0] == "held" else self.made


def test_kinds_take_turns_and_a_join_waits_for_one_call_of_each_kind_however_many_wait() -> None:
    scene = Scene()
    scene.held()
    for _ in range(500):
        scene.put("name", "guest")
        scene.put("history", "guest")
    scene.put("join", "ada")
    assert scene.ended().index("join ada") <= 2


def test_payers_of_one_kind_take_turns() -> None:
    scene = Scene()
    scene.held()
    for _ in range(500):
        scene.put("join", "flood")
    scene.put("join", "ada")
    scene.put("join", "bob")
    made = scene.ended()
    assert [made.index("join ada"), made.index("join bob")] == [1, 2]


def test_calls_of_one_payer_and_kind_stay_in_order() -> None:
    scene = Scene()
    scene.held()
    for number in range(50):
        scene.put("join", "ada", str(number))
    assert scene.ended() == [str(number) for number in range(50)]


def test_a_slow_kind_has_one_thread_and_all_that_may_wait_together_another() -> None:
    scene = Scene(3, ("name", "history"))
    for _ in range(100):
        for kind in ("name", "history", "join"):
            scene.put(kind)
    until(lambda: scene.at_once == 2, "a join and one of the others")
    ran = threading.Event()
    scene.threads.put("session", "", ran.set)
    assert ran.wait(20), "a session's look-up waits for none of them"
    assert (scene.at_once, scene.most) == (2, 2)
    assert len(scene.ended()) == 300


def test_there_are_no_more_threads_than_it_says_and_no_more_than_are_needed() -> None:
    scene = Scene(3)
    assert len(scene.threads.threads) == 1
    for number in range(20):
        scene.put(f"kind {number}")
    until(lambda: scene.at_once == 3, "all three are at work")
    assert len(scene.threads.threads) == 3
    assert len(scene.ended()) == 20
    assert scene.most == 3


async def test_while_500_slow_calls_wait_a_join_and_a_session_are_answered() -> None:
    gate, done = threading.Event(), []

    def slow(number: int) -> None:
        gate.wait(20)
        done.append(number)

    threads = threads_for(DATABASE_THREADS, (*LATER, slow))
    database, reader = Database(30, threads=threads), Database(30, threads=threads)
    flood = [asyncio.ensure_future(database(slow, number)) for number in range(500)]
    try:
        async with asyncio.timeout(10):
            assert await reader(str.upper, "join") == "JOIN"
            assert await database(str.lower, "SESSION") == "session"
        assert (done, len(threads.threads) <= DATABASE_THREADS) == ([], True)
    finally:
        gate.set()
        await asyncio.gather(*flood)
        database.close()
    until(lambda: not any(thread.is_alive() for thread in threads.threads), "the threads end")


async def test_who_asks_is_known_by_the_task_that_asks() -> None:
    payers: list[str] = []

    class Noted(Threads):
        def put(self, kind: Any, payer: str, call: Callable[[], None]) -> None:
            payers.append(payer)
            super().put(kind, payer, call)

    database = Database(threads=Noted(1, lambda: None))

    async def ask(payer: str) -> None:
        PAYER.set(payer)
        await database(str)

    await asyncio.gather(*(asyncio.ensure_future(ask(payer)) for payer in ("user:1", "192.0.2.1")))
    await database(str)
    database.close()
    assert payers == ["user:1", "192.0.2.1", ""]


@pytest.mark.parametrize("call", LATER)
def test_what_may_wait_is_nothing_that_a_connection_waits_for_before_it_is_live(call: Any) -> None:
    assert call.__name__ in {"history", "check_free", "skeletons_of", "rooms_of", "marks", "mark_read"}
