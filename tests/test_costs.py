"""What each request costs the database, with many accounts, rooms, members and messages: counted, not timed.

A step is an instruction of SQLite's machine. The table's limits leave a third of room: a query that reads what it need
not read takes ten times as many.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test.utils import CaptureQueriesContext

from chat import people
from chat.models import Membership, Room
from chat.rooms import directory, own, recovery, rights
from chat.rooms.rights import Reader
from chat.rooms.rows import SELECT
from chat.wire.commands import Since
from chat.wire.events import Person
from tests import gone
from tests.stores import Store, opened

ACCOUNTS, ROOMS, MEMBERS, MESSAGES, FAT = 2000, 500, 1000, 8000, 60
STEP = 10


def filled(slug: str, count: int, text: str, **fields: Any) -> Room:
    room = Room.objects.create(slug=slug, title=slug, head=count, last=count, **fields)
    key = f"'{slug}-' || n"
    with connection.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO chat_message ({SELECT}) WITH RECURSIVE numbers(n) AS "
            "(SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < %s) "
            f"SELECT %s, n, n, {key}, {key}, 'user:1', 'Ada', 'user', '', %s, NULL, 0, NULL, 0, NULL, '' FROM numbers",
            [count, room.pk, text],
        )
    return room


class Site:
    """A large site, and somebody who is in all of its rooms."""

    def __init__(self) -> None:
        self.me = User.objects.create(username="costs-me")
        people.profile_of(self.me)
        User.objects.bulk_create(User(username=f"costs-{number}") for number in range(ACCOUNTS))
        Room.objects.bulk_create(Room(slug=f"costs-{number}", title="Room") for number in range(ROOMS))
        self.slugs = [f"costs-{number}" for number in range(ROOMS)]
        self.big = filled("costs-big", MESSAGES, "text", kind="members")
        self.fat = filled("costs-fat", FAT, "x" * 65536)
        everybody = User.objects.filter(username__startswith="costs-")[:MEMBERS]
        Membership.objects.bulk_create(Membership(room=self.big, user=user, role="member") for user in everybody)
        mine = Room.objects.filter(slug__in=self.slugs)
        Membership.objects.bulk_create(Membership(room=room, user=self.me, role="member") for room in mine)
        Membership.objects.get_or_create(room=self.big, user=self.me, defaults={"role": "member"})
        with connection.cursor() as cursor:
            cursor.execute("ANALYZE")
        self.reader = Reader(Person(f"user:{self.me.pk}", "me", "user"))

    def since(self, room: Room, offset: int) -> Since:
        return Since(room.epoch, offset)


@pytest.fixture(scope="module")
def site(django_db_blocker: Any) -> Iterator[Site]:
    with opened("sqlite", django_db_blocker) as store:
        assert isinstance(store, Store)
        yield Site()
        Room.objects.filter(slug__startswith="costs-").delete()
        gone.delete(username__startswith="costs-")


def cost(call: Callable[[], Any]) -> tuple[int, int]:
    """Return how many queries a call makes, and how many of SQLite's steps."""
    call()  # What is known once is paid for once.
    with CaptureQueriesContext(connection) as queries:
        call()
    steps = 0

    def step() -> int:
        nonlocal steps
        steps += STEP
        return 0

    connection.connection.set_progress_handler(step, STEP)
    try:
        call()
    finally:
        connection.connection.set_progress_handler(None, 0)
    return len(queries), steps


# By request: what it asks, and the most queries and steps that it may take.
COSTS: dict[str, tuple[Callable[[Site], Any], int, int]] = {
    "name": (lambda site: people.check_free("Some New Name"), 2, 100),
    "auth, you": (lambda site: own.rooms_of([site.me.pk]), 1, 75_000),
    "unread, each second": (lambda site: own.marks(site.slugs), 1, 11_000),
    "join: the room": (lambda site: directory.read("costs-big"), 1, 100),
    "join: a first page": (lambda site: recovery.recover("costs-big", None, reader=site.reader), 3, 6000),
    "join: ten missed": (
        lambda site: recovery.recover("costs-big", site.since(site.big, MESSAGES - 10), reader=site.reader), 3, 450,
    ),
    "join: too much missed": (
        lambda site: recovery.recover("costs-big", site.since(site.big, 1), reader=site.reader), 4, 15_000,
    ),
    "join: long texts": (lambda site: recovery.recover("costs-fat", None, reader=site.reader), 2, 600),
    "join: long texts missed": (
        lambda site: recovery.recover("costs-fat", site.since(site.fat, 1), reader=site.reader), 2, 600,
    ),
    "history": (lambda site: recovery.history("costs-big", MESSAGES // 2, None, 50, site.reader), 3, 1700),
    "history: 200": (lambda site: recovery.history("costs-big", None, None, 200, site.reader), 3, 6000),
    "history: long texts": (lambda site: recovery.history("costs-fat", None, None, 200, site.reader), 2, 600),
    "a fill": (lambda site: recovery.fill("costs-big", MESSAGES - 10, [site.reader]), 3, 450),
    "a fill: long texts": (lambda site: recovery.fill("costs-fat", 0, [site.reader]), 2, 1200),
    "rights": (lambda site: rights.read("costs-big", [site.reader]), 2, 120),
}  # fmt: skip


@pytest.mark.parametrize("name", COSTS)
def test_a_request_costs_the_database_no_more_than_this(name: str, site: Site, django_db_blocker: Any) -> None:
    call, most_queries, most_steps = COSTS[name]
    with django_db_blocker.unblock():
        queries, steps = cost(lambda: call(site))
    print(f"{name}: {queries} queries, {steps} steps")
    assert (queries <= most_queries, steps <= most_steps) == (True, True), f"{queries} queries, {steps} steps"
