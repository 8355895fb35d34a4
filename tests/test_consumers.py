"""The consumer, through channels' own communicator: an ASGI server that we do not know."""

from __future__ import annotations

import asyncio
import dataclasses
import json as pyjson
import logging
from collections.abc import AsyncIterator
from typing import Any

import pytest
from channels.testing import WebsocketCommunicator
from django.db import OperationalError

from chat.consumers import ChatConsumer, size_of
from chat.live.lanes import SCOPE_KEY
from chat.live.places import Limits
from chat.node import Node
from chat.origins import SCOPE_KEY as VISIT
from chat.origins import Visit
from chat.routing import routes
from chat.wire.codes import FLOODING, SERVER_RESTART
from chat.wire.events import Person
from chat.wire.origins import parse
from tests.fakes import FakeDatabase, FakeLane, FakeSessions, make_node
from tests.model_log import FakeReader, ModelLog

SECONDS = 10  # far over what anything here needs
Dialled = Any


class Dialler:
    """Opens WebSockets to a node and closes them at the end."""

    def __init__(self, node: Node) -> None:
        self.node = node
        self.application = routes(ChatConsumer.as_asgi(node=node))
        self.open: list[WebsocketCommunicator] = []

    async def __call__(
        self,
        path: str = "/ws",
        *offered: str,
        client: tuple[str, int] | None = ("192.0.2.1", 5000),
        visit: Visit | None = None,
        cookie: str = "",
        **extensions: Any,
    ) -> Any:
        headers = [(b"cookie", cookie.encode())] if cookie else []
        socket = WebsocketCommunicator(self.application, path, headers=headers, subprotocols=list(offered))
        socket.scope["client"] = client
        if visit is not None:
            socket.scope[VISIT] = visit
        socket.scope["extensions"] = extensions
        self.open.append(socket)
        return socket, await socket.connect(timeout=SECONDS)

    async def json(self, **options: Any) -> WebsocketCommunicator:
        socket, (accepted, subprotocol) = await self("/ws", "chat.v1.json", **options)
        assert (accepted, subprotocol) == (True, "chat.v1.json")
        assert (await heard(socket))["type"] == "welcome"
        return socket

    async def raw(self, path: str = "/ws", **options: Any) -> WebsocketCommunicator:
        socket, (accepted, subprotocol) = await self(path, **options)
        assert (accepted, subprotocol) == (True, None)
        return socket

    async def hang_up(self) -> None:
        for socket in self.open:
            if not socket.future.done():
                await socket.disconnect(timeout=SECONDS)


async def heard(socket: WebsocketCommunicator) -> dict[str, Any]:
    found: dict[str, Any] = pyjson.loads(await socket.receive_from(timeout=SECONDS))
    return found


async def closed(socket: WebsocketCommunicator) -> tuple[int, str]:
    """Return the code and reason that a socket is closed with, when the application has ended."""
    while (message := await socket.receive_output(timeout=SECONDS))["type"] != "websocket.close":
        pass  # What was on its way before.
    await until(socket.future.done)
    return message["code"], message.get("reason", "")


async def until(check: Any) -> None:
    async with asyncio.timeout(SECONDS):
        while not check():
            await asyncio.sleep(0.005)


@pytest.fixture
async def node() -> AsyncIterator[Node]:
    made = make_node()
    made.start()
    yield made
    await made.stop()


@pytest.fixture
async def dial(node: Node) -> AsyncIterator[Dialler]:
    made = Dialler(node)
    yield made
    await made.hang_up()


async def test_a_raw_client_is_in_the_urls_room_at_once_and_hears_itself(dial: Dialler) -> None:
    for path in ("/ws", "/ws/", "/ws/lobby", "/ws/lobby/"):
        socket = await dial.raw(path)
        await socket.send_to("hi")
        assert await socket.receive_from(timeout=SECONDS) == "192.0.2.1:5000 echo: hi"
        await socket.send_to(bytes_data=b"\xff")
        assert await socket.receive_from(timeout=SECONDS) == b"192.0.2.1:5000 echo: \xff"
        await socket.disconnect(timeout=SECONDS)


async def test_empty_frames_are_relayed_too(dial: Dialler) -> None:
    socket = await dial.raw()
    await socket.send_input({"type": "websocket.receive", "text": ""})
    assert await socket.receive_from(timeout=SECONDS) == "192.0.2.1:5000 echo: "
    await socket.send_input({"type": "websocket.receive", "bytes": b""})
    assert await socket.receive_from(timeout=SECONDS) == b"192.0.2.1:5000 echo: "


