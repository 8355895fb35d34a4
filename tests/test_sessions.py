"""Sessions: asked for many at once; connections end with theirs."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from typing import Any

import pytest
from django.conf import settings
from django.contrib.auth.models import User
from django.contrib.sessions.models import Session
from django.db import OperationalError, connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from chat.broker import EVERYBODY, group_of
from chat.database import Database, Unavailable, ask
from chat.live.connection import Connection
from chat.live.identity import Identity
from chat.node import Node
from chat.people import person_of_user
from chat.sessions import BATCH, GATHER_SECONDS, RECHECK_SECONDS, Sessions
from chat.wire.events import Person
from tests import gone
from tests.fakes import Bus, FakeLane, FakeLayer, FakeRows, FakeSessions, account_of, connect, make_node
from tests.virtual import in_virtual_time

ADA, GRACE = Person("user:1", "ada", "user"), Person("user:2", "grace", "user")
# From a sign-out to the closes, on every process.
GOAL_SECONDS = 1.0


# Whose they are


@in_virtual_time
async def test_who_asks_while_an_answer_is_under_way_shares_the_next_one() -> None:
    database = FakeSessions(one=ADA, two=GRACE)
    database.gate = asyncio.Event()
    sessions = Sessions(database)  # type: ignore[arg-type]
    first = asyncio.create_task(sessions.find("one"))
    await asyncio.sleep(0.01)
    others = [asyncio.create_task(sessions.find(key)) for key in ("two", "one", "three", "two")]
    await asyncio.sleep(0.01)
    database.gate.set()
    answers = await asyncio.gather(first, *others)
    assert answers == [account_of(ADA), account_of(GRACE), account_of(ADA), None, account_of(GRACE)]
    assert database.asked == [("one",), ("two", "one", "three")], "no answer is older than its question"


@in_virtual_time
async def test_a_storm_is_asked_after_in_batches() -> None:
    database = FakeSessions(**{f"key{number}": ADA for number in range(1000)})
    sessions = Sessions(database)  # type: ignore[arg-type]
    assert all(await asyncio.gather(*(sessions.find(f"key{number}") for number in range(1000))))
    assert [len(asked) for asked in database.asked] == [BATCH] * 5


@in_virtual_time
async def test_who_comes_alone_is_asked_after_at_once_and_a_steady_stream_in_groups() -> None:
    database = FakeSessions(**{f"key{number}": ADA for number in range(500)})
    sessions = Sessions(database)  # type: ignore[arg-type]
    clock = asyncio.get_running_loop().time
    began = clock()
    assert await sessions.find("key0")
    assert clock() == began
    waits: list[float] = []

    async def come(number: int) -> None:
        came = clock()
        assert await sessions.find(f"key{number}")
        waits.append(clock() - came)

    async with asyncio.TaskGroup() as tasks:
        for number in range(500):
            tasks.create_task(come(number))
            await asyncio.sleep(0.002)
    assert len(database.asked) <= 1 / GATHER_SECONDS + 3
    assert max(waits) <= GATHER_SECONDS + 0.002


@in_virtual_time
async def test_a_database_that_fails_fails_those_who_asked_and_not_who_asks_later() -> None:
    database = FakeSessions(one=ADA)
    sessions = Sessions(database)  # type: ignore[arg-type]
    database.error = OperationalError("gone")
    found = await asyncio.gather(sessions.find("one"), sessions.find("two"), return_exceptions=True)
    assert [type(it) for it in found] == [Unavailable] * 2
    database.error = None
    assert await sessions.find("one") == account_of(ADA)


@in_virtual_time
async def test_who_goes_away_while_they_are_asked_after_keeps_nobody_from_an_answer() -> None:
    database = FakeSessions(one=ADA)
    sessions = Sessions(database)  # type: ignore[arg-type]
    going, staying = (asyncio.create_task(sessions.find("one")) for _ in range(2))
    await asyncio.sleep(0)
    going.cancel()
    assert await staying == account_of(ADA)


@pytest.mark.django_db(transaction=True)
async def test_a_connect_with_a_cookie_costs_two_queries_and_a_storm_of_them_far_fewer_each() -> None:
    database = Database(60)

    def sign_in_many() -> list[str]:
        keys = []
        for number in range(100):
            client, user = Client(), User.objects.create_user(f"user{number}")
            person_of_user(user)
            client.force_login(user)
            keys.append(str(client.cookies[settings.SESSION_COOKIE_NAME].value))
        return keys

    keys = await ask(database, sign_in_many)
    counted: list[int] = []

    class Counting:
        async def __call__(self, call: Any, *arguments: Any) -> Any:
            def count() -> Any:
                with CaptureQueriesContext(connection) as queries:
                    found = call(*arguments)
                counted.append(len(queries))
                return found

            return await database(count)

    sessions = Sessions(Counting())  # type: ignore[arg-type]
    assert await sessions.find(keys[0])
    assert counted == [2]
    counted.clear()
    assert all(await asyncio.gather(*(sessions.find(key) for key in keys)))
    assert sum(counted) <= 4
    database.close()
    await asyncio.to_thread(database.thread.join, 10)


# Connections that end


@asynccontextmanager
async def started(sessions: FakeSessions, **options: Any) -> AsyncIterator[Node]:
    node = make_node(**options)
    sessions.serve(node)
    node.start()
    await asyncio.sleep(0.01)
    yield node
    await node.stop()


def come(node: Node, person: Person, session: str) -> Connection:
    """Let somebody connect by a session."""
    connection = connect(node.codecs["json"], FakeLane(asyncio.get_running_loop()))
    connection.identity = Identity(person, session, int(person.id.partition(":")[2]))
    node.registry.add(connection)
    return connection


def note(node: Node, *users: int) -> None:
    """Write notes that users have changed, where this node's look reads them."""
    rows = node.look.database
    assert isinstance(rows, FakeRows)
    for user in users:
        rows.noted[max(rows.noted) + 1] = user


