"""Send now, in the admin. That a guest hears it exactly once is tested in live/test_admin.py."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest
from channels.layers import channel_layers
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission, User
from django.db import OperationalError
from django.test import Client
from redis.exceptions import ConnectionError as RedisConnectionError

from chat import broker
from chat.admin.sending import NotSent, send_now
from chat.broker import group_of
from chat.layers import MemoryChannelLayer
from chat.models import Broadcast, Room
from chat.wire import events

pytestmark = pytest.mark.django_db(transaction=True)


class FakeLayer(MemoryChannelLayer):
    """Keeps what is sent to groups; can fail or hang. Nothing is ever received from it."""

    def __init__(self) -> None:
        super().__init__()
        self.sent: list[tuple[str, list[str]]] = []
        self.error: Exception | None = None
        self.hangs = False

    async def group_send(self, group: str, message: dict[str, Any]) -> None:
        if self.hangs:
            await asyncio.Event().wait()
        if self.error:
            raise self.error
        self.sent.append((group, [event.text for event in events.unpack(message["events"])]))  # type: ignore[union-attr]


@pytest.fixture
def layer() -> Iterator[FakeLayer]:
    made = FakeLayer()
    before = channel_layers.set("default", made)
    yield made
    channel_layers.set("default", before)


@pytest.fixture
def row() -> Broadcast:
    row = Broadcast.objects.get(name="Time")
    row.template = "News for {room}"
    row.save()
    return row


@pytest.fixture
def operator(client: Client) -> Client:
    client.force_login(User.objects.create(username="op", is_staff=True, is_superuser=True))
    return client


def press(client: Client, row: Broadcast) -> str:
    """Press the button on a broadcast's form; return the page that follows."""
    answer = client.post(f"/admin/chat/broadcast/{row.pk}/send/", follow=True)
    assert answer.status_code == 200
    return answer.content.decode()


def test_it_is_sent_to_its_room_and_noted_in_its_history(operator: Client, layer: FakeLayer, row: Broadcast) -> None:
    assert "“Time” was sent to Lobby." in press(operator, row)
    assert layer.sent == [(group_of("lobby"), ["News for Lobby"])]
    assert [(entry.object_id, entry.change_message) for entry in LogEntry.objects.all()] == [(str(row.pk), "Sent now.")]
    assert Broadcast.objects.get(pk=row.pk).last_due


def test_each_press_sends_once_more_and_nothing_else(operator: Client, layer: FakeLayer, row: Broadcast) -> None:
    other = Broadcast.objects.create(name="Other", room=Room.objects.get(slug="lobby"))
    for _ in range(3):
        press(operator, row)
    assert len(layer.sent) == 3
    other.refresh_from_db()
    assert other.last_due is None


def test_what_is_off_is_not_sent_and_its_button_says_so(operator: Client, layer: FakeLayer, row: Broadcast) -> None:
    Broadcast.objects.update(enabled=False)
    assert "“Time” is off, so it was not sent" in press(operator, row)
    assert layer.sent == []
    assert not LogEntry.objects.exists()
    assert "Off: cannot be sent" in operator.get(f"/admin/chat/broadcast/{row.pk}/change/").content.decode()


@pytest.mark.parametrize("error", [RedisConnectionError("connection refused"), OSError("reset"), TimeoutError()])
def test_a_layer_that_is_down_is_told_and_nothing_noted(
    operator: Client, layer: FakeLayer, row: Broadcast, error: Exception
) -> None:
    layer.error = error
    said = press(operator, row)
    assert "“Time” was not sent: The channel layer does not answer" in said
    assert not LogEntry.objects.exists()


def test_a_layer_that_hangs_is_given_up(
    operator: Client, layer: FakeLayer, row: Broadcast, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert broker.SEND_SECONDS <= 2
    monkeypatch.setattr(broker, "SEND_SECONDS", 0.05)
    layer.hangs = True
    assert "The channel layer does not answer (TimeoutError)" in press(operator, row)


def test_a_database_that_fails_meanwhile_is_told(
    layer: FakeLayer, row: Broadcast, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*arguments: object) -> bool:
        raise OperationalError("database is locked")

    monkeypatch.setattr(Broadcast, "claim", fail)
    with pytest.raises(NotSent, match=r"The database does not answer \(OperationalError: database is locked\)"):
        send_now(row)
    assert layer.sent == []


def test_a_tick_that_another_claims_meanwhile_is_told(
    layer: FakeLayer, row: Broadcast, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Broadcast, "claim", lambda *arguments: False)
    with pytest.raises(NotSent, match="in this very moment"):
        send_now(row)
    assert layer.sent == []


def test_several_are_sent_from_the_list_and_each_is_told_of(operator: Client, layer: FakeLayer, row: Broadcast) -> None:
    off = Broadcast.objects.create(name="Off", room=row.room, enabled=False)
    tea = Broadcast.objects.create(name="Tea", room=Room.objects.create(slug="tea", title="Tea room"))
    chosen = {"action": "send_selected", "_selected_action": [row.pk, off.pk, tea.pk]}
    said = operator.post("/admin/chat/broadcast/", chosen, follow=True).content.decode()
    assert {group for group, _ in layer.sent} == {group_of("lobby"), group_of("tea")}
    for sentence in ("“Time” was sent to Lobby.", "“Off” is off", "“Tea” was sent to Tea room."):
        assert sentence in said
    assert LogEntry.objects.count() == 2


def test_it_takes_the_permission_to_change(client: Client, layer: FakeLayer, row: Broadcast) -> None:
    path = f"/admin/chat/broadcast/{row.pk}/send/"
    assert client.post(path).status_code == 302
    user = User.objects.create(username="viewer", is_staff=True)
    user.user_permissions.add(Permission.objects.get(codename="view_broadcast"))
    client.force_login(user)
    assert client.post(path).status_code == 403
    assert "Send now" not in client.get(f"/admin/chat/broadcast/{row.pk}/change/").content.decode()
    assert "send_selected" not in client.get("/admin/chat/broadcast/").content.decode()
    assert layer.sent == []


def test_only_a_post_with_the_forms_token_sends(operator: Client, layer: FakeLayer, row: Broadcast) -> None:
    path = f"/admin/chat/broadcast/{row.pk}/send/"
    assert operator.get(path).status_code == 405
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(User.objects.get(username="op"))
    assert strict.post(path).status_code == 403
    assert layer.sent == []


def test_what_was_deleted_meanwhile_is_not_found(operator: Client, layer: FakeLayer) -> None:
    assert operator.post("/admin/chat/broadcast/12345/send/").status_code == 404