async def test_rooms_do_not_hear_each_other(dial: Dialler) -> None:
    lobby, goframe = await dial.raw("/ws/lobby"), await dial.raw("/ws/goframe")
    await lobby.send_to("one")
    await goframe.send_to("two")
    assert await lobby.receive_from(timeout=SECONDS) == "192.0.2.1:5000 echo: one"
    assert await goframe.receive_from(timeout=SECONDS) == "192.0.2.1:5000 echo: two"


@pytest.mark.parametrize(
    ("client", "address"),
    [(("::1", 77), "[::1]:77"), (("192.0.2.9", None), "192.0.2.9:0"), (None, "unknown:0")],
)
async def test_the_address_is_the_one_that_the_server_saw(dial: Dialler, client: Any, address: str) -> None:
    socket = await dial.raw(client=client)
    await socket.send_to("hi")
    assert await socket.receive_from(timeout=SECONDS) == f"{address} echo: hi"


async def test_a_json_client_is_welcomed_and_in_no_room_until_it_joins(dial: Dialler, node: Node) -> None:
    socket = await dial.json()
    assert node.hub.rooms == {}
    await socket.send_to('{"type":"join","id":1,"payload":{"room":"lobby"}}')
    assert (await heard(socket))["payload"]["title"] == "Lobby"
    raw = await dial.raw()
    await raw.send_to("hi")
    message = await heard(socket)
    assert (message["type"], message["payload"]["text"]) == ("message", "hi")


@pytest.mark.parametrize("offered", [["bearer.abc"], ["unknown"], ["a", "b"]])
async def test_subprotocols_that_we_do_not_have_are_refused_in_the_handshake(
    dial: Dialler, node: Node, offered: list[str]
) -> None:
    _, (accepted, _) = await dial("/ws", *offered)
    assert not accepted
    assert len(node.registry) == 0


@pytest.mark.parametrize("path", ["/", "/wss", "/ws/a/b", "/ws//", "/WS", "/chat", "/ws/" + "x" * 201])
async def test_a_path_that_is_none_of_ours_is_refused(dial: Dialler, path: str) -> None:
    _, (accepted, _) = await dial(path)
    assert not accepted


async def test_an_unknown_room_is_accepted_and_closed_with_its_own_code(dial: Dialler, node: Node) -> None:
    for path in ("/ws/nowhere", "/ws/LOBBY", "/ws/%00", "/ws/ü"):
        socket = await dial.raw(path)
        code, reason = await closed(socket)
        assert code == 4507
        assert "There is no room" in reason
    assert len(node.registry) == 0


async def test_a_database_that_does_not_answer_closes_a_raw_client_as_unavailable(dial: Dialler, node: Node) -> None:
    database = node.directory.database
    assert isinstance(database, FakeDatabase)
    database.error = OperationalError("gone")
    assert (await closed(await dial.raw()))[0] == 4004


async def test_a_room_more_than_the_process_may_open_is_unavailable(dial: Dialler, node: Node) -> None:
    await dial.raw("/ws/lobby")
    object.__setattr__(node.conf, "max_rooms", 1)
    assert (await closed(await dial.raw("/ws/goframe")))[0] == 4004
    assert node.hub.count("lobby") == 1


async def test_over_the_limit_the_first_are_told_and_the_others_refused(dial: Dialler, node: Node) -> None:
    node.places.limits = Limits(address=10)
    for _ in range(10):
        await dial.raw()
    lane = FakeLane(asyncio.get_running_loop())
    _, (accepted, _) = await dial("/ws", **{SCOPE_KEY: lane})
    assert accepted
    assert lane.closed is not None
    assert lane.closed[0] == 4006
    assert b"Too many connections" in lane.closed[1]
    _, (accepted, _) = await dial()
    assert not accepted
    await dial.raw(client=("192.0.2.2", 1))
    await dial.hang_up()
    assert node.places.total == 0


async def test_where_guests_are_not_let_in_a_raw_guest_is_told_so_and_closed(dial: Dialler, node: Node) -> None:
    node.conf = dataclasses.replace(node.conf, guests=False)
    socket, (accepted, _) = await dial("/ws")
    assert accepted
    code, reason = await closed(socket)
    assert code == 4508
    assert "Guests" in reason
    assert not node.hub.rooms