def codes(connections: Collection[Connection]) -> list[int | None]:
    return [connection.closing and connection.closing.code for connection in connections]


@in_virtual_time
async def test_whose_session_is_no_more_is_closed_with_the_next_look_and_nobody_else() -> None:
    sessions = FakeSessions(one=ADA, two=ADA, three=GRACE)
    async with started(sessions) as node:
        here = [come(node, ADA, "one"), come(node, ADA, "one"), come(node, ADA, "two"), come(node, GRACE, "three")]
        del sessions.persons["one"], sessions.persons["three"]
        note(node, 1)
        await asyncio.sleep(GOAL_SECONDS + 0.1)
        assert codes(here) == [4502, 4502, None, None], "of grace nothing was said yet"
        assert here[0].lane.envelopes[-1]["payload"] == {  # type: ignore[attr-defined]
            "code": 4502,
            "reason": "The session has ended: sign in again.",
            "reconnect": False,
            "retry_after_s": 0.0,
        }


@in_virtual_time
async def test_a_session_that_is_somebody_elses_now_ends_the_connection() -> None:
    sessions = FakeSessions(one=ADA)
    async with started(sessions) as node:
        here = come(node, ADA, "one")
        sessions.persons["one"] = GRACE
        note(node, 1)
        await asyncio.sleep(GOAL_SECONDS + 0.1)
        assert codes([here]) == [4502]


@in_virtual_time
async def test_who_has_another_name_now_is_called_by_it_from_then_on() -> None:
    sessions = FakeSessions(one=ADA)
    async with started(sessions) as node:
        here = come(node, ADA, "one")
        sessions.persons["one"] = Person("user:1", "Ada Lovelace", "user")
        note(node, 1)
        await asyncio.sleep(GOAL_SECONDS + 0.1)
        assert codes([here]) == [None]
        assert here.person.name == "Ada Lovelace"
        assert node.registry.of([1]) == [here]


@in_virtual_time
async def test_without_a_note_a_session_that_is_no_more_is_found_within_a_minute() -> None:
    sessions = FakeSessions(**{f"key{number}": Person(f"user:{number}", "x", "user") for number in range(1, 1001)})
    async with started(sessions) as node:
        here = [come(node, person, key) for key, person in sessions.persons.items()]
        await asyncio.sleep(RECHECK_SECONDS)
        gone = here[::10]
        for connection in gone:
            del sessions.persons[connection.identity.session]
        sessions.asked.clear()
        await asyncio.sleep(2 * RECHECK_SECONDS)
        assert codes(gone) == [4502] * 100
        assert len([connection for connection in here if connection.closing is None]) == 900
        assert len(sessions.asked) <= 3 * 1000 / BATCH, "a batch costs one question"


@in_virtual_time
async def test_guests_and_other_backends_people_are_never_asked_after() -> None:
    sessions = FakeSessions()
    async with started(sessions) as node:
        here = [connect(node.codecs["json"], FakeLane(asyncio.get_running_loop())) for _ in range(2)]
        here[1].identity = Identity(Person("ext:42", "x", "user"), expires_at=1e10)
        for connection in here:
            node.registry.add(connection)
        note(node, 1, 2, 3)
        await asyncio.sleep(3 * RECHECK_SECONDS)
        assert (sessions.asked, codes(here)) == ([], [None, None])


@in_virtual_time
async def test_while_the_database_is_down_nobody_is_closed_and_who_is_due_is_asked_after_when_it_is_back(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.WARNING, "chat.sessions")
    sessions = FakeSessions(one=ADA, two=GRACE)
    async with started(sessions) as node:
        here = [come(node, ADA, "one"), come(node, GRACE, "two")]
        del sessions.persons["one"]
        sessions.error = OperationalError("gone")
        note(node, 1)
        await asyncio.sleep(5 * RECHECK_SECONDS)
        assert codes(here) == [None, None]
        assert [line for line in caplog.messages if "sessions cannot" in line] == [
            "sessions cannot be asked after, and go on until they can: gone"
        ]
        sessions.error = None
        await asyncio.sleep(GOAL_SECONDS + 0.1)
        assert codes(here) == [4502, None]


