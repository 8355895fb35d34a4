"""Time broadcasts by the server itself, and the lock that keeps the embedded mode to one process."""

from __future__ import annotations

import re
import signal
import time
from collections.abc import Iterator
from datetime import datetime

import pytest

from .conftest import QUIET
from .farm import Farm
from .guests import Guest
from .servers import KINDS, Server
from .sockets import RawSocket
from .waiting import until

EMBEDDED = {"CHAT_EMBEDDED_BROADCAST": "1"}


@pytest.fixture(scope="module")
def rivals(farm: Farm) -> Iterator[list[tuple[Server, Server]]]:
    """Of each kind two processes on one directory; the second waits 10 s for the first, and the tests between use that time."""
    firsts = [farm.server(kind, **QUIET) for kind in KINDS]
    pairs = [(it, farm.server(it.kind, var_dir=it.var_dir, start=False, **QUIET).start(wait=False)) for it in firsts]
    yield pairs
    farm.end([server for pair in pairs for server in pair])


class Audience:
    """Who listens while the tests of this file run, all at once: a tick of the lobby takes five seconds."""

    def __init__(self, server: Server) -> None:
        self.raw = RawSocket(server.address).open("/ws")
        self.framed = RawSocket(server.address).open("/ws/goframe")
        self.lobby, self.elsewhere, self.alice, self.bob = (Guest(server.ws()) for _ in range(4))
        self.lobby.join("lobby")
        self.elsewhere.join("room-130")
        self.alice.join("ticks")
        self.bob.join("ticks")

    def leave(self) -> None:
        for one in (self.lobby, self.elsewhere, self.alice, self.bob):
            one.close()
        self.raw.drop()
        self.framed.drop()


@pytest.fixture(scope="module")
def audiences(farm: Farm) -> Iterator[list[Audience]]:
    """One at a server of each kind."""
    made = [Audience(farm.shared(kind, **{**QUIET, **EMBEDDED})) for kind in KINDS]
    yield made
    for one in made:
        one.leave()


def seconds(at: str) -> float:
    return datetime.fromisoformat(at).timestamp()


def dues(guest: Guest, count: int) -> list[float]:
    """Return when the next ticks were due, in seconds."""
    return [seconds(guest.expect("broadcast", 30)["payload"]["due_at"]) for _ in range(count)]


def test_of_two_processes_on_one_directory_the_first_serves(rivals, raw):
    for first, _ in rivals:
        one = raw(first)
        one.send("first")
        assert one.read() == f"{one.address} echo: first"


def test_ticks_come_once_each_and_do_not_drift(audiences):
    for audience in audiences:
        heard = dues(audience.alice, 4)
        assert heard == [heard[0] + number for number in range(4)]
        others = dues(audience.bob, 4)
        assert len(set(others)) == 4 and len(set(others) & set(heard)) >= 3


def test_a_room_has_its_own_broadcast_with_its_own_words_and_no_other_hears_it(audiences):
    for audience in audiences:
        for _ in range(2):
            said = str(audience.framed.read())
            assert re.fullmatch(r"GoFrame Server broadcast: Current time is \d\d:\d\d:\d\d", said)
        assert [it for it in audience.elsewhere.settle() if it["type"] == "broadcast"] == []


def test_ticks_missed_in_a_stall_are_skipped_not_piled_up(farm, guest, audiences):
    """While the audiences go on to listen: what they hear takes seconds too."""
    servers = [farm.server(kind, **{**QUIET, **EMBEDDED}) for kind in KINDS]
    listeners = [guest(server, "ticks") for server in servers]
    befores = [dues(one, 1)[0] for one in listeners]
    for server in servers:
        server.signal(signal.SIGSTOP)
    try:
        until(lambda: time.time() > max(befores) + 2.5, "two ticks missed", 30)
    finally:
        for server in servers:
            server.signal(signal.SIGCONT)
    for one, before in zip(listeners, befores, strict=True):
        after = dues(one, 2)
        assert before < after[0] < after[1]
        assert after[1] >= before + 3, f"ticks piled up: {before}, {after}"
    farm.end(servers)


def test_the_lobby_hears_the_time_every_five_seconds_aligned_to_the_clock(audiences):
    for audience in audiences:
        first, second = (audience.lobby.expect("broadcast", 30)["payload"] for _ in range(2))
        for told in (first, second):
            assert told["room"] == "lobby" and told["name"]
            assert re.fullmatch(r"Server broadcast: Current time is \d\d:\d\d:\d\d", told["text"])
            assert seconds(told["due_at"]) % 5 == 0
            assert 0 <= seconds(told["at"]) - seconds(told["due_at"]) < 5
        assert seconds(second["due_at"]) - seconds(first["due_at"]) == 5
        heard: set[str] = set()
        while not {first["text"], second["text"]} <= heard:  # The raw member came first: it may have heard one more.
            heard.add(str(audience.raw.read()))


def test_a_process_waits_for_its_predecessor_to_end(fresh, raw):
    first = fresh()
    second = fresh(var_dir=first.var_dir, start=False)
    second.start(wait=False)
    first.terminate()
    assert second.answers(), second.log()[-1000:]
    one = raw(second)
    one.send("taken over")
    assert str(one.read()).endswith("taken over")


def test_the_worker_refuses_the_in_memory_layer_with_a_sentence(farm: Farm):
    done = farm.run(farm.var_dir(), "broadcast_time")
    said = done.stdout + done.stderr
    assert done.returncode != 0
    assert "REDIS_URL" in said and "Traceback" not in said and len(said.strip().splitlines()) <= 3, said


def test_of_two_processes_on_one_directory_the_second_ends_with_a_sentence(rivals):
    for first, second in rivals:
        assert second.wait(50) not in (0, None)
        log = second.log()
        assert "embedded.lock" in log and "REDIS_URL" in log, log[-1000:]
        assert first.healthy()
