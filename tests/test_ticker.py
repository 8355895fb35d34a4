"""The ticker at work: its words in the log, its lease, and its end."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.db import OperationalError
from redis.exceptions import ConnectionError as RedisConnectionError

from chat import ticker
from chat.broadcasts import Unavailable
from chat.database import Database
from chat.models import Broadcast, Lease, Room
from chat.models.lease import Candidate
from chat.wire import events

SECONDS = 30  # far over what anything here needs

Sent = list[tuple[str, events.Broadcast]]


@pytest.fixture
def sent() -> Sent:
    return []


@pytest.fixture
def publish(sent: Sent) -> Callable[..., Any]:
    async def keep(room: str, event: events.Broadcast) -> None:
        sent.append((room, event))

    return keep


@pytest.fixture
def orm(transactional_db: None) -> Iterator[Callable[..., Any]]:
    """Make ORM calls in a thread whose connection is closed at the end, so that the test database can be dropped."""
    database = Database(SECONDS)

    async def call(function: Callable[..., Any], **fields: object) -> Any:
        return await database(lambda: function(**fields))

    yield call
    database.close()
    database.thread.join(SECONDS)


def make_broadcast(name: str = "Time", **fields: object) -> None:
    """Make or change a broadcast in the lobby, which a test before may have flushed away."""
    room, _ = Room.objects.get_or_create(slug="lobby", defaults={"title": "Lobby"})
    Broadcast.objects.update_or_create(name=name, room=room, defaults=fields)


async def wait_for(check: Callable[[], object], what: str) -> None:
    async with asyncio.timeout(SECONDS):
        while not check():
            await asyncio.sleep(0.02)
    assert check(), what


async def end(task: asyncio.Task[None]) -> None:
    task.cancel()
    async with asyncio.timeout(SECONDS):
        await asyncio.wait([task])
    assert task.cancelled()


async def test_the_log_hears_once_that_something_does_not_answer_and_once_that_it_does_again(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO, "chat")
    remote = ticker.Remote("The database", ticker.DATABASE_ERRORS)

    async def fail() -> None:
        raise OperationalError("connection refused\nIs the server running?")

    async def succeed() -> int:
        return 7

    for _ in range(3):
        with pytest.raises(Unavailable):
            await remote.ask(fail())
    assert [await remote.ask(succeed()) for _ in range(2)] == [7, 7]
    assert caplog.messages == [
        "The database does not answer (OperationalError: connection refused); broadcasts wait for it",
        "The database answers again",
    ]
    assert not any(record.exc_info for record in caplog.records)


async def test_a_mistake_in_the_code_is_not_taken_for_a_layer_that_is_down() -> None:
    async def broken(room: str, event: events.Broadcast) -> None:
        raise TypeError("a mistake")

    with pytest.raises(TypeError):
        await ticker.through(broken)("lobby", events.Broadcast("Time", "now", 0, 0))


@pytest.mark.parametrize("error", [RedisConnectionError("gone"), OSError("reset"), TimeoutError()])
async def test_a_layer_that_is_down_is_unavailable(error: Exception, caplog: pytest.LogCaptureFixture) -> None:
    async def fail(room: str, event: events.Broadcast) -> None:
        raise error

    with pytest.raises(Unavailable):
        await ticker.through(fail)("lobby", events.Broadcast("Time", "now", 0, 0))
    assert "The channel layer does not answer" in caplog.text


class FakeRows:
    """Makes calls at once, in the loop's own thread; the database can be down."""

    def __init__(self) -> None:
        self.down = False

    async def call(self, call: Callable[[], None]) -> None:
        if self.down:
            raise Unavailable
        call()


class FakeCandidate(Candidate):
    """A candidate whose lease is a switch."""

    held = False

    @property
    def leads(self) -> bool:
        return self.held

    def poll(self) -> None:
        self.held = True


async def test_gain_and_loss_of_the_lease_are_one_line_each(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "chat")
    candidate, rows, pauses = FakeCandidate("ticks", "me", lambda: 0.0), FakeRows(), iter(range(6))

    async def sleep(seconds: float) -> None:
        assert seconds == candidate.pause
        match next(pauses, None):
            case 2:
                rows.down, candidate.held = True, False
            case 4:
                rows.down = False
            case None:
                raise asyncio.CancelledError

    with pytest.raises(asyncio.CancelledError):
        await ticker.campaign(candidate, rows, sleep)  # type: ignore[arg-type]
    assert caplog.messages == [
        "me leads the broadcasts",
        "me no longer leads the broadcasts",
        "me leads the broadcasts",
    ]


