"""Contact: who hears whom through the layer, by pulses of both sides."""

from __future__ import annotations

import logging
from itertools import combinations

import pytest

from chat.live.contact import HEARD_SECONDS, SILENT_SECONDS, Contact
from chat.models.process import Other, key_mark
from chat.peers import FRESH_SECONDS, Peers

GROUPS = ["pulse.0", "pulse.1"]
AGE_SECONDS = 5.0


class Net:
    """Some processes that live, and whether a pulse of one reaches another in a group."""

    def __init__(self, *names: str) -> None:
        self.now = 100.0
        self.cut: set[tuple[str, str, str]] = set()
        self.dead: set[str] = set()
        self.nodes = {name: Contact(name, lambda: self.now) for name in names}

    def run(self, seconds: float) -> None:
        """Let everybody pulse once a second, and read the others' rows every five."""
        for _ in range(int(seconds)):
            self.now += 1
            living = [name for name in self.nodes if name not in self.dead]
            for sender in living:
                for group in GROUPS:
                    hears = self.nodes[sender].hears(group)
                    for hearer in living:
                        if hearer != sender and (sender, hearer, group) not in self.cut:
                            self.nodes[hearer].pulse_came(sender, group, hears)
                if int(self.now) % 5 == 0:
                    for other in living:
                        if other != sender:
                            # As old as a row may be that is read now.
                            self.nodes[sender].expect(other, FRESH_SECONDS - AGE_SECONDS)

    def sever(self, one: str, other: str, *groups: str, both: bool = True) -> None:
        for group in groups or GROUPS:
            self.cut |= {(one, other, group), *([(other, one, group)] if both else [])}

    def alone(self) -> set[str]:
        return {name for name, it in self.nodes.items() if name not in self.dead and it.alone(GROUPS, 100.0)}

    def unheard(self) -> dict[str, list[str]]:
        return {name: found for name, it in self.nodes.items() if (found := it.unheard(GROUPS, 100.0))}


LONG = 3 * SILENT_SECONDS


def test_who_hears_each_other_is_in_touch_and_one_who_is_the_only_one_too() -> None:
    net = Net("a", "b", "c")
    net.run(LONG)
    assert net.alone() == set() and net.unheard() == {}
    single = Net("a")
    single.run(LONG)
    assert single.alone() == set()


def cut_both(net: Net) -> None:
    for other in "bc":
        net.sever("a", other)


def cut_one_way(net: Net) -> None:
    """As on a replica: it hears what comes from the master, and nobody hears it."""
    for other in "bc":
        net.sever("a", other, both=False)


def cut_one_shard(net: Net) -> None:
    for other in "bc":
        net.sever("a", other, "pulse.1")


def cut_all(net: Net) -> None:
    for one, other in combinations("abc", 2):
        net.sever(one, other)


@pytest.mark.parametrize(
    ("cut", "alone"),
    [(cut_both, {"a"}), (cut_one_way, {"a"}), (cut_one_shard, {"a"}), (cut_all, {"a", "b", "c"})],
)
def test_one_whom_no_other_hears_on_every_shard_is_alone_until_it_is_heard(cut: object, alone: set[str]) -> None:
    net = Net("a", "b", "c")
    cut(net)  # type: ignore[operator]
    net.run(LONG)
    assert net.alone() == alone
    net.cut.clear()
    net.run(3)
    assert net.alone() == set()
    net.run(LONG)
    cut(net)  # type: ignore[operator]
    net.run(SILENT_SECONDS)
    assert net.alone() == set(), "a few pulses may be lost"
    net.run(HEARD_SECONDS + 2)
    assert net.alone() == alone


def test_of_a_split_in_halves_each_process_names_who_is_out_of_touch() -> None:
    net = Net("a", "b", "c", "d")
    for one in "ab":
        for other in "cd":
            net.sever(one, other)
    net.run(LONG)
    assert net.alone() == set()
    assert net.unheard() == {"a": ["c", "d"], "b": ["c", "d"], "c": ["a", "b"], "d": ["a", "b"]}


def test_a_process_that_was_killed_makes_nobody_alone() -> None:
    net = Net("a", "b")
    net.run(LONG)
    net.dead.add("b")
    for _ in range(int(LONG)):
        net.run(1)
        assert net.alone() == set()


def test_a_process_that_has_just_begun_has_time_to_be_heard() -> None:
    net = Net("a", "b")
    net.dead.add("b")
    net.run(LONG)
    net.dead.clear()
    for _ in range(int(LONG)):
        net.run(1)
        assert "a" not in net.alone()


# Rows


def other(name: str, *, layer: str = "up", key: str = "mine", age: float = 1.0) -> Other:
    return Other(name, f"host:{name}", layer, key, age)


def test_of_the_rows_those_are_expected_that_are_fresh_and_pulse_to_others() -> None:
    expected: dict[str, float] = {}
    peers = Peers("mine", expected.__setitem__)
    peers.found(
        [other("a"), other("b", layer="down"), other("c", layer="alone"), other("d", age=14), other("e", key="")]
    )
    assert expected == {"a": FRESH_SECONDS - 1, "c": FRESH_SECONDS - 1}


def test_other_keys_are_said_once_and_again_when_more_have_them(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    peers = Peers("mine", lambda node, seconds: None)
    for _ in range(3):
        peers.found([other("a"), other("b", key="theirs"), other("c", key="")])
    assert len(caplog.messages) == 1
    assert caplog.messages[0].startswith("SECRET_KEY here is not that of host:b: people who are signed in")
    peers.found([other("b", key="theirs"), other("d", key="theirs")])
    peers.found([])
    peers.found([other("b", key="theirs")])
    assert len(caplog.messages) == 3


def test_a_mark_tells_keys_apart_and_nothing_of_them() -> None:
    assert key_mark("one") == key_mark("one") != key_mark("two")
    assert "one" not in key_mark("one")
    assert len(key_mark("x" * 1000)) == 16
