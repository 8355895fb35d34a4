"""Readers that stall: the server's memory stays small, they are closed as slow_consumer, the others lose nothing."""

from __future__ import annotations

import json

import pytest

from .memory import MIB, Watch, send_buffers
from .services import require_proc
from .sockets import Ended, RawSocket
from .waiting import until

JSON = "chat.v1.json"
SMALL = {"CHAT_MESSAGE_RATE": "0", "CHAT_OUTBOX_BYTES": "524288"}
BODY = 8000
# TCP_NOTSENT_LOWAT, 128 KiB, and what is under way, with skmem's overhead; without it all 640 kB of the test wait there.
KERNEL_BYTES = 400_000


@pytest.fixture
def small(shared):
    return shared(**SMALL)


def speak(alice: RawSocket, others: list[RawSocket], count: int, watch: Watch | None = None) -> None:
    """Send messages in groups of 16 that all `others` read before the next; each must be there, once and in order."""
    body = "x" * BODY
    for start in range(0, count, 16):
        for number in range(start, start + 16):
            alice.send(f"{number:08} {body}")
        expected = [f"{alice.address} echo: {number:08} {body}" for number in range(start, start + 16)]
        for one in [alice, *others]:
            assert one.read_many(16, 60) == expected
        if watch:
            watch.look()


def test_stalled_readers_cost_little_are_closed_and_the_others_lose_nothing(small, raw, room):
    require_proc()
    alice = raw(small, f"/ws/{room}")
    others = [raw(small, f"/ws/{room}") for _ in range(3)]
    speak(alice, others, 320)  # what the first traffic allocates is not the stalled readers' doing
    before = 1 + len(others)
    until(lambda: small.connections() == before, "nobody of another test is left")
    watch, start = Watch(small.pid), small.mark()
    stalled = [raw(small, f"/ws/{room}", receive_buffer=4096) for _ in range(20)]
    speak(alice, others, 16)
    speak(alice, others, 1920, watch)
    until(lambda: small.connections() == before, "the stalled ones are closed")
    assert small.log(start).count("4002") >= len(stalled)
    assert watch.look() < 10 * MIB, f"RSS +{watch.look() / MIB:.1f} MiB"
    speak(alice, others, 32)


def test_the_kernel_holds_little_for_a_stalled_reader(small, raw, room):
    alice = raw(small, f"/ws/{room}")
    raw(small, f"/ws/{room}", receive_buffer=4096)
    held = []
    for _ in range(5):
        speak(alice, [], 16)
        held.append(max(send_buffers(small.port), default=0))
    assert 0 < max(held) < KERNEL_BYTES, f"the kernel held {held} bytes for one reader"


@pytest.mark.parametrize("codec", ["raw", "json"])
def test_a_reader_that_wakes_in_time_sees_4002(small, raw, room, codec):
    alice = raw(small, f"/ws/{room}")
    slow: RawSocket = raw(small, f"/ws/{room}", receive_buffer=65536, protocols=[JSON] if codec == "json" else [])
    if codec == "json":
        slow.send(json.dumps({"type": "join", "id": 1, "payload": {"room": room}}))
        while '"ack"' not in str(slow.read()):
            pass
    speak(alice, [], 240)  # 1.9 MB: more than the outbox and all buffers before it hold
    messages, close = slow.rest()
    assert close.code == 4002 and close.reason
    if codec == "json":
        last = json.loads(str(messages[-1]).split("\n")[-1])
        assert last["type"] == "closing"
        assert last["payload"]["code"] == 4002 and last["payload"]["reconnect"] is True


def test_a_slow_but_steady_reader_hears_everything(small, raw, room):
    alice, steady = raw(small, f"/ws/{room}"), raw(small, f"/ws/{room}", receive_buffer=4096)
    body = "y" * BODY
    for number in range(640):
        alice.send(f"{number} {body}")
        alice.read()
        if number >= 20:  # always 20 messages behind
            assert steady.read() == f"{alice.address} echo: {number - 20} {body}"
    assert [str(it).split(" ")[2] for it in steady.read_many(20)] == [str(number) for number in range(620, 640)]


def test_a_stalled_reader_that_does_not_take_the_close_is_cut_off(small, raw, room):
    alice, stalled = raw(small, f"/ws/{room}"), raw(small, f"/ws/{room}", receive_buffer=4096)
    until(lambda: small.connections() == 2, "nobody of another test is left")

    def gone() -> bool:
        speak(alice, [], 16)
        return small.connections() == 1

    until(gone, "the stalled one is gone", 60)
    with pytest.raises((Ended, OSError)):
        for _ in range(10_000):
            stalled.read()
            stalled.send("am I there?")
