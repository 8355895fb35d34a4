"""Uvicorn, mended.

What is wrong upstream (uvicorn 0.54, `websockets-sansio`) and what is done here: `send` waits before it writes and a
stalled reader survives the ping time-out; protocol errors close at once and end in a reset; a shutdown waits for
stalled readers for ever; deflate is on; logs print query strings; X-Forwarded-For is believed from loopback. Methods
are replaced in place: the command has chosen the class before it imports the application.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Generator
from typing import Any

import uvicorn.middleware.proxy_headers
from uvicorn.protocols.websockets import websockets_sansio_impl
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol as Protocol
from uvicorn.server import Server
from websockets import http11
from websockets.exceptions import InvalidState, ProtocolError
from websockets.frames import Frame, Opcode
from websockets.server import ServerProtocol

from chat.live.lanes import CLOSE_SECONDS, SCOPE_KEY, Lane
from chat.node import Node
from chat.wire.codes import HEARTBEAT_TIMEOUT, cut
from chat.wire.frames import Batch
from chatsite.logs import masked
from chatsite.servers import uvicorn_http
from chatsite.servers.heads import HEAD_BYTES, MAX_HEADERS
from chatsite.servers.incoming import FRAMES_PAUSE, FRAMES_RESUME, Feed, Unfinished
from chatsite.servers.sockets import abort, bound_kernel_backlog
from chatsite.servers.versions import check

TESTED = (0, 54)
WRITE_BUFFER_BYTES = 64 * 1024


class UvicornLane(Lane):
    """Writes straight to asyncio's or uvloop's transport."""

    __slots__ = ("protocol", "transport")

    server = "uvicorn"

    def __init__(self, protocol: Any, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(loop)
        self.protocol = protocol
        self.transport = protocol.transport

    def write(self, batch: Batch) -> None:
        if self.transport.is_closing():
            self.ready = False  # uvloop raises where asyncio drops.
        elif not self.protocol.close_sent:  # Nothing follows a close frame (RFC 6455, section 5.5.1).
            self.transport.write(batch.wire)

    def ping(self) -> None:
        if self.ready:
            self.protocol.say(lambda conn: conn.send_ping(b""))

    def close(self, code: int, reason: bytes, goodbye: Batch | None = None) -> None:
        if goodbye is not None and not self.protocol.close_sent:
            self.write(goodbye)
        say_goodbye(self.protocol, code, reason.decode())

    def abort(self) -> None:
        self.ready = False
        abort(self.transport)

    def limit(self, max_frame_bytes: int) -> None:
        self.protocol.conn.max_message_size = max_frame_bytes
        self.protocol.unfinished.limit(max_frame_bytes)


class Handshaken(ServerProtocol):
    """websockets' connection, but a close frame may come between a message's fragments (RFC 6455, 5.5.1)."""

    def recv_frame(self, frame: Frame) -> None:
        if frame.opcode is Opcode.CLOSE:
            self.current_size = None
        super().recv_frame(frame)


def parse_minimal(read_exact: Any, **options: Any) -> Generator[None, None, Frame]:
    """Parse a frame as websockets does, but refuse a length that is not written in the shortest way (RFC 6455, 5.2)."""
    length_code: int | None = None

    def read(count: int) -> Generator[None, None, bytes]:
        nonlocal length_code
        data = yield from read_exact(count)
        if length_code is None:
            length_code = data[1] & 0b0111_1111
        elif length_code in LEAST_LENGTHS:
            least, most = LEAST_LENGTHS[length_code]
            length_code = 0
            if not least <= int.from_bytes(data, "big") <= most:
                raise ProtocolError("a frame's length is not written in the shortest way")
        return data

    return (yield from original_parse(read, **options))


original_parse = Frame.parse
# By the seven bits that say how many more there are.
LEAST_LENGTHS = {126: (126, (1 << 16) - 1), 127: (1 << 16, (1 << 63) - 1)}


class Mended:
    """The methods that take the place of uvicorn's; `self` is its protocol."""

    def data_received(self: Any, data: bytes) -> None:
        if self.failed:
            return
        if self.feed is None:
            original["data_received"](self, data)
            if self.conn.handshake_exc is not None and not self.handshake_initiated:
                # websockets has made the answer (431 to a header over 8 KiB); uvicorn would never send it, nor close.
                self.transport.write(b"".join(self.conn.data_to_send()))
                self.transport.close()
        else:
            self.feed.data(data)

    def handle_connect(self: Any, event: Any) -> None:
        self.conn.max_message_size = mended_node.conf.max_envelope_bytes
        self.unfinished = Unfinished(
            self.loop, lambda: say_goodbye(self, HEARTBEAT_TIMEOUT.code, "A message was not finished in time.")
        )
        self.lane = UvicornLane(self, self.loop)
        self.transport.set_write_buffer_limits(high=WRITE_BUFFER_BYTES)
        handle = self.transport.get_extra_info("socket")
        if handle is not None:
            bound_kernel_backlog(handle.fileno())
        original["handle_connect"](self, event)
        if hasattr(self, "scope"):
            self.feed = Feed(lambda data: original["data_received"](self, data))
            self.scope["extensions"][SCOPE_KEY] = self.lane

    def handle_cont(self: Any, event: Frame) -> None:
        self.frames.append(event.data)
        self.message_frame(event)

    def handle_text(self: Any, event: Frame) -> None:
        self.curr_msg_data_type = "text"
        self.frames = [event.data]
        self.message_frame(event)

    def handle_bytes(self: Any, event: Frame) -> None:
        self.curr_msg_data_type = "bytes"
        self.frames = [event.data]
        self.message_frame(event)

    def message_frame(self: Any, event: Frame) -> None:
        self.lane.heard = self.loop.time()
        if self.failed:
            return
        if not self.unfinished.frame(event.fin):
            fail(self, 1009, f"a message has more than {self.unfinished.most} fragments")
        elif event.fin:
            self.send_receive_event_to_app()

    def send_receive_event_to_app(self: Any) -> None:
        data = self.frames[0] if len(self.frames) == 1 else b"".join(self.frames)
        self.frames = []
        if self.close_sent:
            return
        if self.curr_msg_data_type == "bytes":
            message = {"type": "websocket.receive", "bytes": bytes(data)}
        else:
            try:
                message = {"type": "websocket.receive", "text": str(data, "utf-8")}
            except UnicodeDecodeError:
                fail(self, 1007, "a text frame is not UTF-8")
                return
        self.queue.put_nowait(message)
        if self.queue.qsize() >= FRAMES_PAUSE and not self.read_paused:
            self.read_paused = self.feed.paused = True
            self.lane.reading = False
            self.transport.pause_reading()

    async def receive(self: Any) -> Any:
        message = await self.queue.get()
        if self.read_paused and self.queue.qsize() <= FRAMES_RESUME:
            resume_reading(self)
        return message

    def handle_ping(self: Any) -> None:
        self.lane.heard = self.loop.time()
        output = b"".join(self.conn.data_to_send())
        if self.lane.ready:
            self.transport.write(output)
        else:
            # Who pings and does not read gets one pong, for its last ping (RFC 6455, 5.5.3).
            self.late_pong = output

    def handle_pong(self: Any, event: Frame) -> None:
        self.lane.heard = self.loop.time()

    def handle_parser_exception(self: Any) -> None:
        """Let the peer see the close frame: closing at once, with its data unread, would send a reset."""
        if self.conn.close_sent is not None and not self.close_sent:
            self.queue.put_nowait({"type": "websocket.disconnect", "code": self.conn.close_sent.code})
        linger(self)

    def pause_writing(self: Any) -> None:
        original["pause_writing"](self)
        if self.lane is not None:
            self.lane.pause()

    def resume_writing(self: Any) -> None:
        original["resume_writing"](self)
        if self.lane is not None:
            if self.late_pong and not self.transport.is_closing():
                self.transport.write(self.late_pong)
            self.late_pong = b""
            self.lane.resume()

    def connection_lost(self: Any, exc: Exception | None) -> None:
        if self.lane is not None:
            self.lane.ready = False
            self.unfinished.end()
        original["connection_lost"](self, exc)

    def shutdown(self: Any) -> None:
        if self.lane is None or not self.handshake_complete:
            original["shutdown"](self)
        else:
            self.loop.create_task(mended_node.drain())

    def say(self: Any, speak: Any) -> None:
        """Write what `speak` makes the connection send; a connection that is closing says nothing."""
        if self.transport.is_closing():
            return
        try:
            speak(self.conn)
        except InvalidState:
            return
        self.transport.write(b"".join(self.conn.data_to_send()))

    # Until the handshake has come.
    lane = None
    feed = None
    failed = False
    late_pong = b""


