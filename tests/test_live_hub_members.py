"""The hub, and people who may read in a room no more."""

from __future__ import annotations

import asyncio
from typing import Any

from chat.live.connection import Connection
from chat.live.hub import Hub
from chat.rooms.recovery import Fill
from chat.wire.events import Member, Person
from tests.fakes import broadcast, json_codec, message, raw_codec
from tests.test_live_hub_durable import ROOM, Log, change, entered, head, links, member, resyncs
from tests.virtual import in_virtual_time

EVE = Person("user:7", "Eve", "user")


def revoked(offset: int | None, reads: bool = False, person: Person = EVE) -> Member:
    return Member(person.id, "", reads, offset, "e1" if offset else None)


def eves(connection: Connection) -> Connection:
    connection.person = EVE
    return connection


@in_virtual_time
async def test_who_is_revoked_hears_what_was_said_before_and_nothing_after_in_the_same_pass() -> None:
    hub, codec = Hub(), json_codec()
    ada, eve = entered(hub, 3, codec), eves(entered(hub, 3, codec))
    for event in (change(4), revoked(5), change(6)):
        hub.deliver(ROOM, event)
    await asyncio.sleep(0.1)
    assert (links(eve), resyncs(eve), eve.rooms) == ([(3, 4)], 1, set())
    assert (links(ada), resyncs(ada)) == ([(3, 4), (4, 6)], 0), "the others' next message follows their last one"
    assert hub.members(ROOM) == [ada]


@in_virtual_time
async def test_whose_role_changes_and_who_may_still_read_hears_everything() -> None:
    hub = Hub()
    eve = eves(entered(hub, 3))
    for event in (revoked(4, reads=True), change(5)):
        hub.deliver(ROOM, event)
    await asyncio.sleep(0.1)
    assert (links(eve), resyncs(eve)) == ([(3, 5)], 0)


@in_virtual_time
async def test_who_is_revoked_while_joining_is_not_let_in() -> None:
    hub, codec = Hub(), json_codec()
    ada, eve = entered(hub, 3, codec), eves(member(codec))
    hub.begin(ROOM, eve)
    for event in (revoked(4), change(5)):
        hub.deliver(ROOM, event)
    await asyncio.sleep(0.1)
    assert not hub.enter(ROOM, eve, head(3))
    assert (links(eve), eve.rooms, hub.members(ROOM)) == ([], set(), [ada])


@in_virtual_time
async def test_who_is_ahead_of_their_revocation_is_put_out_as_well() -> None:
    log, codec = Log(), json_codec()
    hub = Hub(log.read)
    entered(hub, 3, codec)
    eve = eves(entered(hub, 4, codec))
    for event in (change(4), revoked(5), change(6)):
        hub.deliver(ROOM, event)
    await asyncio.sleep(0.1)
    assert (links(eve), resyncs(eve)) == ([], 1)


@in_virtual_time
async def test_who_came_after_a_change_of_a_role_hears_the_servers_word_at_once() -> None:
    hub, codec = Hub(), json_codec()
    entered(hub, 3, codec)
    hub.deliver(ROOM, revoked(4, reads=True))
    await asyncio.sleep(0.1)
    late = entered(hub, 4, codec)
    for event in (broadcast(), change(5), broadcast()):
        hub.deliver(ROOM, event)
        await asyncio.sleep(0.1)
    assert [e["type"] for e in late.lane.envelopes] == ["broadcast", "message", "broadcast"]  # type: ignore[attr-defined]
    assert links(late) == [(4, 5)]


@in_virtual_time
async def test_a_room_that_is_cleared_has_nobody_in_it_at_once_and_nobody_enters_who_was_on_their_way() -> None:
    hub, codec = Hub(), json_codec()
    there, ahead, coming = entered(hub, 3, codec), entered(hub, 9, codec), member()
    hub.begin(ROOM, coming)
    assert set(hub.clear(ROOM)) == {there, ahead}
    assert (there.rooms, ahead.rooms) == (set(), set())
    assert not hub.enter(ROOM, coming, head(3))
    assert (hub.clear("nowhere"), hub.rooms, coming.rooms) == ([], {}, set())


@in_virtual_time
async def test_who_comes_to_a_cleared_room_finds_it_volatile_where_that_is_what_it_has_become() -> None:
    hub, codec = Hub(), json_codec()
    entered(hub, 3, codec)
    hub.clear(ROOM)
    back = member()
    hub.add(ROOM, back)
    assert not hub.is_durable(ROOM)
    hub.deliver(ROOM, message(1))
    await asyncio.sleep(0.1)
    assert [e["type"] for e in back.lane.envelopes] == ["message"]  # type: ignore[attr-defined]


@in_virtual_time
async def test_a_raw_member_who_is_revoked_is_closed() -> None:
    hub = Hub()
    eve = eves(entered(hub, 3, raw_codec()))
    hub.deliver(ROOM, revoked(4))
    await asyncio.sleep(0.1)
    assert eve.closing is not None and eve.closing.code == 4005


@in_virtual_time
async def test_a_room_whose_last_member_is_revoked_is_open_no_more() -> None:
    hub = Hub()
    eves(entered(hub, 3))
    hub.deliver(ROOM, revoked(4))
    await asyncio.sleep(0.1)
    assert hub.rooms == {}


@in_virtual_time
async def test_in_a_volatile_room_a_revocation_holds_from_where_it_is_said() -> None:
    hub, codec = Hub(), json_codec()
    eve = eves(member(codec))
    hub.add(ROOM, eve)
    for event in (message(1), revoked(None), message(2)):
        hub.deliver(ROOM, event)
    await asyncio.sleep(0.1)
    assert [e["type"] for e in eve.lane.envelopes] == ["message", "resync"]  # type: ignore[attr-defined]


@in_virtual_time
async def test_what_was_missed_is_told_to_none_whom_the_filling_finds_outside() -> None:
    log, codec = Log(), json_codec()

    async def read(slug: str, since: int) -> Fill:
        found = await log.read(slug, since)
        return Fill(found.head, found.events, True, frozenset({EVE.id}))

    hub = Hub(read)
    ada, eve = entered(hub, 3, codec), eves(entered(hub, 3, codec))
    joining = eves(member(codec))
    hub.begin(ROOM, joining)
    log.head = head(5)
    hub.seen(ROOM, head(5), 3)
    await asyncio.sleep(1)
    assert (links(ada), links(eve), resyncs(eve)) == ([(3, 4), (4, 5)], [], 1)
    assert not hub.enter(ROOM, joining, head(5))


@in_virtual_time
async def test_shutting_people_out_of_a_room_that_is_not_open_does_nothing() -> None:
    hub: Any = Hub()
    hub.shut_out("nowhere", {EVE.id})
    assert hub.rooms == {}
