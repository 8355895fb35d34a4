"""The directory of rooms."""

from __future__ import annotations

import asyncio

import pytest
from django.db import OperationalError

from chat.database import Unavailable
from chat.models import Room
from chat.rooms import directory
from chat.rooms.directory import FRESH_SECONDS, MAX_ENTRIES, Directory, RoomCard
from chat.rooms.permissions import Policy
from tests.fakes import FakeDatabase
from tests.virtual import in_virtual_time


def made(database: FakeDatabase) -> Directory:
    return Directory(database, asyncio.get_running_loop().time)  # type: ignore[arg-type]


@in_virtual_time
async def test_a_room_is_found_by_its_slug_and_an_unknown_one_is_none() -> None:
    rooms = made(FakeDatabase(lobby="Lobby"))
    assert await rooms.find("lobby") == RoomCard("lobby", "Lobby")
    assert await rooms.find("nowhere") is None


@pytest.mark.parametrize("slug", ["", "-a", "A", "a b", "ü", "a/b", "a" * 65, "a\n", "a\0", "../x", "٣"])
def test_a_slug_that_cannot_be_one_is_not_even_asked_for(slug: str) -> None:
    @in_virtual_time
    async def scenario() -> None:
        database = FakeDatabase()
        assert await made(database).find(slug) is None
        assert database.asked == []

    scenario()


@in_virtual_time
async def test_what_was_read_is_fresh_for_a_second_found_or_not() -> None:
    database = FakeDatabase(lobby="Lobby")
    rooms = made(database)
    for _ in range(3):
        await rooms.find("lobby")
        await rooms.find("nowhere")
    assert database.asked == ["lobby", "nowhere"]
    database.rooms = {"nowhere": "Now here"}
    await asyncio.sleep(FRESH_SECONDS)
    assert await rooms.find("lobby") is None
    assert await rooms.find("nowhere") == RoomCard("nowhere", "Now here")


@in_virtual_time
async def test_many_who_ask_at_once_share_one_query() -> None:
    database = FakeDatabase(lobby="Lobby")
    rooms = made(database)
    found = await asyncio.gather(*(rooms.find("lobby") for _ in range(100)))
    assert found == [RoomCard("lobby", "Lobby")] * 100
    assert database.asked == ["lobby"]
    assert rooms.asking == {}


@in_virtual_time
async def test_one_who_goes_away_while_asking_takes_the_answer_from_nobody() -> None:
    database = FakeDatabase(lobby="Lobby")
    database.gate = asyncio.Event()
    rooms = made(database)
    impatient, patient = (asyncio.create_task(rooms.find("lobby")) for _ in range(2))
    await asyncio.sleep(0.01)
    impatient.cancel()
    await asyncio.sleep(0.01)
    database.gate.set()
    assert await patient == RoomCard("lobby", "Lobby")


@pytest.mark.parametrize("error", [OperationalError("server closed the connection"), TimeoutError()])
def test_a_database_that_does_not_answer_is_unavailable_for_all_who_ask_and_asked_again_next_time(
    error: Exception,
) -> None:
    @in_virtual_time
    async def scenario() -> None:
        database = FakeDatabase(lobby="Lobby")
        database.error = error
        rooms = made(database)
        answers = await asyncio.gather(*(rooms.find("lobby") for _ in range(3)), return_exceptions=True)
        assert [type(answer) for answer in answers] == [Unavailable] * 3
        database.error = None
        assert await rooms.find("lobby") == RoomCard("lobby", "Lobby")

    scenario()


@in_virtual_time
async def test_a_room_that_is_forgotten_is_asked_for_anew() -> None:
    database = FakeDatabase(lobby="Lobby")
    rooms = made(database)
    await rooms.find("lobby")
    database.rooms.clear()
    assert await rooms.find("lobby") == RoomCard("lobby", "Lobby")
    rooms.forget("lobby")
    rooms.forget("never asked for")
    assert await rooms.find("lobby") is None


@in_virtual_time
async def test_a_scan_of_made_up_names_costs_bounded_memory() -> None:
    rooms = made(FakeDatabase(lobby="Lobby"))
    for number in range(MAX_ENTRIES + 10):
        rooms.cards[f"x{number}"] = (0.0, None)
    await rooms.find("lobby")
    assert list(rooms.cards) == ["lobby"]


@pytest.mark.django_db
def test_a_card_is_read_from_its_row_in_one_query(django_assert_num_queries: object) -> None:
    room = Room.objects.create(slug="goframe", title="GoFrame", topic="Of Go", kind="members", archived=True)
    policy = Policy("members", "everyone", guests=True, archived=True)
    with django_assert_num_queries(1):  # type: ignore[operator]
        assert directory.read("goframe") == RoomCard("goframe", "GoFrame", "Of Go", True, room.pk, policy)
    assert directory.read("nowhere") is None