def resume_reading(protocol: Any) -> None:
    if protocol.feed.resume():
        protocol.read_paused = False
        protocol.lane.reading = True
        if not protocol.transport.is_closing():
            protocol.transport.resume_reading()


def say_goodbye(protocol: Any, code: int, reason: str) -> None:
    """Send a close frame and cut the connection off where it is not answered in time.

    The application hears of it when the connection is gone: until then it counts.
    """
    if protocol.close_sent or protocol.transport.is_closing():
        return
    protocol.say(lambda conn: conn.send_close(code, reason))
    protocol.close_sent = True
    if protocol.read_paused:
        resume_reading(protocol)
    protocol.close_timer = protocol.loop.call_later(CLOSE_SECONDS, abort, protocol.transport)


def fail(protocol: Any, code: int, reason: str) -> None:
    """End a connection whose peer broke the protocol."""
    protocol.queue.put_nowait({"type": "websocket.disconnect", "code": code, "reason": reason})
    protocol.conn.fail(code, cut(reason).decode())
    linger(protocol)


def linger(protocol: Any) -> None:
    """Write what is left to say, and drop what still comes until the peer goes or its time is over."""
    protocol.close_sent = True
    protocol.failed = True
    if not protocol.transport.is_closing():
        protocol.transport.write(b"".join(protocol.conn.data_to_send()))
        protocol.close_timer = protocol.loop.call_later(CLOSE_SECONDS, abort, protocol.transport)