OWN = Visit(parse("http://chat.example"), own=True)
LISTED = Visit(parse("https://a.example"), own=False)
PROGRAM = Visit(None, own=True)
ADA = Person("user:7", "ada", "user")


@pytest.fixture
def sessions(node: Node) -> FakeSessions:
    made = FakeSessions(adassession=ADA)
    made.serve(node)
    return made


@pytest.mark.parametrize(
    ("visit", "cookie", "kind"),
    [
        (OWN, "sessionid=adassession", "user"),
        (LISTED, "sessionid=adassession", "user"),
        (PROGRAM, "sessionid=adassession", "guest"),
        (OWN, "sessionid=forgedsession", "guest"),
        (OWN, "", "guest"),
    ],
)
async def test_a_page_that_is_signed_in_is_its_user_and_everybody_else_a_guest(
    dial: Dialler, node: Node, sessions: FakeSessions, visit: Visit, cookie: str, kind: str
) -> None:
    socket, _ = await dial("/ws", "chat.v1.json", visit=visit, cookie=cookie)
    user = (await heard(socket))["payload"]["user"]
    assert user["kind"] == kind
    assert (user == {"id": "user:7", "name": "ada", "kind": "user"}) is (kind == "user")
    socket = await dial.raw(visit=visit, cookie=cookie)
    assert sorted(connection.person.kind for connection in node.registry) == [kind] * 2


async def test_what_a_user_says_in_raw_frames_is_told_with_the_name_to_those_who_want_names(
    dial: Dialler, node: Node, sessions: FakeSessions
) -> None:
    node.codecs["raw"].sender = "name"  # type: ignore[attr-defined]
    socket = await dial.raw(visit=OWN, cookie="sessionid=adassession")
    await socket.send_to("hi")
    assert await socket.receive_from(timeout=SECONDS) == "ada echo: hi"


@pytest.mark.parametrize("offered", [(), ("chat.v1.json",)])
async def test_where_guests_are_not_let_in_who_is_signed_in_is(
    dial: Dialler, node: Node, sessions: FakeSessions, offered: tuple[str, ...]
) -> None:
    node.conf = dataclasses.replace(node.conf, guests=False)
    await dial("/ws", *offered, visit=OWN, cookie="sessionid=adassession")
    (connection,) = node.registry
    assert (connection.person, connection.closing) == (ADA, None)
    for visit, cookie in ((PROGRAM, "sessionid=adassession"), (OWN, "sessionid=forgedsession")):
        socket, _ = await dial("/ws", *offered, visit=visit, cookie=cookie)
        if offered:
            assert (await heard(socket))["payload"]["user"] is None, "it has time to send `auth`"
        else:
            assert (await closed(socket))[0] == 4508


# Who comes where guests have taken every place of the address, and the code that they are closed with.
BEYOND = {
    "a guest": (OWN, "", 4006),
    "a program with a stolen cookie": (PROGRAM, "sessionid=adassession", 4006),
    "a page with a forged cookie": (OWN, "sessionid=forgedsession", 4006),
    "a page of another site with a forged cookie": (LISTED, "sessionid=forgedsession", 4006),
    "somebody signed in": (OWN, "sessionid=adassession", None),
    "somebody signed in on another site": (LISTED, "sessionid=adassession", None),
}


@pytest.mark.parametrize("offered", [(), ("chat.v1.json",)])
@pytest.mark.parametrize("case", BEYOND)
async def test_beyond_an_addresss_limit_only_accounts_find_a_place(
    dial: Dialler, node: Node, sessions: FakeSessions, case: str, offered: tuple[str, ...]
) -> None:
    visit, cookie, code = BEYOND[case]
    node.places.limits = Limits(address=10, unknown=1, account=10)
    for _ in range(10):
        await dial.raw()
    lane = FakeLane(asyncio.get_running_loop())
    _, (accepted, _) = await dial("/ws", *offered, visit=visit, cookie=cookie, **{SCOPE_KEY: lane})
    assert accepted
    assert (lane.closed and lane.closed[0]) == code
    await dial.hang_up()
    assert (node.places.total, dict(node.places.counts)) == (0, {})


