"""The consumer: one for each WebSocket."""

from __future__ import annotations

import asyncio
import logging
import re
from typing import Any

from channels.consumer import get_handler_name
from channels.exceptions import StopConsumer
from channels.generic.websocket import AsyncWebsocketConsumer

from chat.authority import shows_something
from chat.conf import SLUG
from chat.conversation import Conversation
from chat.database import Unavailable, ask
from chat.doors import reader_of
from chat.live.connection import Connection
from chat.live.identity import Identity
from chat.live.lanes import SCOPE_KEY, AsgiLane, Lane
from chat.live.places import Admission, Place
from chat.node import Node
from chat.origins import SCOPE_KEY as VISIT
from chat.rooms import recovery
from chat.rooms.directory import RoomCard
from chat.tokens import Refused
from chat.wire import json
from chat.wire.codec import Codec
from chat.wire.codes import (
    INTERNAL,
    NORMAL,
    RESYNC,
    ROOM_FORBIDDEN,
    ROOM_NOT_FOUND,
    SERVER_RESTART,
    TOO_BIG,
    TOO_MANY_CONNECTIONS,
    UNAUTHENTICATED,
    UNAVAILABLE,
    Close,
    WireError,
)
from chat.wire.raw import format_address

logger = logging.getLogger("chat.connection")

UNKNOWN_PEER: tuple[str, int] = ("unknown", 0)


