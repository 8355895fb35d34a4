"""Daphne, mended.

What is wrong upstream (daphne 4.2, Twisted's and autobahn's parts included) and what is done here:
writes never wait and buffer without bound (daphne#170); incoming frames queue without bound; empty messages are
dropped; close codes below 3000 raise and reasons are lost; protocol errors end in a reset; SIGTERM tells nobody; a
consumer that ends leaves its socket open; a socket ends after 24 h; the listen backlog is 50; timers walk all
connections. Its HTTP is mended in `daphne_http`.
"""

from __future__ import annotations

import asyncio
import logging
import os
import socket
from functools import partial
from typing import Any

import autobahn.websocket.protocol
import daphne.http_protocol
import daphne.server
import daphne.ws_protocol
from daphne.http_protocol import WebRequest
from daphne.server import Server
from daphne.ws_protocol import WebSocketFactory, WebSocketProtocol
from twisted.internet import defer
from twisted.internet.endpoints import AdoptedStreamServerEndpoint
from twisted.internet.interfaces import IPushProducer
from twisted.internet.tcp import Connection as TcpConnection
from zope.interface import implementer

from chat.live.lanes import CLOSE_SECONDS, SCOPE_KEY, Lane
from chat.node import Node
from chat.wire.codes import HEARTBEAT_TIMEOUT, cut
from chat.wire.frames import Batch
from chatsite.logs import masked
from chatsite.servers import daphne_http
from chatsite.servers.incoming import FRAMES_PAUSE, FRAMES_RESUME, Feed, Unfinished
from chatsite.servers.sockets import bound_kernel_backlog
from chatsite.servers.versions import check

logger = logging.getLogger("chatsite.servers")

TESTED = (4, 2)
BACKLOG = 1024
STRAGGLER_SECONDS = 10.0