@pytest.mark.parametrize("offered", [(), ("chat.v1.json",)])
@pytest.mark.parametrize("error", [OperationalError("gone"), TimeoutError()])
async def test_while_nobody_can_say_who_one_is_a_session_is_asked_to_come_back(
    dial: Dialler, node: Node, sessions: FakeSessions, offered: tuple[str, ...], error: Exception
) -> None:
    sessions.error = error
    socket, _ = await dial("/ws", *offered, visit=OWN, cookie="sessionid=adassession")
    assert (await closed(socket))[0] == 4004
    _, (accepted, _) = await dial("/ws", *offered, visit=OWN)
    assert accepted
    (connection,) = node.registry
    assert connection.closing is None, "who brings no cookie needs no look-up"


async def test_only_who_came_from_another_site_is_found_by_an_origin(dial: Dialler, node: Node) -> None:
    for visit in (None, PROGRAM, OWN, LISTED):
        await dial.raw(visit=visit)
    assert {origin: len(there) for origin, there in node.registry.origins.items()} == {LISTED.origin: 1}
    await dial.hang_up()
    assert node.registry.origins == {}


async def test_a_draining_server_takes_nobody(dial: Dialler, node: Node) -> None:
    node.draining = True
    _, (accepted, _) = await dial()
    assert not accepted