async def cut_off(server: Server) -> None:
    """Drain, and let requests finish as long; uvicorn itself would wait for ever for a body that does not come."""
    deadline = time.monotonic() + mended_node.conf.drain_seconds
    await mended_node.drain()
    while server.server_state.connections and time.monotonic() < deadline:
        await asyncio.sleep(0.1)
    for connection in list(server.server_state.connections):
        abort(connection.transport)


class WithoutQuery(logging.Filter):
    """Cuts query strings off, and masks paths: either may hold a token."""

    def filter(self, record: logging.LogRecord) -> bool:
        if isinstance(record.args, tuple):
            record.args = tuple(
                masked(arg.partition("?")[0]) if isinstance(arg, str) and arg.startswith("/") else arg
                for arg in record.args
            )
        return True


original: dict[str, Any] = {}
mended_node: Node


def install(node: Node) -> None:
    """Mend uvicorn for this process."""
    global mended_node
    check("uvicorn", TESTED)
    mended_node = node
    for name, value in vars(Mended).items():
        if not name.startswith("__"):
            original.setdefault(name, getattr(Protocol, name, None))
            setattr(Protocol, name, value)

    websockets_sansio_impl.ServerProtocol = Handshaken  # type: ignore[misc]
    Frame.parse = parse_minimal  # type: ignore[method-assign, assignment]
    # The head has been read by now, by our own limits: another one here would close WebSockets where pages are served.
    http11.MAX_LINE_LENGTH = HEAD_BYTES * 2  # type: ignore[misc]
    http11.MAX_NUM_HEADERS = MAX_HEADERS * 2  # type: ignore[misc]
    original_init = Protocol.__init__

    def init(self: Any, config: Any, *args: Any, **kwargs: Any) -> None:
        # Frames are made once for all members, so none is compressed; pings are ours.
        config.ws_per_message_deflate = False
        config.ws_ping_interval = None
        original_init(self, config, *args, **kwargs)

    Protocol.__init__ = init  # type: ignore[method-assign]

    async def believe_nobody(middleware: Any, scope: Any, receive: Any, send: Any) -> None:
        await middleware.app(scope, receive, send)  # TRUSTED_PROXIES decides (chat.proxies).

    uvicorn.middleware.proxy_headers.ProxyHeadersMiddleware.__call__ = believe_nobody  # type: ignore[method-assign]
    original_shutdown = Server.shutdown

    async def shutdown(server: Server, sockets: Any = None) -> None:
        cutting = asyncio.create_task(cut_off(server))
        await original_shutdown(server, sockets)
        await cutting

    Server.shutdown = shutdown  # type: ignore[method-assign]
    uvicorn_http.install(node)
    for name in ("uvicorn.access", "uvicorn.error"):
        logging.getLogger(name).addFilter(WithoutQuery())
