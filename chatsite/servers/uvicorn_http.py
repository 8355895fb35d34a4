"""Uvicorn's HTTP, mended.

What is wrong upstream (uvicorn 0.54, with httptools and with h11) and what is done here: a head, and what follows a
chunked body, may be of any size (httptools); one read of 256 KiB may hold 14,000 requests, each with objects of its
own; neither a head nor a body has to come in time, and whoever sends a byte in time for nothing stays for ever; one
address may have any number of connections; `Transfer-Encoding` may name what nobody decodes, and a WebSocket may come
over HTTP/1.0; h11 unfolds headers, takes a length that is said twice, answers every head that is too large with 400, and
after a bad chunk a traceback follows. A WebSocket leaves this class with its handshake, and pays for nothing here.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator
from typing import Any

import h11
from uvicorn.protocols.http import h11_impl

from chat.node import Node
from chat.proxies import trust_of
from chatsite.servers import heads
from chatsite.servers.arrivals import CUT_BYTES, Arrival, Awaited
from chatsite.servers.heads import Unfit
from chatsite.servers.incoming import SLICE_BYTES
from chatsite.servers.peers import Peers
from chatsite.servers.refusals import answer_to, refusal
from chatsite.servers.sockets import abort

try:
    from uvicorn.protocols.http import httptools_impl
except ImportError:  # Plain `uvicorn`, without [standard]: h11 does it.
    httptools_impl = None  # type: ignore[assignment]

logger = logging.getLogger("chatsite.servers")

# Requests that may wait for the answers before theirs; browsers and proxies send none ahead.
PIPELINED = 32


class Mended:
    """The methods that take the place of those of either protocol; `self` is the protocol."""

    def connection_made(self: Any, transport: Any) -> None:
        self.original["connection_made"](self, transport)
        self.arrival = Arrival(self.loop, lambda: late(self))
        self.peer = self.client[0] if self.client else ""
        self.arrival.expect(Awaited.HEAD)
        if not self.peers.admit(self.peer):
            transport.write(refusal(429))
            transport.close()

    def connection_lost(self: Any, exc: Exception | None) -> None:
        leave(self)
        self.original["connection_lost"](self, exc)
        forget(self.running)

    def handle_websocket_upgrade(self: Any, *event: Any) -> None:
        leave(self)
        self.original["handle_websocket_upgrade"](self, *event)

    def data_received(self: Any, data: bytes) -> None:
        for start in range(0, len(data), SLICE_BYTES):
            if self.refused:
                return
            piece = data[start : start + SLICE_BYTES]
            self.original["data_received"](self, piece)
            if self.peer is None:
                return  # A WebSocket by now.
            if self.unfit is not None:
                refuse(self, self.unfit.status, answer_to(self.unfit))
                return
            if self.transport.is_closing():
                self.arrival.linger()
                return
            awaited = self.awaited()
            if self.too_many_ahead:
                refuse(self, 429)
                return
            if not self.arrival.came(len(piece)):
                refuse(self, 431)
                return
            self.arrival.expect(awaited)

    def send_400_response(self: Any, msg: str) -> None:
        if self.unfit is None:
            self.original["send_400_response"](self, msg)

    def _unsupported_upgrade_warning(self: Any) -> None:
        """Say nothing: any protocol may be named, and the request is answered as HTTP."""

    def pause_writing(self: Any) -> None:
        self.original["pause_writing"](self)
        self.arrival.more_time()  # For who does not read, the application would wait for ever.

    def resume_writing(self: Any) -> None:
        self.original["resume_writing"](self)
        self.arrival.sent()

    def on_response_complete(self: Any) -> None:
        self.arrival.bytes = 0
        self.original["on_response_complete"](self)
        if self.peer is not None and self.transport.is_closing():
            self.arrival.more_time()

    def timeout_keep_alive_handler(self: Any) -> None:
        self.original["timeout_keep_alive_handler"](self)
        self.arrival.more_time()  # A close waits for who does not read.

    refused = False
    # Why the head that came last is not served.
    unfit: Unfit | None = None
    too_many_ahead = False
    # The request that is being answered; `cycle` is the one that came last.
    running = None
    # While it counts as an HTTP connection, where it comes from.
    peer: str | None = None


class MendedHttptools(Mended):
    """httptools calls back at each part of a request."""

    def on_message_begin(self: Any) -> None:
        self.arrival.anew()
        self.original["on_message_begin"](self)

    def on_header(self: Any, name: bytes, value: bytes) -> None:
        if not self.in_body:  # What comes after a body would be taken for headers.
            self.original["on_header"](self, name, value)

    def on_headers_complete(self: Any) -> None:
        if len(self.pipeline) >= PIPELINED:
            self.too_many_ahead = True
            return
        version = self.parser.get_http_version().encode()
        try:
            self.url, self.headers[:] = heads.read(self.parser.get_method(), self.url, version, self.headers)
        except Unfit as unfit:
            self.unfit = unfit
            return
        self.original["on_headers_complete"](self)
        self.arrival.bytes = 0
        self.in_body = True

    def on_body(self: Any, body: bytes) -> None:
        if self.unfit is not None:
            return
        self.arrival.bytes = 0
        self.original["on_body"](self, body)

    def on_message_complete(self: Any) -> None:
        self.in_body = False
        if self.unfit is None:
            self.original["on_message_complete"](self)

    def _should_upgrade(self: Any) -> bool:
        return self.unfit is None and self.original["_should_upgrade"](self)

    def _start_asgi_task(self: Any, cycle: Any, app: Any) -> None:
        self.running = cycle
        self.original["_start_asgi_task"](self, cycle, app)

    def awaited(self: Any) -> Awaited:
        return Awaited.BODY if self.in_body else between(self.cycle)

    in_body = False


class MendedH11(Mended):
    """h11 has states, and a bound for what it has made nothing of."""

    def awaited(self: Any) -> Awaited:
        self.running = self.cycle
        if self.conn.their_state is h11.SEND_BODY:
            self.arrival.bytes = 0
            return Awaited.BODY
        return between(self.cycle)


def between(cycle: Any) -> Awaited:
    """Return what is awaited where no body is: half a head waits as long as the request before it is not answered."""
    return Awaited.HEAD if cycle is None or cycle.response_complete else Awaited.ANSWER


def leave(protocol: Any) -> None:
    """Let a connection be none of HTTP's any more."""
    protocol.arrival.end()
    if protocol.peer is not None:
        protocol.peers.release(protocol.peer)
        protocol.peer = None