async def test_embedded_ticks_alone_without_a_lease_and_ends_when_it_is_cancelled(
    orm: Callable[..., Any], publish: Callable[..., Any], sent: Sent
) -> None:
    await orm(make_broadcast, interval=1, template="It is {time}")
    task = asyncio.create_task(ticker.run_embedded(publish))
    await wait_for(lambda: len(sent) >= 2, "two ticks")
    await end(task)
    (room, first), (_, second) = sent[:2]
    assert room == "lobby"
    assert first.text.startswith("It is ")
    assert second.due_at > first.due_at
    assert first.due_at % 1 == 0
    assert not await orm(Lease.objects.exists)


async def test_beside_others_it_leads_by_a_lease_and_gives_it_back(
    orm: Callable[..., Any], publish: Callable[..., Any], sent: Sent
) -> None:
    await orm(make_broadcast, interval=1)
    task = asyncio.create_task(ticker.run_embedded(publish, alone=False))
    await wait_for(lambda: sent, "a tick")
    assert (await orm(Lease.objects.get)).holder
    await end(task)
    assert (await orm(Lease.objects.get)).holder == ""


async def test_a_worker_stops_when_it_is_told_and_another_takes_over(
    orm: Callable[..., Any], publish: Callable[..., Any], sent: Sent, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "chat")
    await orm(make_broadcast, interval=1)
    stops = [asyncio.Event(), asyncio.Event()]
    first = asyncio.create_task(ticker.run_worker(publish, stops[0]))
    await wait_for(lambda: "leads the broadcasts" in caplog.text, "the first leads")
    second = asyncio.create_task(ticker.run_worker(publish, stops[1]))
    await wait_for(lambda: len(sent) >= 2, "two ticks")
    stops[0].set()
    async with asyncio.timeout(SECONDS):
        await first
    before = len(sent)
    await wait_for(lambda: len(sent) >= before + 2, "two more ticks")
    stops[1].set()
    async with asyncio.timeout(SECONDS):
        await second
    dues = [event.due_at for _, event in sent]
    assert dues == sorted(set(dues))
    assert [message.split()[0] for message in caplog.messages].count("Broadcast") == 4


async def test_a_worker_whose_ticker_breaks_ends_with_the_error(orm: Callable[..., Any]) -> None:
    await orm(make_broadcast, interval=1)

    async def broken(room: str, event: events.Broadcast) -> None:
        raise TypeError("a mistake")

    async with asyncio.timeout(SECONDS):
        with pytest.raises(ExceptionGroup) as raised:
            await ticker.run_worker(broken, asyncio.Event())
    assert raised.group_contains(TypeError, match="a mistake")


async def test_once_sends_what_is_enabled(orm: Callable[..., Any], publish: Callable[..., Any], sent: Sent) -> None:
    await orm(make_broadcast)
    await orm(make_broadcast, name="Off", enabled=False)
    assert await ticker.send_once(publish) == 1
    assert [event.name for _, event in sent] == ["Time"]


async def test_once_sends_one_alone_and_never_what_is_off(
    orm: Callable[..., Any], publish: Callable[..., Any], sent: Sent
) -> None:
    await orm(make_broadcast)
    await orm(make_broadcast, name="Other")
    await orm(make_broadcast, name="Off", enabled=False)
    keys = {name: (await orm(Broadcast.objects.get, name=name)).pk for name in ("Other", "Off")}
    assert await ticker.send_once(publish, keys["Other"]) == 1
    assert await ticker.send_once(publish, keys["Off"]) == 0
    assert [event.name for _, event in sent] == ["Other"]


async def test_what_is_unavailable_says_so_in_a_sentence(orm: Callable[..., Any]) -> None:
    async def fail(room: str, event: events.Broadcast) -> None:
        raise RedisConnectionError("connection refused")

    await orm(make_broadcast)
    with pytest.raises(
        Unavailable, match=r"^The channel layer does not answer \(ConnectionError: connection refused\)$"
    ):
        await ticker.send_once(fail)


def test_no_two_workers_share_a_name() -> None:
    names = {ticker.holder_name() for _ in range(100)}
    assert len(names) == 100
    assert max(map(len, names)) <= 128
