"""What the admin's index says is live."""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client
from django.utils import timezone

from chat.admin import now
from chat.models import Broadcast, Process

pytestmark = pytest.mark.django_db
MOMENT = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


@pytest.fixture(autouse=True)
def embedded(settings: Any) -> None:
    settings.CHAT = dataclasses.replace(settings.CHAT, embedded_broadcast=True)


def sent(seconds: float, **fields: object) -> None:
    """Make the reference broadcast one that was sent so long before the moment."""
    Broadcast.objects.update(last_due=MOMENT - timedelta(seconds=seconds), **fields)


def occupy() -> None:
    """Let a process tell that somebody is in a room."""
    Process.tell("n1", "host:1", 3, 2, "up")


def test_the_living_processes_are_summed_up_by_two_queries(django_assert_num_queries: Any) -> None:
    Process.tell("n1", "host:1", 3, 2, "up")
    Process.tell("n2", "host:2", 4, 1, "down")
    Process.objects.create(
        node="n3", place="host:3", connections=100, started_at=MOMENT, seen_at=timezone.now() - timedelta(seconds=90)
    )
    with django_assert_num_queries(2):
        found = now.look(timezone.now())
    assert found.total == "7 connections in 2 server processes."
    assert [(it.place, it.connections, it.rooms, it.layer) for it in found.processes] == [
        ("host:1", 3, 2, "up"),
        ("host:2", 4, 1, "down"),
    ]


def test_one_of_each_is_told_in_the_singular() -> None:
    Process.tell("n1", "host:1", 1, 1, "up")
    assert now.look(timezone.now()).total == "1 connection in 1 server process."


def test_no_process_is_said() -> None:
    assert now.look(MOMENT).total == "No server process has told of itself within the last minute."


def test_the_last_tick_is_told_with_its_name_and_age() -> None:
    assert now.look(MOMENT).tick == "No broadcast has been sent yet."
    sent(3)
    assert now.look(MOMENT).tick == "Last broadcast: Time in Lobby, 3 seconds ago."


def test_a_broadcast_that_is_late_by_more_than_two_intervals_is_pointed_at() -> None:
    occupy()
    sent(10)
    assert now.look(MOMENT).late == []
    sent(200)
    assert now.look(MOMENT).late == ["Time in Lobby should be sent every 5 seconds, but was sent last 3 minutes ago."]


def test_what_is_off_or_was_never_sent_is_not_late() -> None:
    occupy()
    assert now.look(MOMENT).late == []
    sent(200, enabled=False)
    assert now.look(MOMENT).late == []


def test_a_server_that_ticks_by_itself_is_not_late_while_nobody_is_there() -> None:
    sent(200)
    assert now.look(MOMENT).late == []


def test_where_a_worker_should_tick_it_is_asked_after(settings: Any) -> None:
    settings.CHAT = dataclasses.replace(settings.CHAT, embedded_broadcast=False)
    sent(200)
    assert now.look(MOMENT).late[0].endswith("Does a worker run (manage.py broadcast_time)?")


def sign_in(client: Client, *permissions: str) -> Client:
    user = User.objects.create(username="clerk", is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__in=permissions))
    client.force_login(user)
    return client


def test_the_index_shows_it_to_those_who_may_view_processes(client: Client) -> None:
    occupy()
    sign_in(client, "view_process")
    for path in ("/admin/", "/admin/chat/process/now/"):
        found = client.get(path).content.decode()
        assert "3 connections in 1 server process." in found
        assert "host:1" in found


def test_others_of_the_staff_do_not_see_it(client: Client) -> None:
    sign_in(client, "view_room")
    found = client.get("/admin/").content.decode()
    assert "Site administration" in found
    assert "Live now" not in found
    assert client.get("/admin/chat/process/now/").status_code == 403


def test_a_stranger_is_sent_to_sign_in(client: Client) -> None:
    assert client.get("/admin/chat/process/now/").status_code == 302