def late(protocol: Any) -> None:
    """End a connection whose time is over, without a word where it never sent one: browsers open some for later."""
    awaited = protocol.arrival.awaited
    if protocol.arrival.still_sending(protocol.transport.get_write_buffer_size()):
        protocol.arrival.more_time()
    elif protocol.refused or protocol.transport.is_closing():
        abort(protocol.transport)
    elif awaited is Awaited.BODY and protocol.flow.read_paused:
        protocol.arrival.more_time()  # The application does not take what has come.
    elif awaited is Awaited.HEAD and not protocol.arrival.bytes:
        protocol.transport.close()
    else:
        refuse(protocol, 408)


def refuse(protocol: Any, status: int, answer: bytes = b"") -> None:
    """Answer, drop what still comes for a moment, so that the answer is seen and no reset, and cut the connection off."""
    protocol.refused = True
    protocol._unset_keepalive_if_required()
    if protocol.transport.is_closing():
        protocol.arrival.linger()
        return
    if forget(protocol.running):
        abort(protocol.transport)  # In the middle of another answer there is no place for this one.
        return
    protocol.transport.write(answer or refusal(status))
    protocol.flow.resume_reading()
    protocol.arrival.linger()


def forget(cycle: Any) -> bool:
    """Tell the application of a request that nobody waits for its answer; return whether it had begun one."""
    if cycle is None or cycle.response_complete:
        return False
    cycle.disconnected = True
    cycle.message_event.set()
    return bool(cycle.response_started)


def read_strictly(protocol: Any) -> None:
    """Let h11's connection hand out requests as `heads` reads them, and what it refuses be refused as there."""
    next_event = protocol.conn.next_event

    def read_event() -> Any:
        in_body = protocol.conn.their_state is h11.SEND_BODY
        try:
            event = next_event()
        except h11.RemoteProtocolError as error:
            protocol.running = protocol.cycle
            protocol.unfit = Unfit(431 if error.error_status_hint == 431 else 400, "")
            if in_body and protocol.cycle.response_complete:
                protocol.transport.close()  # It has its answer.
            raise
        if not isinstance(event, h11.Request):
            return event
        try:
            target, headers = heads.read(event.method, event.target, event.http_version, list(event.headers))
        except Unfit as unfit:
            protocol.unfit = unfit
            raise h11.RemoteProtocolError(str(unfit)) from None
        return h11.Request(method=event.method, headers=headers, target=target, http_version=event.http_version)

    protocol.conn.next_event = read_event


def header_lines(lines: Iterable[bytes]) -> Iterator[bytes]:
    """Hand on a head's lines where h11 would unfold them, or make one of two lengths. Raises: LocalProtocolError."""
    lengths = 0
    for line in lines:
        name, _, value = bytes(line).partition(b":")
        is_length = name.lower() == b"content-length"
        lengths += is_length
        if line[:1] in (b" ", b"\t") or lengths > 1 or (is_length and b"," in value):
            raise h11.LocalProtocolError("a header is folded, or a length is said twice")
        yield line


def mend(protocol: Any, mended: type[Mended], peers: Peers) -> None:
    """Put the methods into a protocol's class, once."""
    if hasattr(protocol, "original"):
        return
    protocol.original = {}
    protocol.peers = peers
    for kind in reversed(mended.__mro__[:-1]):
        for name, value in vars(kind).items():
            if not name.startswith("__"):
                protocol.original.setdefault(name, getattr(protocol, name, None))
                setattr(protocol, name, value)


def install(node: Node) -> None:
    """Mend uvicorn's HTTP for this process."""
    peers = Peers(node.conf.max_connections_per_ip, trust_of(node.conf))
    mend(h11_impl.H11Protocol, MendedH11, peers)
    h11._readers._obsolete_line_fold = header_lines
    original_init = h11_impl.H11Protocol.__init__

    def init(protocol: Any, config: Any, *args: Any, **kwargs: Any) -> None:
        # h11 bounds a head that comes in pieces, by 16 KiB unless told otherwise.
        config.h11_max_incomplete_event_size = config.h11_max_incomplete_event_size or CUT_BYTES
        original_init(protocol, config, *args, **kwargs)
        read_strictly(protocol)

    h11_impl.H11Protocol.__init__ = init  # type: ignore[method-assign]
    if httptools_impl is not None:
        mend(httptools_impl.HttpToolsProtocol, MendedHttptools, peers)