@in_virtual_time
async def test_who_comes_just_while_their_session_ends_is_found_out() -> None:
    """The look-up says who they are, the session ends, its note is heard, and only then are they here."""
    sessions = FakeSessions()
    async with started(sessions) as node:
        asked_at = node.clock()
        await asyncio.sleep(0.01)
        note(node, 1)
        await asyncio.sleep(GOAL_SECONDS)
        here = come(node, ADA, "one")
        node.watch.came(here, asked_at)
        await asyncio.sleep(GOAL_SECONDS + 0.1)
        assert codes([here]) == [4502]
        later = come(node, ADA, "one")
        node.watch.came(later, node.clock())
        sessions.asked.clear()
        await asyncio.sleep(GOAL_SECONDS + 0.1)
        assert sessions.asked == [], "who was asked after later is not asked after again"


# On every process

CLUSTERED = {"REDIS_URL": "redis://127.0.0.1:1/0"}


@in_virtual_time
async def test_what_ends_by_a_request_here_ends_at_once_on_every_process() -> None:
    sessions, bus = FakeSessions(one=ADA), Bus()
    async with (
        started(sessions, layer=FakeLayer(bus), **CLUSTERED) as near,
        started(sessions, layer=FakeLayer(bus), **CLUSTERED) as far,
    ):
        here = [come(near, ADA, "one"), come(far, ADA, "one")]
        await asyncio.sleep(10.3)
        del sessions.persons["one"]
        for node in (near, far):
            note(node, 1)
        near.changed()
        await asyncio.sleep(0.2)
        assert codes(here) == [4502, 4502]
        hints = [group for group, _ in bus.sent if group == group_of(EVERYBODY)]
        assert len(hints) == 1, "who hears a hint gives none"


@in_virtual_time
async def test_a_request_that_changed_nobody_gives_no_hint() -> None:
    bus = Bus()
    async with started(FakeSessions(), layer=FakeLayer(bus), **CLUSTERED) as node:
        await asyncio.sleep(5)
        for _ in range(20):
            node.changed()
            await asyncio.sleep(0.2)
        assert [group for group, _ in bus.sent if group == group_of(EVERYBODY)] == []


@in_virtual_time
async def test_with_the_layer_down_other_processes_find_it_by_their_own_looks() -> None:
    sessions, bus = FakeSessions(one=ADA), Bus()
    async with (
        started(sessions, layer=FakeLayer(bus), **CLUSTERED) as near,
        started(sessions, layer=FakeLayer(bus), **CLUSTERED) as far,
    ):
        here = [come(near, ADA, "one"), come(far, ADA, "one")]
        bus.down = ConnectionError("gone")
        await asyncio.sleep(10)
        del sessions.persons["one"]
        for node in (near, far):
            note(node, 1)
        near.changed()
        await asyncio.sleep(GOAL_SECONDS + 0.1)
        assert codes(here) == [4502, 4502]


@in_virtual_time
async def test_rights_are_asked_after_again_with_the_sessions(monkeypatch: pytest.MonkeyPatch) -> None:
    sessions = FakeSessions(one=ADA, two=GRACE)
    async with started(sessions) as node:
        here = [come(node, ADA, "one"), come(node, GRACE, "two")]
        asked: list[Collection[Connection]] = []

        async def rights(connections: Collection[Connection]) -> None:
            asked.append(connections)
            if len(asked) == 1:
                raise Unavailable("gone")

        node.watch.rights = rights
        note(node, 1)
        await asyncio.sleep(3 * GOAL_SECONDS)
        assert asked == [[here[0]]] * 2, "until they are known"


@pytest.mark.django_db(transaction=True)
async def test_true_sessions_that_end_in_any_way_end_their_connections() -> None:
    database = Database()
    node = make_node()
    node.sessions.database = database

    def sign_in(name: str) -> tuple[User, str]:
        user, client = User.objects.create_user(name, password="a long and good one"), Client()
        client.force_login(user)
        return user, str(client.cookies[settings.SESSION_COOKIE_NAME].value)

    def end_all(signed_in: dict[str, tuple[User, str]]) -> None:
        user, key = signed_in["signed out"]
        client = Client()
        client.cookies[settings.SESSION_COOKIE_NAME] = key
        client.logout()
        user, _ = signed_in["password"]
        user.set_password("another long and good one")
        user.save()
        User.objects.filter(pk=signed_in["deactivated"][0].pk).update(is_active=False)
        Session.objects.filter(session_key=signed_in["deleted session"][1]).delete()
        gone.delete(pk=signed_in["deleted"][0].pk)

    ways = ("signed out", "password", "deactivated", "deleted session", "deleted", "nothing")
    signed_in = {way: await ask(database, sign_in, way) for way in ways}
    here = {way: come(node, Person(f"user:{user.pk}", way, "user"), key) for way, (user, key) in signed_in.items()}
    await node.watch.recheck(list(here.values()))
    assert codes(here.values()) == [None] * len(ways)
    await ask(database, end_all, signed_in)
    await node.watch.recheck(list(here.values()))
    assert dict(zip(ways, codes(here.values()))) == {way: None if way == "nothing" else 4502 for way in ways}
    database.close()
    await asyncio.to_thread(database.thread.join, 10)
