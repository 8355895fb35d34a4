"""Relaying in volatile rooms."""

from __future__ import annotations

from collections.abc import Callable

from chat.rooms.relay import Relay
from chat.wire.commands import Send
from chat.wire.events import Event, Message
from tests.fakes import ADA


class Layer:
    """Takes what is published, or does not; who asked is told at once."""

    def __init__(self) -> None:
        self.published: list[tuple[str, Event]] = []
        self.takes = True

    def publish(self, room: str, event: Event, done: Callable[[bool], None] | None = None) -> None:
        self.published.append((room, event))
        if done is not None:
            done(self.takes)


def test_a_message_carries_what_was_sent_who_sent_it_and_when() -> None:
    layer = Layer()
    relay = Relay(layer.publish, lambda: 1795348800.25)
    relay.say(Send(room="lobby", text="hi", key="12345678"), ADA, "192.0.2.1:5000", None)
    relay.say(Send(room="lobby", data=b"\xff"), ADA, "", None)
    assert layer.published == [
        ("lobby", Message(1, ADA, 1795348800.25, "192.0.2.1:5000", text="hi", key="12345678")),
        ("lobby", Message(2, ADA, 1795348800.25, "", data=b"\xff")),
    ]


def test_each_room_counts_its_own_messages() -> None:
    layer = Layer()
    relay = Relay(layer.publish)
    for room in ("a", "b", "a", "a", "b"):
        relay.say(Send(room=room, text="x"), ADA, "", None)
    assert [(room, event.message) for room, event in layer.published] == [
        ("a", 1),
        ("b", 1),
        ("a", 2),
        ("a", 3),
        ("b", 2),
    ]


def test_who_asks_is_told_which_message_it_was_and_whether_it_was_taken() -> None:
    layer, told = Layer(), []
    relay = Relay(layer.publish)
    relay.say(Send(room="lobby", text="1"), ADA, "", lambda message, taken: told.append((message.message, taken)))
    layer.takes = False
    relay.say(Send(room="lobby", text="2"), ADA, "", lambda message, taken: told.append((message.message, taken)))
    assert told == [(1, True), (2, False)]
