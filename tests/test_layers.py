"""The in-memory channel layer."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest
from channels.exceptions import ChannelFull
from channels.layers import InMemoryChannelLayer

from chat.layers import MemoryChannelLayer, pulse_groups
from tests.fakes import FakeLayer


async def joined(layer: MemoryChannelLayer, *groups: str) -> str:
    channel = await layer.new_channel()
    for group in groups:
        await layer.group_add(group, channel)
    return channel


async def drained(layer: MemoryChannelLayer, channel: str, count: int) -> list[int]:
    return [(await layer.receive(channel))["n"] for _ in range(count)]


async def test_a_burst_of_ten_thousand_messages_is_heard_whole_and_in_order() -> None:
    layer = MemoryChannelLayer()
    channel = await joined(layer, "room.lobby")
    for number in range(10_000):
        await layer.group_send("room.lobby", {"type": "x", "n": number})
    assert await drained(layer, channel, 10_000) == list(range(10_000))
    assert layer.dropped == 0


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """Return what moves the clock that channels' own layer expires by."""
    now = [time.time()]
    monkeypatch.setattr(time, "time", lambda: now[0])

    def pass_time(seconds: float) -> None:
        now[0] += seconds

    return pass_time


async def stays_for_days(layer: Any, clock: Callable[[float], None]) -> bool:
    """Tell whether a member hears a message each hour for four days."""
    channel = await joined(layer, "room.lobby")
    for number in range(100):
        await layer.group_send("room.lobby", {"type": "x", "n": number})
        if channel not in layer.channels or (await layer.receive(channel))["n"] != number:
            return False
        clock(3600)
    return True


async def test_a_member_stays_in_its_groups_for_days_whatever_group_expiry_says(
    clock: Callable[[float], None],
) -> None:
    assert await stays_for_days(MemoryChannelLayer(expiry=1, group_expiry=2), clock)
    assert not await stays_for_days(InMemoryChannelLayer(), clock), "channels' own has learned it: use that"


async def test_a_receiver_that_stalls_for_an_hour_finds_what_was_sent_meanwhile(clock: Callable[[float], None]) -> None:
    layer = MemoryChannelLayer(expiry=1, group_expiry=2)
    channel = await joined(layer, "room.lobby")
    for number in range(60):
        await layer.group_send("room.lobby", {"type": "x", "n": number})
        clock(60)
    assert await drained(layer, channel, 60) == list(range(60))


async def test_what_a_full_channel_cannot_take_is_counted_and_logged_and_the_others_hear_it(
    caplog: pytest.LogCaptureFixture,
) -> None:
    layer = MemoryChannelLayer(capacity=3)
    full, other = await joined(layer, "room.lobby"), await joined(layer, "room.lobby")
    for number in range(5):
        await layer.group_send("room.lobby", {"type": "x", "n": number})
        assert await drained(layer, other, 1) == [number]
    assert layer.dropped == 2
    assert f"channel {full} is full (3 messages): one for group room.lobby is dropped" in caplog.text
    assert await drained(layer, full, 3) == [0, 1, 2]
    with pytest.raises(ChannelFull):
        for _ in range(4):
            await layer.send(full, {"type": "x"})


async def test_a_group_is_heard_by_its_members_until_they_leave() -> None:
    layer = MemoryChannelLayer()
    one, other = await joined(layer, "room.a", "room.b"), await joined(layer, "room.b")
    await layer.group_send("room.a", {"type": "x", "n": 1})
    await layer.group_send("room.b", {"type": "x", "n": 2})
    await layer.group_discard("room.b", one)
    await layer.group_discard("room.b", one)
    await layer.group_discard("room.never", one)
    await layer.group_send("room.b", {"type": "x", "n": 3})
    assert await drained(layer, one, 2) == [1, 2]
    assert await drained(layer, other, 2) == [2, 3]
    assert layer.channels[one].empty()


async def test_a_group_without_members_is_forgotten() -> None:
    layer = MemoryChannelLayer()
    channel = await joined(layer, "room.a")
    await layer.group_discard("room.a", channel)
    await layer.group_send("room.a", {"type": "x"})
    assert layer.groups == {}


async def test_what_one_receiver_does_to_a_message_another_does_not_see() -> None:
    layer = MemoryChannelLayer()
    one, other = await joined(layer, "room.a"), await joined(layer, "room.a")
    sent = {"type": "x", "n": 1}
    await layer.group_send("room.a", sent)
    (await layer.receive(one)).clear()
    assert await layer.receive(other) == sent == {"type": "x", "n": 1}


async def test_no_two_channels_have_one_name_and_flushing_forgets_them() -> None:
    layer = MemoryChannelLayer()
    channels = {await joined(layer, "room.a") for _ in range(100)}
    assert len(channels) == 100
    await layer.flush()
    assert (layer.channels, layer.groups) == ({}, {})
    await layer.close()


@pytest.mark.parametrize("call", ["send", "receive", "group_add", "group_discard", "group_send"])
async def test_a_name_that_redis_would_not_take_is_refused_here_too(call: str) -> None:
    layer = MemoryChannelLayer()
    arguments: dict[str, tuple[Any, ...]] = {
        "send": ("no such ü!", {"type": "x"}),
        "receive": ("no such ü!",),
        "group_add": ("raum ü", "specific.a!b"),
        "group_discard": ("raum ü", "specific.a!b"),
        "group_send": ("raum ü", {"type": "x"}),
    }
    with pytest.raises(TypeError):
        await getattr(layer, call)(*arguments[call])


async def test_a_message_costs_as_much_as_its_group_is_large_and_not_as_there_are_groups() -> None:
    async def cost(groups: int) -> float:
        layer = MemoryChannelLayer(capacity=100_000)
        channel = await layer.new_channel()
        for number in range(groups):
            await layer.group_add(f"room.{number}", channel)
        began = time.process_time()
        for _ in range(2000):
            await layer.group_send("room.0", {"type": "x"})
        return time.process_time() - began

    await cost(1)
    # Walking all groups, as channels' own does, is hundreds of times slower.
    assert await cost(10_000) < 20 * await cost(1)


class ShardedLayer(FakeLayer):
    """A fake of channels_redis's pubsub layer, as far as it finds a group's shard."""

    def __init__(self, shards: int) -> None:
        super().__init__()
        self._shards = [object() for _ in range(shards)]

    def _get_group_channel_name(self, group: str) -> str:
        return f"prefix__group__{group}"

    def _get_shard(self, name: str) -> object:
        return self._shards[sum(name.encode()) % len(self._shards)]


@pytest.mark.parametrize("shards", [1, 2, 3, 7])
def test_every_shard_has_a_group_for_pulses(shards: int) -> None:
    layer = ShardedLayer(shards)
    groups = pulse_groups(layer)
    assert len(groups) == shards
    assert {id(layer._get_shard(layer._get_group_channel_name(group))) for group in groups} == set(
        map(id, layer._shards)
    )


def test_a_layer_without_shards_has_one_group_for_pulses() -> None:
    assert pulse_groups(FakeLayer()) == ["pulse.0"]
