"""Channel layers: the embedded one, and what we ask of any."""

from __future__ import annotations

import asyncio
import logging
import secrets
from typing import Any, cast

from channels.exceptions import ChannelFull
from channels.layers import BaseChannelLayer
from redis.exceptions import ResponseError

logger = logging.getLogger("chat.layers")

CHANNEL_CAPACITY = 10_000

Layer = Any  # channels and channels_redis are untyped.


class MemoryChannelLayer(BaseChannelLayer):  # type: ignore[misc]
    """A channel layer inside one process.

    channels' own forgets a member a day after it joined, forgets members of a channel that stalls, drops over 100
    messages without a word, and walks all groups for each message. This one does none of that: a channel stays in its
    groups until it is discarded, and a message costs as much as its group is large.
    """

    extensions = ["groups", "flush"]

    def __init__(self, capacity: int = CHANNEL_CAPACITY, **kwargs: Any) -> None:
        super().__init__(capacity=capacity)
        self.channels: dict[str, asyncio.Queue[dict[str, Any]]] = {}
        self.groups: dict[str, set[str]] = {}
        self.dropped = 0

    async def new_channel(self, prefix: str = "specific") -> str:
        name = f"{prefix}.memory!{secrets.token_hex(8)}"
        self._queue(name)
        return name

    def _queue(self, channel: str) -> asyncio.Queue[dict[str, Any]]:
        queue = self.channels.get(channel)
        if queue is None:
            queue = self.channels[channel] = asyncio.Queue(self.capacity)
        return queue

    async def send(self, channel: str, message: dict[str, Any]) -> None:
        """Raises: ChannelFull."""
        self.require_valid_channel_name(channel)
        self._put(channel, message)

    def _put(self, channel: str, message: dict[str, Any]) -> None:
        try:
            # A shallow copy keeps one receiver's changes from another; what we send holds only strings and bytes.
            self._queue(channel).put_nowait(dict(message))
        except asyncio.QueueFull:
            raise ChannelFull(channel) from None

    async def receive(self, channel: str) -> dict[str, Any]:
        self.require_valid_channel_name(channel)
        return await self._queue(channel).get()

    async def group_add(self, group: str, channel: str) -> None:
        self.require_valid_group_name(group)
        self.require_valid_channel_name(channel)
        self.groups.setdefault(group, set()).add(channel)

    async def group_discard(self, group: str, channel: str) -> None:
        self.require_valid_group_name(group)
        members = self.groups.get(group, set())
        members.discard(channel)
        if not members:
            self.groups.pop(group, None)

    async def group_send(self, group: str, message: dict[str, Any]) -> None:
        self.require_valid_group_name(group)
        for channel in tuple(self.groups.get(group, ())):
            try:
                self._put(channel, message)
            except ChannelFull:
                self.dropped += 1
                logger.warning(
                    "channel %s is full (%d messages): one for group %s is dropped", channel, self.capacity, group
                )

    async def flush(self) -> None:
        self.channels.clear()
        self.groups.clear()

    async def close(self) -> None:
        """Do nothing: there is nothing to close."""


def pulse_groups(layer: Layer) -> list[str]:
    """Return names of groups that every process listens to, one on each shard of the layer."""
    shards = layer_shards(layer)
    names: dict[int, str] = {}
    for number in range(64 * len(shards)):
        name = f"pulse.{number}"
        names.setdefault(shard_number(layer, shards, name), name)
        if len(names) == len(shards):
            break
    return list(names.values())


class Replica(Exception):
    """A shard of the layer is a replica: what is published there reaches those who are subscribed there, and nobody else."""


async def refuse_replicas(layer: Layer) -> None:
    """Ask each shard that is connected for its role. Raises: Replica; whatever the layer raises."""
    for shard in layer_shards(layer):
        redis = getattr(shard, "_redis", None)  # channels_redis 4.3 gives no way to its connections.
        if redis is None:
            continue
        try:
            role = (await redis.role())[0]
        except ResponseError:  # An ACL that does not let us ask.
            continue
        if role in (b"slave", "slave"):
            raise Replica("this Redis is a read-only replica: what is published there reaches no other server")


def layer_shards(layer: Layer) -> list[Any]:
    """Return a Redis layer's shards; any other layer is one shard."""
    return cast(list[Any], getattr(layer, "_shards", None) or [layer])


def shard_number(layer: Layer, shards: list[Any], group: str) -> int:
    if len(shards) == 1:
        return 0
    return shards.index(layer._get_shard(layer._get_group_channel_name(group)))