@implementer(IPushProducer)
class DaphneLane(Lane):
    """Writes straight to Twisted's transport, and to its socket where nothing waits before."""

    __slots__ = ("direct", "protocol", "transport")

    server = "daphne"

    def __init__(self, protocol: ChatProtocol, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(loop)
        self.protocol = protocol
        self.transport = protocol.transport
        self.direct = isinstance(self.transport, TcpConnection) and not self.transport.TLS

    def write(self, batch: Batch) -> None:
        if self.protocol.state != self.protocol.STATE_OPEN:
            return  # Nothing follows a close frame (RFC 6455, section 5.5.1); the application hears of it later.
        transport, data = self.transport, batch.wire
        if not self.direct or transport.dataBuffer or transport._tempDataBuffer:
            transport.write(data)
            return
        # Twisted writes at its next turn, by way of add_writer and remove_writer: 13 of 16 us a message.
        try:
            sent = transport.socket.send(data) if transport.connected and not transport.disconnecting else len(data)
        except (BlockingIOError, InterruptedError):
            sent = 0
        except OSError:
            self.ready = False  # Gone: reading from it says so to Twisted.
            return
        if sent < len(data):
            transport.write(data[sent:])

    # What Twisted calls, as on any push producer.

    def pauseProducing(self) -> None:
        self.pause()

    def resumeProducing(self) -> None:
        self.protocol.send_late_pong()
        self.resume()

    def stopProducing(self) -> None:
        self.ready = False

    def ping(self) -> None:
        if self.ready and self.protocol.state == self.protocol.STATE_OPEN:
            self.protocol.sendPing()

    def close(self, code: int, reason: bytes, goodbye: Batch | None = None) -> None:
        if goodbye is not None and self.protocol.state == self.protocol.STATE_OPEN:
            self.write(goodbye)
        self.protocol.goodbye(code, reason)

    def abort(self) -> None:
        self.ready = False
        self.transport.abortConnection()

    def limit(self, max_frame_bytes: int) -> None:
        self.protocol.maxMessagePayloadSize = max_frame_bytes
        self.protocol.maxFramePayloadSize = 0
        self.protocol.unfinished.limit(max_frame_bytes)


class Inbox(asyncio.Queue[dict[str, Any]]):
    """An application's queue, which tells when it is fuller or emptier than it should be."""

    def __init__(self, protocol: ChatProtocol) -> None:
        super().__init__()
        self.protocol = protocol

    def put_nowait(self, item: dict[str, Any]) -> None:
        super().put_nowait(item)
        if self.qsize() >= FRAMES_PAUSE:
            self.protocol.pause_reading()

    async def get(self) -> dict[str, Any]:
        message = await super().get()
        if self.qsize() <= FRAMES_RESUME and self.protocol.feed.paused:
            self.protocol.resume_reading()
        return message


class ChatProtocol(WebSocketProtocol):
    """One WebSocket."""

    def connectionMade(self) -> None:
        super().connectionMade()
        self.feed = Feed(self._dataReceived)
        self.late_pong: bytes | None = None

    def onConnect(self, request: Any) -> Any:
        loop = asyncio.get_running_loop()
        request.headers.pop("daphne-root-path", None)
        self.unfinished = Unfinished(loop, self.too_late)
        self.lane = DaphneLane(self, loop)
        # Twisted's HTTP channel was the transport's producer until now.
        self.transport.unregisterProducer()
        self.transport.registerProducer(self.lane, True)
        if self.lane.direct:
            bound_kernel_backlog(self.transport.fileno())
        return super().onConnect(request)

    # Reading

    def dataReceived(self, data: bytes) -> None:
        self.feed.data(data)

    def pause_reading(self) -> None:
        self.feed.paused = True
        self.lane.reading = False
        self.transport.pauseProducing()

    def resume_reading(self) -> None:
        if self.feed.resume() and not self.lane.reading:
            self.lane.reading = True
            self.transport.resumeProducing()

    def onMessageFrameBegin(self, length: int) -> None:
        self.lane.heard = self.lane.loop.time()
        super().onMessageFrameBegin(length)
        if not self.unfinished.frame(self.current_frame.fin) and not self.failedByMe:
            self._max_message_size_exceeded(0, 0, f"a message has more than {self.unfinished.most} fragments")

    def onMessage(self, payload: bytes, isBinary: bool) -> None:
        if self.muted or self.state != self.STATE_OPEN:
            return
        content = {"bytes": payload} if isBinary else {"text": payload.decode()}
        self.application_queue.put_nowait({"type": "websocket.receive", **content})

    def onPing(self, payload: bytes) -> None:
        self.lane.heard = self.lane.loop.time()
        if self.lane.ready:
            super().onPing(payload)
        else:
            # Who pings and does not read gets one pong, for its last ping (RFC 6455, 5.5.3).
            self.late_pong = payload

    def send_late_pong(self) -> None:
        if self.late_pong is not None:
            payload, self.late_pong = self.late_pong, None
            self.sendPong(payload)

    def onPong(self, payload: bytes) -> None:
        self.lane.heard = self.lane.loop.time()

    def too_late(self) -> None:
        self.goodbye(HEARTBEAT_TIMEOUT.code, b"A message was not finished in time.")

    # Ending

    def handle_reply(self, message: dict[str, Any]) -> None:
        kind = message["type"]
        if kind == "websocket.send" and self.state == self.STATE_OPEN:
            text = message.get("text")
            if text is not None:
                self.sendMessage(text.encode(), False)
            else:
                self.sendMessage(message["bytes"], True)
        elif kind == "websocket.close" and self.state != self.STATE_CONNECTING:
            self.goodbye(message.get("code") or 1000, cut(message.get("reason") or ""))
        elif hasattr(self, "handshake_deferred"):
            super().handle_reply(message)

    def goodbye(self, code: int, reason: bytes) -> None:
        """Send a close frame with any code; who does not answer is cut off (`closeHandshakeTimeout`)."""
        if self.state == self.STATE_OPEN:
            self.sendCloseFrame(code=code, reasonUtf8=reason, isReply=False)
            if self.feed.paused:
                self.resume_reading()  # The answer may stand behind what nobody took.

    def application_ended(self) -> None:
        """Close what an application has left open."""
        if self.state == self.STATE_OPEN:
            self.goodbye(1011, b"")
        elif self.state == self.STATE_CONNECTING and hasattr(self, "handshake_deferred"):
            self.serverReject()

    def onClose(self, wasClean: bool, code: int | None, reason: str | None) -> None:
        if hasattr(self, "unfinished"):
            self.unfinished.end()
        if hasattr(self, "handshake_deferred"):
            del self.handshake_deferred
        if hasattr(self, "server"):
            super().onClose(wasClean, self.localCloseCode or code, reason)

    def dropConnection(self, abort: bool = False) -> None:
        """As autobahn, without its line in the log for a peer that went away, and without a reset after a close frame."""
        if not self.wasClean and self.wasNotCleanReason is None:
            self.wasNotCleanReason = "dropped"
        super().dropConnection(abort and (self.wasCloseHandshakeTimeout or not self.failedByMe))

    def check_timeouts(self) -> None:
        """Do nothing: heartbeats are ours, a socket has no age, and a handshake has autobahn's own time-out."""

    def __repr__(self) -> str:
        return f"<ChatProtocol client={getattr(self, 'client_addr', None)!r}>"


class Life:
    """The life of connections and of the server: what replaces daphne's own timers and its end."""

    def __init__(self, node: Node) -> None:
        self.node = node
        self.ports: list[Any] = []

    def create_application(self, server: Server, protocol: Any, scope: dict[str, Any]) -> Any:
        """Start an application for a connection and return its queue."""
        details = server.connections[protocol]
        scope.setdefault("asgi", {"version": "3.0"})
        inbox: asyncio.Queue[Any] = asyncio.Queue()
        if isinstance(protocol, ChatProtocol):
            inbox = Inbox(protocol)
            scope.setdefault("extensions", {})[SCOPE_KEY] = protocol.lane
            scope["scheme"] = "ws" if protocol.lane.direct else "wss"
        application = server.application(scope, inbox.get, partial(server.handle_reply, protocol))
        task = asyncio.get_running_loop().create_task(application)
        details["application_instance"] = task
        task.add_done_callback(partial(self.application_done, server, protocol))
        return inbox

    def application_done(self, server: Server, protocol: Any, task: asyncio.Task[None]) -> None:
        error = None if task.cancelled() else task.exception()
        details = server.connections.get(protocol, {})
        if error is not None:
            logger.error("Exception inside application", exc_info=error)
            if not details.get("disconnected") and not isinstance(protocol, ChatProtocol):
                protocol.handle_exception(error)
        if isinstance(protocol, ChatProtocol):
            protocol.application_ended()
        if details.get("disconnected"):
            server.connections.pop(protocol, None)

    def protocol_disconnected(self, server: Server, protocol: Any) -> None:
        details = server.connections.get(protocol)
        if details is None or "disconnected" in details:
            return
        details["disconnected"] = True
        task = details.get("application_instance")
        if task is None or task.done():
            del server.connections[protocol]
        else:
            handle = asyncio.get_running_loop().call_later(STRAGGLER_SECONDS, self.straggler, task)
            task.add_done_callback(lambda done: handle.cancel())

    @staticmethod
    def straggler(task: asyncio.Task[None]) -> None:
        logger.warning(
            "an application went on %g s after its client had gone, and was ended: %r", STRAGGLER_SECONDS, task
        )
        task.cancel()

    def listening(self, server: Server, port: Any) -> None:
        self.ports.append(port)
        if hasattr(port, "socket"):
            port.socket.listen(BACKLOG)
        # Later: the event loop does not run yet.
        daphne.server.reactor.callLater(0, self.node.start)

    def shut_down(self, server: Server) -> Any:
        """Return a Deferred that fires when everybody was told and every application has ended."""
        return defer.Deferred.fromFuture(asyncio.get_event_loop().create_task(self.drain(server)))

    async def drain(self, server: Server) -> None:
        for port in self.ports:
            port.stopListening()
        await self.node.drain()
        left = [details.get("application_instance") for details in server.connections.values()]
        running = [task for task in left if task is not None and not task.done()]
        for task in running:
            task.cancel()
        if running:
            await asyncio.wait(running, timeout=CLOSE_SECONDS)


def check_http_timeouts(server: Server) -> None:
    """Walk the HTTP requests, where they have a time-out; WebSockets need none of daphne's timers."""
    if server.http_timeout:
        for protocol in [one for one in server.connections if isinstance(one, WebRequest)]:
            protocol.check_timeouts()
    daphne.server.reactor.callLater(2, server.timeout_checker)


def adopt(endpoint: AdoptedStreamServerEndpoint, factory: Any) -> Any:
    """Listen on a socket that was handed over (`--fd`), which daphne takes for one of IPv4 whatever it is."""
    with socket.socket(fileno=os.dup(endpoint.fileno)) as handed:
        endpoint.addressFamily = handed.family
    return original_listen(endpoint, factory)


original_listen = AdoptedStreamServerEndpoint.listen


def install(node: Node) -> None:
    """Mend daphne for this process."""
    check("daphne", TESTED)
    life = Life(node)
    WebSocketFactory.protocol = ChatProtocol
    daphne_http.install(node)
    # 28 % of a handshake went into formatting options for a log line that nobody sees.
    autobahn.websocket.protocol.pformat = lambda value: value

    original_options = WebSocketFactory.setProtocolOptions

    def set_protocol_options(factory: Any, **options: Any) -> None:
        options |= {
            "failByDrop": False,
            "closeHandshakeTimeout": CLOSE_SECONDS,
            "autoPingInterval": 0,
            "autoPingTimeout": 0,
            "autoPingRestartOnAnyTraffic": False,
            "maxMessagePayloadSize": node.conf.max_envelope_bytes,
            "maxFramePayloadSize": 0,
        }
        original_options(factory, **options)

    original_listen_success = Server.listen_success
    original_log_action = Server.log_action

    def listen_success(server: Server, port: Any) -> None:
        original_listen_success(server, port)
        life.listening(server, port)

    def log_action(server: Server, protocol: str, action: str, details: dict[str, Any]) -> None:
        # A query string may hold a token, and so may a path.
        path = masked(str(details.get("path", "")).partition("?")[0])
        original_log_action(server, protocol, action, {**details, "path": path})

    WebSocketFactory.setProtocolOptions = set_protocol_options
    AdoptedStreamServerEndpoint.listen = adopt  # type: ignore[method-assign]
    Server.create_application = lambda server, protocol, scope: life.create_application(server, protocol, scope)
    Server.protocol_disconnected = lambda server, protocol: life.protocol_disconnected(server, protocol)
    Server.kill_all_applications = lambda server: life.shut_down(server)
    Server.application_checker = lambda server: None
    Server.timeout_checker = check_http_timeouts
    Server.listen_success = listen_success
    Server.log_action = log_action
