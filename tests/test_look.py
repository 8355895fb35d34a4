"""The look: what changed in the database is found, whoever changed it and however."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Any

import pytest
from django.db import OperationalError, connection

from chat import look
from chat.database import Database, ask
from chat.look import MAX_ROOMS, SECONDS, TELL_SECONDS, Figures, Look, Seen
from chat.models import AllowedOrigin, Process, Room
from chat.wire.origins import parse_pattern
from tests.fakes import FakeRows
from tests.virtual import in_virtual_time

A, B = parse_pattern("https://a.example"), parse_pattern("https://b.example")
WARNING = "The database does not answer"


class OpenRooms:
    """The rooms that have members; none of them is durable here."""

    def __init__(self, *slugs: str) -> None:
        self.rooms: dict[str, None] = dict.fromkeys(slugs)

    def positions(self, slugs: Any) -> dict[str, int]:
        return {}


class Looking:
    """A look over fake rows; it notes what was seen, and when."""

    def __init__(self, *rooms: str) -> None:
        self.rows = FakeRows()
        self.open = OpenRooms(*rooms)
        self.rooms = self.open.rooms
        self.figures = Figures(0, 0, "up")
        self.saw: list[Seen] = []
        clock = asyncio.get_running_loop().time
        self.look = Look("node", self.rows, clock, self.open, lambda: self.figures, self.seen)  # type: ignore[arg-type]

    async def seen(self, seen: Seen) -> None:
        self.saw.append(seen)

    async def run_for(self, seconds: float) -> None:
        running = asyncio.create_task(self.look.run())
        await asyncio.sleep(seconds)
        running.cancel()
        await asyncio.wait([running, *([self.look.under_way] if self.look.under_way else [])])


# What is read


@pytest.fixture
def row(db: None) -> AllowedOrigin:
    return AllowedOrigin.objects.create(pattern="https://a.example")


def raw_sql(sql: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(sql)


def save(row: AllowedOrigin, **fields: Any) -> None:
    for name, value in fields.items():
        setattr(row, name, value)
    row.save()


CHANGES: dict[str, tuple[Callable[[AllowedOrigin], Any], set[Any]]] = {
    "saved as disabled": (lambda row: save(row, enabled=False), set()),
    "saved as another": (lambda row: save(row, pattern="https://b.example"), {B}),
    "deleted": (lambda row: row.delete(), set()),
    "deleted in bulk": (lambda row: AllowedOrigin.objects.all().delete(), set()),
    "updated in bulk": (lambda row: AllowedOrigin.objects.update(enabled=False), set()),
    "another in bulk": (lambda row: AllowedOrigin.objects.update(pattern="https://b.example"), {B}),
    "created in bulk": (lambda row: AllowedOrigin.objects.bulk_create([AllowedOrigin(pattern=str(B))]), {A, B}),
    "disabled by SQL": (lambda row: raw_sql("UPDATE chat_allowedorigin SET enabled = FALSE"), set()),
    "deleted by SQL": (lambda row: raw_sql("DELETE FROM chat_allowedorigin"), set()),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_change_of_the_list_is_read_however_it_was_made(row: AllowedOrigin, change: str) -> None:
    assert look.read([], {}).patterns == {A}
    make, patterns = CHANGES[change]
    make(row)
    assert look.read([], {}).patterns == patterns


GOINGS: dict[str, Callable[[], Any]] = {
    "deleted": lambda: Room.objects.get(slug="one").delete(),
    "deleted in bulk": lambda: Room.objects.filter(slug="one").delete(),
    "deleted by SQL": lambda: raw_sql("DELETE FROM chat_room WHERE slug = 'one'"),
    "renamed": lambda: Room.objects.filter(slug="one").update(slug="another"),
}


@pytest.mark.django_db
@pytest.mark.parametrize("going", GOINGS)
def test_a_room_that_is_gone_is_read_however_it_went(going: str) -> None:
    Room.objects.bulk_create([Room(slug="one", title="One"), Room(slug="two", title="Two")])
    assert look.read(["one", "two"], {}).gone == frozenset()
    GOINGS[going]()
    assert look.read(["one", "two"], {}).gone == {"one"}
    Room.objects.create(slug="one", title="One again")
    assert look.read(["one", "two"], {}).gone == frozenset()


def test_a_look_is_one_query_and_one_more_where_rooms_are_open(
    row: AllowedOrigin, django_assert_num_queries: Any
) -> None:
    with django_assert_num_queries(1):
        look.read([], {}, 0)
    with django_assert_num_queries(2):
        assert len(look.read([f"room-{number}" for number in range(MAX_ROOMS)], {}, 0).gone) == MAX_ROOMS


# When it is read


@in_virtual_time
async def test_a_process_looks_once_a_second_and_hands_on_what_it_sees() -> None:
    looking = Looking("lobby")
    await looking.run_for(10 * SECONDS - 0.5)
    assert looking.rows.looks == [("lobby",)] * 10
    assert len(looking.saw) == 10


@in_virtual_time
async def test_while_the_database_is_down_what_was_seen_holds_and_the_log_hears_of_it_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO, "chat.look")
    looking = Looking()
    looking.rows.patterns = frozenset({A})
    await looking.run_for(2.5)
    seen = len(looking.saw)
    for looking.rows.error in (OperationalError("server closed the\nconnection"), TimeoutError()):
        await looking.run_for(30)
    assert len(looking.saw) == seen
    assert [record.levelno for record in caplog.records] == [logging.WARNING]
    assert "server closed the connection" in caplog.messages[0]
    looking.rows.error, looking.rows.patterns = None, frozenset({B})
    await looking.run_for(2)
    assert looking.saw[-1].patterns == {B}
    assert [line for line in caplog.messages if WARNING not in line] == ["The database answers again"]


@in_virtual_time
async def test_malformed_rows_are_complained_of_once_each_until_they_are_mended_and_broken_again(
    caplog: pytest.LogCaptureFixture,
) -> None:
    looking = Looking()
    for looking.rows.malformed in (("*",), ("*", "x" * 10_000), ("*",), (), ("*",)):
        await looking.run_for(3)
    said = [line.split("'")[1][:3] for line in caplog.messages]
    assert said == ["*", "xxx", "*"]
    assert all("chat.E008" in line and len(line) < 300 for line in caplog.messages)


@in_virtual_time
async def test_more_rooms_than_a_look_asks_after_have_their_turns() -> None:
    looking = Looking(*(f"room-{number}" for number in range(2 * MAX_ROOMS + 500)))
    await looking.run_for(3 * SECONDS - 0.5)
    assert [len(asked) for asked in looking.rows.looks] == [MAX_ROOMS, MAX_ROOMS, 500]
    assert {slug for asked in looking.rows.looks for slug in asked} == set(looking.rooms)
    await looking.run_for(SECONDS / 2)
    assert looking.rows.looks[3] == looking.rows.looks[0]
    looking.rooms.clear()
    await looking.run_for(SECONDS / 2)
    assert looking.rows.looks[-1] == ()


@in_virtual_time
async def test_a_bug_in_one_look_does_not_end_the_looking(caplog: pytest.LogCaptureFixture) -> None:
    looking = Looking()
    looking.rows.error = RuntimeError("a bug")
    await looking.run_for(2.5)
    assert caplog.messages == ["A look failed"] * 3
    looking.rows.error = None
    await looking.run_for(1.5)
    assert looking.saw


# Looking at once


@in_virtual_time
async def test_who_wants_a_look_gets_one_at_once_and_a_storm_of_wishes_one_each_tenth_of_a_second() -> None:
    looking = Looking()
    running = asyncio.create_task(looking.look.run())
    await asyncio.sleep(SECONDS / 2)
    looking.look.soon()
    await asyncio.sleep(0.01)
    assert len(looking.rows.looks) == 2
    for _ in range(100):
        looking.look.soon()
        await asyncio.sleep(0.01)
    assert len(looking.rows.looks) in (12, 13)
    await asyncio.sleep(10 * SECONDS)
    assert len(looking.rows.looks) in (22, 23, 24), "once a second again"
    running.cancel()
    await asyncio.wait([running])


@in_virtual_time
async def test_a_look_that_was_under_way_does_not_count_for_a_wish(monkeypatch: pytest.MonkeyPatch) -> None:
    looking, answer = Looking(), FakeRows.__call__

    async def slow(self: FakeRows, call: Any, *arguments: Any) -> Any:
        seen = await answer(self, call, *arguments)
        await asyncio.sleep(0.3)
        return seen

    monkeypatch.setattr(FakeRows, "__call__", slow)
    running = asyncio.create_task(looking.look.run())
    await asyncio.sleep(SECONDS * 0.9)
    fresh = asyncio.create_task(looking.look.once())
    await asyncio.sleep(0.1)
    looking.rows.patterns = frozenset({A})
    looking.look.soon()
    await fresh
    assert looking.saw[-1].patterns == frozenset(), "it had been read before"
    await asyncio.sleep(0.5)
    assert looking.saw[-1].patterns == {A}
    running.cancel()
    await asyncio.wait([running])


# Asking for what is fresh


@in_virtual_time
async def test_who_asks_for_what_is_fresh_waits_for_a_look_where_the_last_is_a_second_old() -> None:
    looking = Looking()
    await looking.look.fresh()
    assert len(looking.saw) == 1
    await asyncio.sleep(SECONDS * 0.9)
    await looking.look.fresh()
    assert len(looking.saw) == 1
    await asyncio.sleep(SECONDS * 0.1)
    looking.rows.patterns = frozenset({A})
    await looking.look.fresh()
    assert looking.saw[-1].patterns == {A}


@in_virtual_time
async def test_a_storm_of_those_who_ask_shares_one_look_and_makes_at_most_one_a_second() -> None:
    looking = Looking()
    await asyncio.gather(*(looking.look.fresh() for _ in range(1000)))
    assert len(looking.rows.looks) == 1
    running = asyncio.create_task(looking.look.run())
    for _ in range(100):
        await asyncio.gather(*(looking.look.fresh() for _ in range(20)))
        await asyncio.sleep(0.05)
    running.cancel()
    await asyncio.wait([running])
    assert len(looking.rows.looks) in (6, 7), "five seconds of it"


@in_virtual_time
async def test_who_asks_while_the_database_is_down_gets_no_error_and_one_who_goes_away_stops_nobody() -> None:
    looking = Looking()
    looking.rows.error = OperationalError("gone")
    await looking.look.fresh()
    await asyncio.sleep(SECONDS)
    looking.rows.error = None
    impatient, patient = (asyncio.create_task(looking.look.fresh()) for _ in range(2))
    await asyncio.sleep(0)
    impatient.cancel()
    await patient
    assert len(looking.saw) == 1


# What a process tells of itself


@in_virtual_time
async def test_figures_are_told_every_five_seconds_changed_or_not() -> None:
    looking, told_at = Looking(), []
    running = asyncio.create_task(looking.look.run())
    began = asyncio.get_running_loop().time()
    for second in range(60):
        if second < 20:
            looking.figures = Figures(second, 1, "up")
        await asyncio.sleep(0.99)
        told_at += [second] * (len(looking.rows.told) - len(told_at))
        await asyncio.sleep(began + second + 1 - asyncio.get_running_loop().time())
    running.cancel()
    await asyncio.wait([running])
    gaps = [later - earlier for earlier, later in zip(told_at, told_at[1:])]
    assert gaps == [TELL_SECONDS] * 11
    assert looking.rows.told[-1] == (Figures(19, 1, "up"),)


@in_virtual_time
async def test_a_database_that_takes_no_writing_keeps_nothing_that_was_seen_from_being_in_force(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    looking, tries = Looking(), []
    answer = FakeRows.__call__

    async def readonly(self: FakeRows, call: Any, *arguments: Any) -> Any:
        if call is not look.read:
            tries.append(1)
            await asyncio.sleep(3)
            raise OperationalError("database is locked")
        return await answer(self, call, *arguments)

    monkeypatch.setattr(FakeRows, "__call__", readonly)
    looking.rows.patterns = frozenset({A})
    running = asyncio.create_task(looking.run_for(TELL_SECONDS - 0.5))
    await asyncio.sleep(0.01)
    assert looking.saw[0].patterns == {A}
    await running
    assert len(looking.saw) == TELL_SECONDS - 2, "one took three seconds"
    assert len(tries) == 1
    assert caplog.messages == ["The figures of this process could not be written: database is locked"]


@in_virtual_time
async def test_a_goodbye_takes_the_row_away_and_one_that_never_told_has_none() -> None:
    looking = Looking()
    await looking.look.goodbye()
    assert looking.rows.told == []
    await looking.look.once()
    await looking.look.goodbye()
    assert looking.rows.told[-1] == ("node",)


@in_virtual_time
async def test_a_goodbye_waits_for_no_database_and_who_waits_for_a_look_is_let_go() -> None:
    looking = Looking()
    await looking.look.once()

    async def hang(*arguments: Any) -> None:
        await asyncio.Event().wait()

    looking.look.database = hang  # type: ignore[assignment]
    await asyncio.sleep(SECONDS)
    waiting = asyncio.create_task(looking.look.fresh())
    await asyncio.sleep(0.01)
    began = asyncio.get_running_loop().time()
    await looking.look.goodbye()
    assert asyncio.get_running_loop().time() - began <= look.GOODBYE_SECONDS
    await waiting


@pytest.mark.django_db(transaction=True)
async def test_a_true_look_reads_and_tells_and_leaves_no_row_behind() -> None:
    database, saw = Database(), []

    async def seen(seen: Seen) -> None:
        saw.append(seen)

    loop = asyncio.get_running_loop()
    made = Look("node", database, loop.time, OpenRooms("lobby", "gone"), lambda: Figures(3, 2, "down"), seen)
    await ask(database, lambda: AllowedOrigin.objects.create(pattern="https://a.example"))
    await made.once()
    assert [(it.patterns, it.malformed, it.gone) for it in saw] == [(frozenset({A}), (), frozenset({"gone"}))]
    assert saw[0].heads.keys() == {"lobby"}
    (process,) = await ask(database, Process.living)
    assert (process.node, process.connections, process.rooms, process.layer) == ("node", 3, 2, "down")
    assert process.place == made.place
    await made.goodbye()
    assert await ask(database, Process.living) == []
    database.close()
    await asyncio.to_thread(database.thread.join, 10)
