"""A room's row: what the log writes in it stays the log's, whoever saves an older copy."""

from __future__ import annotations

from importlib import import_module

import pytest
from django.apps import apps
from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.test import Client

from chat.models import Broadcast, Room
from tests.saying import say

pytestmark = pytest.mark.django_db


@pytest.fixture
def room() -> Room:
    return Room.objects.create(slug="tea", title="Tea")


def test_two_rooms_have_logs_of_different_names(room: Room) -> None:
    assert room.durable
    assert room.epoch != Room.objects.create(slug="milk", title="Milk").epoch


def test_saving_an_older_copy_does_not_set_the_log_back(room: Room) -> None:
    say("tea", "one", "two")
    Room.objects.filter(pk=room.pk).update(epoch="renamed", pruned=1)
    room.title = "Green tea"
    room.save()
    room.refresh_from_db()
    assert (room.title, room.head, room.last, room.pruned, room.epoch) == ("Green tea", 2, 2, 1, "renamed")
    assert say("tea", "three") == [3]


def test_what_is_named_is_written(room: Room) -> None:
    room.head = 7
    room.save(update_fields=["head"])
    room.refresh_from_db()
    assert room.head == 7


@pytest.mark.parametrize("named", [None, ["durable"]])
def test_a_switch_of_durability_is_another_log(room: Room, named: list[str] | None) -> None:
    for durable in (False, True):
        before = room.epoch
        room.durable = durable
        room.save(update_fields=named)
        assert room.epoch != before
        assert list(Room.objects.filter(pk=room.pk).values_list("durable", "epoch")) == [(durable, room.epoch)]


def test_a_switch_is_seen_against_the_database_and_not_against_what_was_read(room: Room) -> None:
    Room.objects.filter(pk=room.pk).update(durable=False)
    room.save()
    assert Room.objects.get(pk=room.pk).epoch == room.epoch != ""
    before = room.epoch
    room.save()
    assert Room.objects.get(pk=room.pk).epoch == before


@pytest.mark.parametrize(
    ("field", "value"), [("retention_days", -1), ("retention_days", 36_501), ("retention_count", -1)]
)
def test_a_retention_that_makes_no_sense_is_refused(room: Room, field: str, value: int) -> None:
    setattr(room, field, value)
    with pytest.raises(ValidationError):
        room.full_clean()


def test_the_migration_names_each_log_of_the_rooms_that_are_there() -> None:
    Room.objects.bulk_create([Room(slug=f"r{number}", title="R", epoch="same") for number in range(3)])
    import_module("chat.migrations.0004_durable_rooms").name_each_log(apps, None)
    epochs = list(Room.objects.values_list("epoch", flat=True))
    assert len(set(epochs)) == len(epochs) == 4
    assert "same" not in epochs


@pytest.fixture
def operator(client: Client) -> Client:
    client.force_login(User.objects.create(username="op", is_staff=True, is_superuser=True))
    return client


def test_the_admin_switches_a_room_and_its_retention_and_shows_where_its_log_stands(
    operator: Client, room: Room
) -> None:
    say("tea", "one")
    path = f"/admin/chat/room/{room.pk}/change/"
    page = operator.get(path).content.decode()
    assert room.epoch in page
    form = {"slug": "tea", "title": "Tea", "topic": "", "retention_days": "30", "retention_count": "", "epoch": "mine"}
    form |= {"kind": "public", "posting": "everyone", "guests": "on"}
    assert operator.post(path, {**form, "durable": "on", "head": "9"}).status_code == 302
    after = Room.objects.get(pk=room.pk)
    assert (after.retention_days, after.retention_count, after.head, after.epoch) == (30, None, 1, room.epoch)
    assert operator.post(path, form).status_code == 302
    volatile = Room.objects.get(pk=room.pk)
    assert not volatile.durable
    assert volatile.epoch not in (room.epoch, "mine")


def test_deleting_a_room_takes_its_messages_along(room: Room) -> None:
    say("tea", "one", "two")
    Broadcast.objects.create(name="Time", room=room)
    _, deleted = room.delete()
    assert deleted["chat.Message"] == 2
