"""`manage.py broadcast_time`: when it refuses, and how it ends. On a real Redis it is tested in live/test_cluster.py."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from channels.layers import channel_layers
from django.core.management import CommandError, call_command
from redis.exceptions import ConnectionError as RedisConnectionError

from chat.broker import group_of
from chat.layers import MemoryChannelLayer
from chat.management.commands import broadcast_time
from chat.models import Broadcast, Room
from chat.wire import events
from tests.live.servers import ROOT, Process, environment, free_port


class RecordingLayer(MemoryChannelLayer):
    """Keeps what is sent to groups; can be down. Nothing is ever received from it."""

    def __init__(self) -> None:
        super().__init__()
        self.sent: list[tuple[str, dict[str, Any]]] = []
        self.down = False

    async def group_send(self, group: str, message: dict[str, Any]) -> None:
        if self.down:
            raise RedisConnectionError("connection refused")
        self.sent.append((group, message))


@pytest.fixture
def layer(settings: Any) -> Iterator[RecordingLayer]:
    """A layer that stands in for Redis."""
    settings.CHAT = dataclasses.replace(settings.CHAT, redis_urls=("redis://127.0.0.1:1",))
    made = RecordingLayer()
    before = channel_layers.set("default", made)
    yield made
    channel_layers.set("default", before)


def test_with_the_in_memory_layer_it_refuses_and_says_why_and_what_to_set(settings: Any) -> None:
    settings.CHAT = dataclasses.replace(settings.CHAT, redis_urls=())
    with pytest.raises(CommandError, match="in-memory channel layer reaches no other process.*set REDIS_URL"):
        call_command("broadcast_time")


@pytest.mark.django_db(transaction=True)
def test_once_sends_each_enabled_broadcast_to_its_own_rooms_group(layer: RecordingLayer) -> None:
    Broadcast.objects.all().delete()
    for slug, template in (("lobby", "{room}"), ("goframe", "GoFrame Server broadcast: {room}")):
        room, _ = Room.objects.update_or_create(slug=slug, defaults={"title": slug.title()})
        Broadcast.objects.create(name="Time", room=room, template=template)
        Broadcast.objects.create(name="Off", room=room, enabled=False)
    call_command("broadcast_time", "--once")
    found = {group: [event.text for event in events.unpack(message["events"])] for group, message in layer.sent}
    assert found == {group_of("lobby"): ["Lobby"], group_of("goframe"): ["GoFrame Server broadcast: Goframe"]}
    assert len(layer.sent) == 2


@pytest.mark.django_db(transaction=True)
def test_once_with_a_layer_that_is_down_ends_with_a_sentence(layer: RecordingLayer) -> None:
    room, _ = Room.objects.get_or_create(slug="lobby", defaults={"title": "Lobby"})
    Broadcast.objects.get_or_create(name="Time", room=room)
    layer.down = True
    with pytest.raises(CommandError, match="Not every broadcast was sent: ConnectionError: connection refused"):
        call_command("broadcast_time", "--once")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_cleanly_also_with_neither_database_tables_nor_redis(number: int, tmp_path: Path) -> None:
    worker = Process(
        [sys.executable, str(ROOT / "manage.py"), "broadcast_time"],
        environment(tmp_path, {"REDIS_URL": f"redis://127.0.0.1:{free_port()}", "SECRET_KEY": "for-this-test"}),
        tmp_path / "worker.log",
    )
    worker.spawn()
    try:
        worker.logged("Broadcast worker", seconds=60)
        worker.logged("The database does not answer", seconds=60)
        began = time.monotonic()
        worker.signal(number)
        assert worker.wait() == 0
        # The goal is a second; the rest is for a machine that is busy with other tests.
        assert time.monotonic() - began < 5
    finally:
        worker.kill()
    log = worker.log()
    assert log.count("does not answer") == 1
    assert "Traceback" not in log
    assert "stopped" in log


def test_a_locked_database_is_said_in_one_line_and_does_not_keep_it_from_ending(tmp_path: Path) -> None:
    worker = Process(
        [sys.executable, str(ROOT / "manage.py"), "broadcast_time"],
        environment(tmp_path, {"REDIS_URL": f"redis://127.0.0.1:{free_port()}", "SECRET_KEY": "for-this-test"}),
        tmp_path / "worker.log",
    )
    subprocess.run(
        [sys.executable, str(ROOT / "manage.py"), "migrate", "-v0"], env=worker.environ, check=True, timeout=120
    )
    with contextlib.closing(sqlite3.connect(tmp_path / "chatsite.sqlite3", isolation_level=None)) as writer:
        writer.execute("BEGIN IMMEDIATE")
        worker.spawn()
        try:
            worker.logged("The database does not answer", seconds=60)
            began = time.monotonic()
            assert worker.terminate() == 0
            assert time.monotonic() - began < 5
        finally:
            worker.kill()
    assert worker.log().count("does not answer") == 1
    assert "Traceback" not in worker.log()


async def test_hanging_up_does_not_wait_for_a_redis_that_hangs(
    layer: RecordingLayer, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def hang() -> None:
        await asyncio.Event().wait()

    monkeypatch.setattr(layer, "flush", hang)
    monkeypatch.setattr(broadcast_time, "FLUSH_SECONDS", 0.01)
    async with asyncio.timeout(30):
        await broadcast_time.hang_up()
