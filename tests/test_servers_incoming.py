"""Incoming data."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from chatsite.servers.incoming import FRAGMENT_BYTES, FRAGMENTS, SLICE_BYTES, UNFINISHED_SECONDS, Feed, Unfinished
from tests.fakes import FakeLoop


class Timer:
    """A timer of FakeLoop's that can be cancelled."""

    def __init__(self, loop: Loop, entry: object) -> None:
        self.loop = loop
        self.entry = entry

    def cancel(self) -> None:
        self.loop.timers = [timer for timer in self.loop.timers if timer is not self.entry]


class Loop(FakeLoop):
    """A fake loop whose timers can be cancelled."""

    def call_later(self, delay: float, call: object, *arguments: object) -> Timer:  # type: ignore[override]
        super().call_later(delay, call, *arguments)  # type: ignore[arg-type]
        return Timer(self, self.timers[-1])


def unfinished(max_bytes: int = 65536) -> tuple[Unfinished, Loop, list[str]]:
    loop, late = Loop(), []
    watch = Unfinished(loop, lambda: late.append("late"))  # type: ignore[arg-type]
    watch.limit(max_bytes)
    return watch, loop, late


def test_whole_messages_have_no_limit_and_no_timer() -> None:
    watch, loop, _ = unfinished()
    assert all(watch.frame(final=True) for _ in range(100_000))
    assert loop.timers == []


def test_a_message_may_have_so_many_fragments_and_then_no_more() -> None:
    watch, _, _ = unfinished(1600)
    most = FRAGMENTS + 1600 // FRAGMENT_BYTES
    assert [watch.frame(final=False) for _ in range(most)] == [True] * (most - 1) + [False]


def test_the_next_message_counts_anew() -> None:
    watch, _, _ = unfinished(0)
    for _ in range(5):
        assert all(watch.frame(final=False) for _ in range(FRAGMENTS - 1))
        assert watch.frame(final=True)


def test_a_message_that_stays_unfinished_is_late_whether_fragments_trickle_in_or_not() -> None:
    for trickling in (False, True):
        watch, loop, late = unfinished()
        watch.frame(final=False)
        for _ in range(int(UNFINISHED_SECONDS) - 1):
            loop.pass_time(1)
            if trickling:
                watch.frame(final=False)
        assert late == []
        loop.pass_time(1.1)
        assert late == ["late"]


def test_a_message_that_ends_in_time_is_not_late_nor_is_a_connection_that_ended() -> None:
    for end in (lambda watch: watch.frame(final=True), Unfinished.end):
        watch, loop, late = unfinished()
        watch.frame(final=False)
        end(watch)
        loop.pass_time(10 * UNFINISHED_SECONDS)
        assert late == []


class Parser:
    """Takes slices; pauses its feed when it has had enough of them."""

    def __init__(self, pause_after: list[int] | None = None) -> None:
        self.slices: list[bytes] = []
        self.pauses = pause_after or []
        self.feed = Feed(self.parse)

    def parse(self, data: bytes) -> None:
        assert not self.feed.paused, "fed while paused"
        assert len(data) <= SLICE_BYTES
        self.slices.append(data)
        if len(self.slices) in self.pauses:
            self.feed.paused = True

    @property
    def data(self) -> bytes:
        return b"".join(self.slices)


def test_what_is_small_is_handed_over_as_it_came() -> None:
    parser = Parser()
    parser.feed.data(b"abc")
    assert parser.slices == [b"abc"]


def test_what_is_large_is_handed_over_in_slices() -> None:
    parser = Parser()
    parser.feed.data(bytes(3 * SLICE_BYTES + 1))
    assert [len(data) for data in parser.slices] == [SLICE_BYTES] * 3 + [1]


def test_a_pause_in_the_midst_of_a_read_keeps_the_rest_until_reading_goes_on() -> None:
    parser = Parser(pause_after=[1, 2])
    parser.feed.data(bytes(2 * SLICE_BYTES) + b"end")
    assert len(parser.slices) == 1
    assert not parser.feed.resume()
    assert len(parser.slices) == 2
    assert parser.feed.resume()
    assert parser.slices[2] == b"end"
    assert parser.feed.resume()


@given(st.lists(st.integers(0, 4 * SLICE_BYTES), max_size=8), st.lists(st.integers(1, 20), max_size=8, unique=True))
def test_every_byte_is_handed_over_once_and_in_order_whenever_it_pauses(sizes: list[int], pauses: list[int]) -> None:
    parser, whole = Parser(pauses), b""
    for number, size in enumerate(sizes):
        data = bytes([number]) * size
        whole += data
        parser.feed.data(data)
    while not parser.feed.resume():
        assert whole.startswith(parser.data)
    assert parser.data == whole