async def test_a_frame_of_the_limit_is_relayed_and_one_byte_more_closes_in_characters_of_any_size(
    dial: Dialler, node: Node
) -> None:
    most = node.codecs["raw"].max_frame_bytes
    for text in ("x" * most, "é" * (most // 2)):
        socket = await dial.raw()
        await socket.send_to(text)
        assert (await socket.receive_from(timeout=SECONDS)).endswith(text)
        await socket.send_to(text + "x")
        assert await closed(socket) == (1009, f"A frame may have {most} bytes.")


def test_the_size_of_a_frame_is_in_bytes() -> None:
    assert [size_of("abc", None), size_of("äöü", None), size_of(None, b"abc"), size_of("", None)] == [3, 6, 3, 0]


async def test_what_comes_after_a_close_is_not_heard(dial: Dialler, node: Node) -> None:
    socket, _ = await dial("/ws", **{SCOPE_KEY: (lane := FakeLane(asyncio.get_running_loop()))})
    (connection,) = node.registry
    connection.close(FLOODING)
    await socket.send_to("too late")
    await until(lambda: socket.input_queue.empty())
    assert connection.received == 0
    assert lane.closed == (4506, FLOODING.reason.encode())


async def test_the_lane_in_the_scope_is_the_one_that_is_written_to(dial: Dialler) -> None:
    lane = FakeLane(asyncio.get_running_loop())
    socket, _ = await dial("/ws", **{SCOPE_KEY: lane})
    await socket.send_to("hi")
    await until(lambda: lane.batches)
    assert lane.frames == ["192.0.2.1:5000 echo: hi"]
    assert await socket.receive_nothing(timeout=0.05)


async def test_who_hangs_up_leaves_every_room_and_count(dial: Dialler, node: Node) -> None:
    socket = await dial.json()
    await socket.send_to('{"type":"join","id":1,"payload":{"rooms":[{"room":"lobby"},{"room":"goframe"}]}}')
    assert len((await heard(socket))["payload"]["rooms"]) == 2
    await socket.disconnect(timeout=SECONDS)
    assert (node.hub.rooms, len(node.registry), node.places.total) == ({}, 0, 0)


async def test_a_consumer_that_fails_leaves_every_room_and_closes_its_socket(
    dial: Dialler, node: Node, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "chat.connection")
    socket = await dial.raw()
    monkeypatch.setattr("chat.conversation.Conversation.hear", lambda *arguments: 1 / 0)
    await socket.send_to("hi")
    assert (await closed(socket))[0] == 1011
    with pytest.raises(ZeroDivisionError):
        await socket.wait(SECONDS)
    dial.open.remove(socket)
    assert (node.hub.rooms, len(node.registry), node.places.total) == ({}, 0, 0)
    assert [line.split()[0] for line in caplog.messages] == ["open", "close"]


async def test_a_connection_is_one_line_when_it_opens_and_one_when_it_closes_and_its_text_is_in_neither(
    dial: Dialler, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "chat")
    socket = await dial.raw("/ws/goframe")
    await socket.send_to("a secret")
    await socket.receive_from(timeout=SECONDS)
    await socket.disconnect(code=1001, timeout=SECONDS)
    opened, ended = [record for record in caplog.records if record.name == "chat.connection"]
    assert opened.levelno == ended.levelno == logging.INFO
    for part in ("open", "address=192.0.2.1:5000", "codec=raw", "room=goframe"):
        assert part in opened.message
    for part in ("close", "code=1001", "seconds=0.", "in=1", "out=1", "shed=0"):
        assert part in ended.message
    assert opened.message.split()[1] == ended.message.split()[1]
    assert "secret" not in caplog.text


async def test_the_code_in_the_log_is_the_servers_own_where_it_closed(
    dial: Dialler, node: Node, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "chat.connection")
    socket = await dial.raw()
    (connection,) = node.registry
    connection.close(SERVER_RESTART)
    assert (await closed(socket))[0] == 4001
    await until(lambda: any("code=4001" in line for line in caplog.messages))


async def test_every_frame_is_a_sign_of_life_where_the_lane_sees_none(dial: Dialler, node: Node) -> None:
    socket = await dial.raw()
    (connection,) = node.registry
    connection.lane.heard = 0.0
    await socket.send_to("hi")
    await socket.receive_from(timeout=SECONDS)
    assert connection.lane.heard > 0


async def test_a_consumer_has_no_channel_of_its_own_in_the_layer(dial: Dialler, node: Node) -> None:
    for _ in range(5):
        await dial.raw()
    assert {group: len(channels) for group, channels in node.layer.groups.items()} == {"room.lobby": 1}
    assert len(node.layer.channels) == 1


# Durable rooms


@pytest.fixture
async def durable() -> AsyncIterator[Node]:
    made = make_node(log=ModelLog("lobby"))
    made.start()
    yield made
    await made.stop()


@pytest.fixture
async def durable_dial(durable: Node) -> AsyncIterator[Dialler]:
    made = Dialler(durable)
    yield made
    await made.hang_up()


def kept(node: Node) -> list[Any]:
    assert isinstance(node.reader, FakeReader)
    return [(row.text, row.data, row.address) for row in node.reader.log.rows("lobby")]


async def test_a_raw_client_in_a_durable_room_hears_itself_and_is_kept(durable_dial: Dialler, durable: Node) -> None:
    socket = await durable_dial.raw()
    await socket.send_to("hi")
    assert await socket.receive_from(timeout=SECONDS) == "192.0.2.1:5000 echo: hi"
    await socket.send_to(bytes_data=b"\xff")
    assert await socket.receive_from(timeout=SECONDS) == b"192.0.2.1:5000 echo: \xff"
    address = "192.0.2.1:5000"
    assert kept(durable) == [("hi", None, address), (None, b"\xff", address)]


async def test_a_raw_client_hears_what_is_said_from_now_on_and_not_what_was_before(
    durable_dial: Dialler, durable: Node
) -> None:
    first = await durable_dial.raw()
    await first.send_to("before")
    await first.receive_from(timeout=SECONDS)
    second = await durable_dial.raw(client=("192.0.2.2", 2))
    await first.send_to("after")
    assert await second.receive_from(timeout=SECONDS) == "192.0.2.1:5000 echo: after"


async def test_a_raw_client_is_not_let_in_before_it_hears_all_that_is_said_from_then_on(
    durable_dial: Dialler, durable: Node
) -> None:
    first = await durable_dial.raw()
    assert isinstance(durable.reader, FakeReader)
    durable.reader.gate = asyncio.Event()
    coming = asyncio.ensure_future(durable_dial.raw(client=("192.0.2.2", 2)))
    await asyncio.sleep(0.05)
    assert not coming.done() and len(durable.registry) == 1
    durable.reader.gate.set()
    second = await coming
    await first.send_to("at once")
    assert await second.receive_from(timeout=SECONDS) == "192.0.2.1:5000 echo: at once"


async def test_a_raw_client_of_a_durable_room_is_closed_where_the_log_does_not_answer(
    durable_dial: Dialler, durable: Node
) -> None:
    assert isinstance(durable.reader, FakeReader)
    durable.reader.error = OperationalError("gone")
    assert (await closed(await durable_dial.raw()))[0] == 4004
    durable.reader.error = None
    durable.reader.log.group.logs["lobby"].durable = False
    assert (await closed(await durable_dial.raw()))[0] == 4507
    assert (durable.hub.rooms, len(durable.registry)) == ({}, 0)


async def test_a_raw_client_that_fell_behind_while_it_came_is_closed_to_come_again(
    durable_dial: Dialler, durable: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(durable.hub, "enter", lambda slug, member, head: durable.hub.discard(slug, member))
    assert (await closed(await durable_dial.raw()))[0] == 4005
    assert durable.hub.rooms == {}