class ChatConsumer(AsyncWebsocketConsumer):  # type: ignore[misc]
    """Joins rooms' groups through the hub and relays to them.

    No channel of its own: the process has one channel and is in each room's group once (`channel_layer_alias`).
    """

    channel_layer_alias = None

    def __init__(self, node: Node) -> None:
        super().__init__()
        self.node = node
        self.connection: Connection | None = None
        self.conversation: Conversation | None = None
        self.identity: Identity | None = None
        self.place: Place | None = None
        self.asked_at = 0.0

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Run the connection: channels' own loop makes a task for each frame, this one none."""
        self.scope = scope
        self.base_send = send
        host, port = scope.get("client") or UNKNOWN_PEER
        self.host = str(host)
        self.address = format_address(self.host, port or 0)
        self.room = scope["url_route"]["kwargs"].get("slug") or self.node.conf.default_room
        place = self.place = self.node.places.enter(self.host, shows=shows_something(scope))
        ending = NORMAL
        try:
            while True:
                await self.dispatch_placed(place, await receive())
        except StopConsumer:
            pass  # The connection ended: websocket_disconnect says so.
        except Exception:
            ending = INTERNAL
            raise
        finally:
            place.leave()
            self.leave(ending)

    async def dispatch_placed(self, place: Place, message: dict[str, Any]) -> None:
        if message["type"] == "websocket.connect":
            await self.connect_placed(place)
        else:
            await self.dispatch(message)

    async def dispatch(self, message: dict[str, Any]) -> None:
        """Call a frame's handler, without channels' hop through the one sync thread for each message."""
        await getattr(self, get_handler_name(message))(message)

    # Opening

    async def connect_placed(self, place: Place) -> None:
        codec = self.node.codec_for(self.scope["subprotocols"])
        if codec is None or self.node.draining:
            await self.close()
        elif place.admission is Admission.WELCOME:
            await self.connect_somebody(codec, place)
        else:
            # What is shown may be worth a place of its own, once fewer are being looked up: in a moment.
            wait = self.node.spread() if shows_something(self.scope) else self.node.spread_widely()
            await self.turn_away_crowded(codec, place, wait)

    async def turn_away_crowded(self, codec: Codec, place: Place, wait: float) -> None:
        """Tell a connection when to come back, or refuse it where there are far too many."""
        if place.admission is Admission.REFUSE:
            await self.close()
        else:
            reason = f"{place.reason} Come back in {wait:.0f} s."
            await self.turn_away(codec, TOO_MANY_CONNECTIONS.because(reason), wait)

    async def connect_somebody(self, codec: Codec, place: Place) -> None:
        """Open a connection for whoever it is, by what it shows."""
        self.asked_at = self.node.clock()
        try:
            self.identity = await self.node.authority.identify(self.scope)
        except Unavailable:
            await self.turn_away(codec, UNAVAILABLE)
            return
        except Refused:
            await self.turn_away(codec, UNAUTHENTICATED)
            return
        if place.settle(self.identity) is not Admission.WELCOME:
            await self.turn_away_crowded(codec, place, self.node.spread_widely())
        elif codec.name == "raw":
            await self.connect_raw(codec)
        else:
            await self.open(codec)
            assert self.conversation is not None
            self.conversation.welcome()

    async def connect_raw(self, codec: Codec) -> None:
        """Open a connection that is in the URL's room from the handshake on."""
        if not self.node.conf.guests and (self.identity is None or self.identity.is_guest):
            await self.turn_away(codec, ROOM_FORBIDDEN.because("Guests may not take part here: sign in."))
            return
        try:
            card = await self.node.directory.find(self.room)
        except Unavailable:
            await self.turn_away(codec, UNAVAILABLE)
            return
        if card is None:
            await self.turn_away(codec, ROOM_NOT_FOUND.because(f"There is no room {self.room[:64]!r}."))
        elif not self.node.has_place_for(self.room):
            await self.turn_away(codec, UNAVAILABLE.because("This server has as many rooms open as it may."))
        elif card.durable:
            await self.connect_durable(codec)
        else:
            await self.connect_volatile(codec, card)

    async def connect_volatile(self, codec: Codec, card: RoomCard) -> None:
        """Open a raw connection that hears a volatile room."""
        connection = self.make(codec)
        refusal: Close | None = None
        try:
            await self.node.doors.enter_volatile(card, connection)
        except Unavailable:
            refusal = UNAVAILABLE
        except WireError as error:
            refusal = ROOM_FORBIDDEN.because(error.message)
        await self.let_in(connection)
        if refusal is not None:
            connection.close(refusal, self.node.spread())

    async def connect_durable(self, codec: Codec) -> None:
        """Open a raw connection that hears whatever is said in a durable room once the handshake is answered."""
        connection = self.make(codec)
        self.node.hub.begin(self.room, connection)
        try:
            await self.node.membership.joined(self.room)
            head = await ask(self.node.reader, recovery.enter, self.room, reader_of(self.room, connection))
            refusal = ROOM_NOT_FOUND
        except Unavailable:
            head, refusal = None, UNAVAILABLE
        except WireError as error:
            head, refusal = None, ROOM_FORBIDDEN.because(error.message)
        except BaseException:
            self.node.hub.discard(self.room, connection)
            raise
        await self.let_in(connection)
        if head is not None:
            self.node.doors.entered(self.room, head.policy)
        if head is None:
            connection.close(refusal, self.node.spread())
        elif connection.closing is None and not self.node.hub.enter(self.room, connection, head):
            connection.close(RESYNC, self.node.spread())

    async def turn_away(self, codec: Codec, close: Close, wait: float | None = None) -> None:
        """Accept, so that a browser sees the code, and close."""
        connection = await self.open(codec)
        connection.close(close, self.node.spread() if wait is None else wait)

    async def open(self, codec: Codec) -> Connection:
        connection = self.make(codec)
        await self.let_in(connection)
        return connection

    def make(self, codec: Codec) -> Connection:
        """Return the connection, of which the client knows nothing yet."""
        conf = self.node.conf
        connection = Connection(
            codec,
            self.lane(),
            host=self.host,
            address=self.address,
            outbox_bytes=conf.outbox_bytes,
            rate=conf.message_rate,
            burst=conf.message_burst,
        )
        connection.identity = self.identity or connection.identity
        connection.place = self.place
        visit = self.scope.get(VISIT)
        connection.origin = None if visit is None or visit.own else visit.origin
        return connection

    async def let_in(self, connection: Connection) -> None:
        """Answer the handshake."""
        self.connection = connection
        codec = connection.codec
        self.conversation = Conversation(self.node, connection)
        await self.accept(json.SUBPROTOCOL if codec.name == "json" else None)
        self.node.registry.add(connection)
        self.node.watch.came(connection, self.asked_at)
        self.node.namesakes.came(connection, self.asked_at)
        self.conversation.signing.begin()
        self.node.heartbeat.watch(connection)
        logger.info("open %s address=%s codec=%s room=%s", connection.id, self.address, codec.name, self.room_of(codec))

    def room_of(self, codec: Codec) -> str:
        if codec.name != "raw":
            return "-"
        # What is no slug may hold anything, also what looks like another line of the log.
        return self.room if re.fullmatch(SLUG, self.room) else repr(self.room[:64])

    def lane(self) -> Lane:
        lane = self.scope.get("extensions", {}).get(SCOPE_KEY)
        if lane is not None:
            return lane  # type: ignore[no-any-return]
        task = asyncio.current_task()
        assert task is not None
        return AsgiLane(self.base_send, task.cancel, asyncio.get_running_loop())

    # Frames

    async def websocket_receive(self, message: dict[str, Any]) -> None:
        await self.receive(message.get("text"), message.get("bytes"))

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        """Take one frame; nothing here waits for storage or the layer, only for a room that is over-full."""
        connection, conversation = self.connection, self.conversation
        if connection is None or conversation is None or connection.closing is not None:
            return
        connection.received += 1
        if not connection.lane.pings:
            connection.lane.heard = connection.lane.loop.time()
        most = connection.codec.max_frame_bytes
        if size_of(text_data, bytes_data) > most:
            connection.close(TOO_BIG.because(f"A frame may have {most} bytes."))
            return
        room = conversation.hear(text_data, bytes_data, self.room)
        if room is not None:
            await self.node.relief(room)

    # The end

    async def websocket_disconnect(self, message: dict[str, Any]) -> None:
        await self.disconnect(message.get("code") or 1006)
        raise StopConsumer

    async def disconnect(self, code: int) -> None:
        connection = self.connection
        if connection is None:
            return
        self.connection = None
        self.forget(connection, code)

    def leave(self, ending: Close) -> None:
        """Forget the connection, whatever ended it; a socket that is left open is closed."""
        connection, self.connection = self.connection, None
        if connection is not None:
            connection.close(SERVER_RESTART if self.node.draining else ending)
            self.forget(connection, ending.code)

    def forget(self, connection: Connection, code: int) -> None:
        ended = connection.closing.code if connection.closing is not None else code
        logger.info(
            "close %s code=%d seconds=%.1f in=%d out=%d shed=%d",
            connection.id,
            ended,
            connection.lane.loop.time() - connection.opened,
            connection.received,
            connection.outbox.sent,
            connection.outbox.shed,
        )
        if self.conversation is not None:
            self.conversation.end()
            self.conversation = None
        for room in tuple(connection.rooms):
            self.node.hub.discard(room, connection)
        self.node.personal.end(connection)
        if connection.closing is None:
            connection.closing = NORMAL
        connection.outbox.stop()
        self.node.registry.remove(connection)


def size_of(text: str | None, data: bytes | None) -> int:
    """Return the bytes of a frame's payload."""
    if text is None:
        return len(data or b"")
    return len(text) if text.isascii() else len(text.encode())
