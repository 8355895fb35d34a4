"""Namesakes: an account's name is its own, also where a guest had it first."""

from __future__ import annotations

import pytest
from django.db import OperationalError

from chat.live.identity import Identity
from chat.namesakes import RECENT_SECONDS
from chat.wire.events import Person
from tests.test_signing import ADA, WANDERER, Dialled, started
from tests.virtual import in_virtual_time

STRANGER = Person("ext:42", "Wаnderer", "user")
NAMELESS = Person(WANDERER.id, "guest-0123", "guest")


@in_virtual_time
async def test_a_guest_called_like_a_new_account_is_called_as_at_first_and_told() -> None:
    async with started() as (node, sessions):
        guest, other = Dialled(node, identity=Identity(WANDERER)), Dialled(node)
        for client in (guest, other):
            client.lane.take()
        sessions.renamed = {7: "wanderer", 8: "Grace"}
        await node.heard({7, 8})
        assert guest.connection.person == NAMELESS
        (told,) = guest.lane.take()
        assert (told["type"], told["payload"]["code"]) == ("error", "conflict")
        assert "“Wanderer” is the name of an account now" in told["payload"]["message"]
        assert "“guest-0123”" in told["payload"]["message"]
        assert other.lane.take() == []
        assert node.registry.names == {}


@in_virtual_time
async def test_another_backends_person_called_like_a_new_account_is_called_otherwise() -> None:
    async with started() as (node, sessions):
        client = Dialled(node, identity=Identity(STRANGER, expires_at=1e9))
        sessions.renamed = {7: "Wanderer"}
        await node.heard({7})
        assert client.connection.person.id == STRANGER.id
        assert client.connection.person.name.startswith("user-")
        assert client.connection.identity.expires_at == 1e9


@in_virtual_time
async def test_an_account_keeps_its_name() -> None:
    async with started() as (node, sessions):
        client = Dialled(node, identity=Identity(ADA, "adassession", 1))
        sessions.renamed = {1: "ada"}
        await node.heard({1})
        assert client.connection.person == ADA


@in_virtual_time
async def test_while_the_database_is_down_nobody_is_forgotten() -> None:
    async with started() as (node, sessions):
        guest = Dialled(node, identity=Identity(WANDERER))
        sessions.renamed = {7: "Wanderer"}
        sessions.error = OperationalError("gone")
        await node.heard({7})
        assert guest.connection.person == WANDERER
        sessions.error = None
        await node.heard(set())
        assert guest.connection.person == NAMELESS


@pytest.mark.parametrize(("later", "name"), [(0.0, "guest-0123"), (RECENT_SECONDS + 1, "Wanderer")])
def test_who_was_let_in_before_an_accounts_name_was_heard_has_it_no_more(later: float, name: str) -> None:
    @in_virtual_time
    async def scenario() -> None:
        async with started() as (node, sessions):
            asked_at = node.clock()
            sessions.renamed = {7: "Wanderer"}
            await node.heard({7})
            guest = Dialled(node, identity=Identity(WANDERER))
            node.namesakes.came(guest.connection, asked_at + later)
            assert guest.connection.person.name == name

    scenario()


@in_virtual_time
async def test_a_guest_that_comes_back_when_another_has_its_name_is_called_as_at_first() -> None:
    async with started() as (node, _):
        shown = []
        for person in (WANDERER, WANDERER, Person("guest:abcd", "wanderer", "guest"), STRANGER):
            client = Dialled(node, identity=Identity(person))
            node.namesakes.came(client.connection, node.clock())
            shown.append(client.connection.person.name)
        assert shown == ["Wanderer", "Wanderer", "guest-abcd", STRANGER.name], "the same guest may have two windows"
