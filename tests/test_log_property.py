"""Properties of durable rooms: whatever happens in whatever order, every client ends with the log's state."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from chat.conversation import Conversation
from chat.database import ask
from chat.live.connection import Connection
from chat.reading import Entry, Reading
from chat.rooms import recovery
from chat.rooms.directory import RoomCard
from chat.rooms.recovery import Limits
from chat.wire.commands import Since
from tests import simulation_log
from tests.fakes import Bus, FakeLane, FakeLayer, connect, make_node
from tests.log_client import LogClient
from tests.model_log import ModelLog
from tests.simulation_log import Joins, join_added_after_the_read, join_rows_before_the_head
from tests.virtual import VirtualLoop

# How many seeds, and how many runs of the machine, `make test` and `make long` try.
SHORT, LONG = "short", pytest.param("long", marks=pytest.mark.long)
SEEDS = {"short": range(500), "long": range(2000)}
RUNS = {"short": 30, "long": 150}
# A wrong order of joining goes wrong in every third run or so.
SEEDS_OF_A_MUTANT = 40
ROOM = "lobby"


@pytest.mark.parametrize("form", [SHORT, LONG])
def test_every_client_ends_with_the_logs_state_whatever_the_seed(form: str) -> None:
    wrong = {seed: faults for seed in SEEDS[form] if (faults := simulation_log.run(seed))}
    assert not wrong, f"seeds {list(wrong)}; the first: {next(iter(wrong.values()))}"


def test_a_seed_gives_the_same_run_again() -> None:
    first = [simulation_log.run(seed, join_rows_before_the_head) for seed in range(10)]
    assert first == [simulation_log.run(seed, join_rows_before_the_head) for seed in range(10)]
    assert any(first)


@pytest.mark.parametrize("joins", [join_added_after_the_read, join_rows_before_the_head])
def test_the_simulation_catches_a_wrong_order_of_joining(joins: Joins) -> None:
    caught = [seed for seed in range(SEEDS_OF_A_MUTANT) if simulation_log.run(seed, joins)]
    assert len(caught) >= SEEDS_OF_A_MUTANT // 10


@pytest.mark.parametrize(
    ("module", "name", "broken"),
    [
        ("chat.live.stream.Stream", "seen", lambda self, head, position: None),
        ("chat.live.stream.Stream", "_wait", lambda self: None),
        ("chat.live.hub.LiveRoom", "_catch_up", lambda self, member, events, place: place),
        ("chat.live.hub.LiveRoom", "_begin", lambda self, head: None),
    ],
    ids=["no look", "no fill", "no catching up", "no place to begin from"],
)
def test_the_simulation_catches_what_does_not_recover(
    module: str, name: str, broken: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(f"{module}.{name}", broken)
    assert any(simulation_log.run(seed) for seed in range(SEEDS_OF_A_MUTANT))


# Whole conversations, over two processes


class Person(LogClient):
    """A client over true conversations, which joins again whenever it is told to."""

    def __init__(self) -> None:
        super().__init__()
        self.lane = FakeLane(asyncio.get_running_loop())
        self.connection: Connection | None = None
        self.conversation: Conversation | None = None
        self.asked = 0
        self.joining: set[int] = set()
        self.leaving: set[int] = set()

    def dial(self, node: Any) -> None:
        self.lane = FakeLane(asyncio.get_running_loop())
        self.connection = connect(node.codecs["json"], self.lane)
        self.conversation = Conversation(node, self.connection)

    def hang_up(self, node: Any) -> None:
        if self.conversation is None or self.connection is None:
            return
        self.conversation.end()
        self.connection.outbox.stop()
        self.lane.batches.clear()  # What was on its way is lost.
        for room in tuple(self.connection.rooms):
            node.hub.discard(room, self.connection)
        self.conversation, self.connection, self.live = None, None, False
        self.heard.clear()
        self.joining.clear()
        self.leaving.clear()

    def say(self, kind: str, **payload: Any) -> int:
        assert self.conversation is not None
        self.asked += 1
        self.conversation.hear(json.dumps({"type": kind, "id": self.asked, "payload": payload}), None, ROOM)
        return self.asked

    def join(self) -> None:
        self.joining.add(self.say("join", room=ROOM, **({"since": self.since} if self.since else {})))

    def take(self) -> None:
        """Take what has come; join again where that was asked for."""
        for envelope in self.lane.take() if self.lane.batches else ():
            kind, payload = envelope["type"], envelope.get("payload", {})
            if kind == "ack" and envelope["id"] in self.joining:
                self.joining.discard(envelope["id"])
                names = ("epoch", "offset", "recovered", "more", "messages")
                self.answered(**{name: payload[name] for name in names})
            elif kind == "ack" and envelope["id"] in self.leaving:
                self.leaving.discard(envelope["id"])
                self.live = False
            elif kind == "error" and envelope.get("id") in self.joining:
                self.joining.discard(envelope["id"])
            elif kind not in ("ack", "error"):
                self.told(kind, payload)
        if self.conversation is not None and not self.live and not self.joining:
            self.join()


class Rooms(RuleBasedStateMachine):
    """Two processes, three people who may do anything at any time, and a layer that may be deaf."""

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner(loop_factory=VirtualLoop)
        self.runner.run(self.begin())

    async def begin(self) -> None:
        self.log = ModelLog(ROOM)
        self.bus = Bus()
        clustered = {"REDIS_URL": "redis://127.0.0.1:1/0", "CHAT_MESSAGE_RATE": "0"}
        self.nodes = [make_node(layer=FakeLayer(self.bus), log=self.log, **clustered) for _ in range(2)]
        for node in self.nodes:
            # Long enough for others to write between what is read and its answer.
            node.reader.answer_seconds = 0.06
            node.start()
        await asyncio.sleep(0.01)
        self.people = [Person() for _ in range(3)]
        self.at = [0, 1, 0]
        for index in range(3):
            self.people[index].dial(self.nodes[self.at[index]])
            self.people[index].join()
        await self.pass_time(0.1)

    async def pass_time(self, seconds: float) -> None:
        end = asyncio.get_running_loop().time() + seconds
        while asyncio.get_running_loop().time() < end:
            await asyncio.sleep(0.05)
            for person in self.people:
                person.take()

    def do(self, who: int, kind: str, **payload: Any) -> None:
        async def said() -> None:
            person = self.people[who]
            if person.conversation is not None and (person.connection is None or ROOM in person.connection.rooms):
                person.say(kind, room=ROOM, **payload)

        self.runner.run(said())

    who = st.integers(0, 2)
    number = st.integers(1, 6)

    @rule(who=who, text=st.sampled_from(["a", "b", "c"]), reply=st.none() | number)
    def send(self, who: int, text: str, reply: int | None) -> None:
        self.do(who, "send", text=text, **({} if reply is None else {"reply_to": reply}))

    @rule(who=who, key=st.sampled_from(["same-key-1", "same-key-2"]))
    def send_again(self, who: int, key: str) -> None:
        self.do(who, "send", text="again", key=key)

    @rule(who=who, number=number, text=st.sampled_from(["x", "y"]))
    def edit(self, who: int, number: int, text: str) -> None:
        self.do(who, "edit", message=number, text=text)

    @rule(who=who, number=number)
    def delete(self, who: int, number: int) -> None:
        self.do(who, "delete", message=number)

    @rule(who=who, number=number, on=st.booleans())
    def react(self, who: int, number: int, on: bool) -> None:
        self.do(who, "react", message=number, emoji="👍", on=on)

    @rule(who=who)
    def disconnect(self, who: int) -> None:
        async def ended() -> None:
            self.people[who].hang_up(self.nodes[self.at[who]])

        self.runner.run(ended())

    @rule(who=who, node=st.integers(0, 1))
    def recover(self, who: int, node: int) -> None:
        async def back() -> None:
            person = self.people[who]
            if person.conversation is None:
                self.at[who] = node
                person.dial(self.nodes[node])
            person.join()

        self.runner.run(back())

    @rule(who=who)
    def leave(self, who: int) -> None:
        async def left() -> None:
            person = self.people[who]
            if person.conversation is not None and person.live and not person.joining:
                person.leaving.add(person.say("leave", room=ROOM))

        self.runner.run(left())

    @rule(deaf=st.booleans())
    def layer(self, deaf: bool) -> None:
        self.bus.deaf = deaf

    @rule(down=st.booleans())
    def database(self, down: bool) -> None:
        for node in self.nodes:
            node.writer.down = down

    @rule(seconds=st.sampled_from([0.01, 0.2, 1.5]))
    def wait(self, seconds: float) -> None:
        self.runner.run(self.pass_time(seconds))

    @invariant()
    def nobody_was_told_anything_wrong(self) -> None:
        assert not [fault for person in self.people for fault in person.wrong]

    def teardown(self) -> None:
        try:
            self.runner.run(self.end())
        finally:
            self.runner.close()

    async def end(self) -> None:
        """See that all who are here, and one who comes now, hold the same."""
        for index, person in enumerate(self.people):
            if person.conversation is None:
                person.dial(self.nodes[self.at[index]])
        await self.pass_time(4)
        fresh = Person()
        self.people.append(fresh)
        fresh.dial(self.nodes[1])
        await self.pass_time(1)
        held = {"epoch": fresh.epoch, "position": fresh.position, "messages": fresh.messages}
        for person in self.people:
            assert person.live
            assert {"epoch": person.epoch, "position": person.position, "messages": person.messages} == held
            assert not person.wrong
        assert [(row.number, row.offset) for row in self.log.rows(ROOM)] == [
            (number, message["offset"]) for number, message in sorted(fresh.messages.items())
        ]
        for node in self.nodes:
            await node.stop()


MANY = settings(stateful_step_count=30, deadline=None, suppress_health_check=list(HealthCheck))


@pytest.mark.parametrize("form", [SHORT, LONG])
def test_whatever_people_do_all_end_with_what_a_fresh_join_gives(form: str) -> None:
    run_state_machine_as_test(Rooms, settings=settings(MANY, max_examples=RUNS[form]))


async def read_and_begin_then(self: Reading, card: RoomCard, since: Since | None, limits: Limits) -> Entry:
    """Prepare a join in the wrong order: what passes after the read and before the beginning is lost."""
    await self.node.membership.joined(card.slug)
    page = await ask(self.node.reader, recovery.recover, card.slug, since, limits)
    self.node.hub.begin(card.slug, self.connection)
    return Entry(self.describe(card, page), card.slug, page.head if page else None)


@pytest.mark.long
def test_the_machine_catches_a_member_that_begins_after_the_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("chat.reading.Reading.prepare_durable", read_and_begin_then)
    unshrunk = settings(MANY, phases=[Phase.generate], database=None, derandomize=True, max_examples=1000)
    with pytest.raises(AssertionError):
        run_state_machine_as_test(Rooms, settings=unshrunk)
