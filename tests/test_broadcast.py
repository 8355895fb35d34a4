"""A broadcast as it is remembered: what is valid, what it says, and who may send a tick."""

from __future__ import annotations

import importlib
import os
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from django.apps import apps
from django.core.exceptions import ValidationError
from django.db import IntegrityError, connection, connections, transaction

from chat import machine_time
from chat.models import Broadcast, Room

NOW = datetime(2026, 3, 4, 15, 4, 5, 600_000, tzinfo=UTC)
FIVE = datetime(2026, 3, 4, 15, 4, 5, tzinfo=UTC)


@pytest.fixture
def room(db: None) -> Room:
    return Room.objects.create(slug="goframe", title="The {time} room")


def broadcast(room: Room, **fields: object) -> Broadcast:
    return Broadcast(**{"name": "Time", "room": room, "time_zone": "UTC", **fields})


@pytest.mark.django_db
def test_a_fresh_database_has_the_lobby_and_the_reference_broadcast() -> None:
    room = Room.objects.get()
    assert (room.slug, room.title) == ("lobby", "Lobby")
    made = Broadcast.objects.get()
    assert (made.room, made.interval, made.time_zone, made.enabled) == (room, 5, "", True)
    assert made.template == "Server broadcast: Current time is {time}"
    made.full_clean()


@pytest.mark.django_db
def test_the_migration_takes_back_what_it_made_but_no_room_that_is_used() -> None:
    lobby = importlib.import_module("chat.migrations.0002_lobby")
    Broadcast.objects.create(name="Mine", room=Room.objects.get())
    lobby.remove_lobby(apps, connection.schema_editor())
    assert [made.name for made in Broadcast.objects.all()] == ["Mine"]
    Broadcast.objects.all().delete()
    lobby.remove_lobby(apps, connection.schema_editor())
    assert not Room.objects.exists()
    lobby.make_lobby(apps, connection.schema_editor())
    lobby.make_lobby(apps, connection.schema_editor())
    assert Broadcast.objects.get().room.slug == "lobby"


@pytest.mark.parametrize(
    ("template", "text"),
    [
        ("Server broadcast: Current time is {time}", "Server broadcast: Current time is 15:04:05"),
        ("{date} {time} {time}", "2026-03-04 15:04:05 15:04:05"),
        ("{room}", "The {time} room"),
        ("{{time}}", "{15:04:05}"),
        ("} 50 % {", "} 50 % {"),
        ("{room.__class__} {0} {time!r} {time:>20}", "{room.__class__} {0} {time!r} {time:>20}"),
        ("<b>{time}</b> سلام 🕔", "<b>15:04:05</b> سلام 🕔"),
    ],
)
def test_the_text_has_its_placeholders_replaced_and_nothing_else(room: Room, template: str, text: str) -> None:
    assert broadcast(room, template=template).render(NOW) == text


@pytest.fixture
def zone() -> Iterator[None]:
    """Put the tests' own zone back."""
    before = os.environ.get("TZ")
    yield
    machine_time.restore(before)


def test_the_time_is_told_in_the_broadcasts_zone_or_else_in_the_machines(
    room: Room, settings: object, zone: None
) -> None:
    settings.TIME_ZONE = "America/New_York"
    machine_time.restore("Asia/Kathmandu")
    late = datetime(2026, 3, 4, 23, 30, tzinfo=UTC)
    assert broadcast(room, template="{date} {time}", time_zone="Europe/Berlin").render(late) == "2026-03-05 00:30:00"
    assert broadcast(room, template="{date} {time}", time_zone="").render(late) == "2026-03-05 05:15:00"


@pytest.mark.parametrize(
    ("template", "says"),
    [
        ("{tiem}", "{time}, {date} and {room} in braces, but {tiem} came"),
        ("{}", "but {} came"),
        ("{ time }", "but { time } came"),
        ("{TIME}", "but {TIME} came"),
        ("{room.__class__}", "but {room.__class__} came"),
        ("{time!r}", "but {time!r} came"),
        ("one\ntwo", "U+000A"),
        ("a\x00b", "U+0000"),
        ("\x1b[31m", "U+001B"),
        ("\x85", "U+0085"),
        ("\ud800", "U+D800"),
        ("x" * 1001, "1000"),
        ("", "blank"),
    ],
)
def test_a_template_that_makes_no_sense_is_refused_with_a_sentence(room: Room, template: str, says: str) -> None:
    with pytest.raises(ValidationError) as refused:
        broadcast(room, template=template).full_clean()
    assert set(refused.value.message_dict) == {"template"}
    assert says in " ".join(refused.value.message_dict["template"])


@pytest.mark.parametrize(
    "name", ["Berlin", "europe/nowhere", "../../etc/passwd", "/etc/localtime", "UTC\x00", "Europe"]
)
def test_a_time_zone_that_is_none_is_refused_with_a_sentence(room: Room, name: str) -> None:
    with pytest.raises(ValidationError) as refused:
        broadcast(room, time_zone=name).full_clean()
    assert "Expected a name of the time zone database" in " ".join(refused.value.message_dict["time_zone"])


@pytest.mark.parametrize("interval", [0, -1, 86_401])
def test_an_interval_out_of_range_is_refused_by_the_form_and_by_the_database(room: Room, interval: int) -> None:
    with pytest.raises(ValidationError):
        broadcast(room, interval=interval).full_clean()
    with pytest.raises(IntegrityError), transaction.atomic():
        broadcast(room, interval=interval).save()


@pytest.mark.parametrize("interval", [1, 86_400])
def test_an_interval_from_a_second_to_a_day_is_fine(room: Room, interval: int) -> None:
    broadcast(room, interval=interval).full_clean()


def test_only_enabled_broadcasts_tick_and_their_rooms_come_with_them(
    room: Room, django_assert_num_queries: object
) -> None:
    broadcast(room, enabled=False).save()
    broadcast(room, name="Other").save()
    with django_assert_num_queries(1):
        assert [(row.name, row.room.slug) for row in Broadcast.ticking()] == [("Time", "lobby"), ("Other", "goframe")]


def test_a_tick_is_granted_once_and_never_an_earlier_one(room: Room) -> None:
    made = broadcast(room)
    made.save()
    rival = Broadcast.objects.get(pk=made.pk)
    assert made.claim(FIVE)
    assert not rival.claim(FIVE)
    assert not rival.claim(FIVE - timedelta(seconds=5))
    assert not rival.claim(FIVE - timedelta(microseconds=1))
    assert rival.claim(FIVE + timedelta(microseconds=1))
    assert not made.claim(FIVE + timedelta(microseconds=1))


def test_a_broadcast_that_was_switched_off_or_deleted_meanwhile_grants_nothing(room: Room) -> None:
    made = broadcast(room)
    made.save()
    Broadcast.objects.filter(pk=made.pk).update(enabled=False)
    assert not made.claim(FIVE)
    Broadcast.objects.filter(pk=made.pk).delete()
    assert not made.claim(FIVE)


@pytest.mark.django_db(transaction=True)
def test_of_workers_that_claim_at_once_exactly_one_is_granted_the_tick() -> None:
    room, _ = Room.objects.get_or_create(slug="race", defaults={"title": "Race"})
    made = broadcast(room)
    made.save()
    granted: list[int] = []
    gate = threading.Barrier(4)

    def work(number: int) -> None:
        try:
            for second in range(20):
                gate.wait(30)
                if made.claim(FIVE + timedelta(seconds=second)):
                    granted.append(second)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert sorted(granted) == list(range(20))
