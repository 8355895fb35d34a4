"""Daphne's HTTP, mended.

What is wrong upstream (daphne 4.2, Twisted's parts included) and what is done here: bodies are read whole before the
application sees them; `Daphne-Root-Path` is believed from anybody; a connection stays for a minute without a byte, and
for ever where some trickle in; one address may have any number of connections; a head over 16 KiB has no answer;
headers are unfolded, `Transfer-Encoding: identity` is taken beside `chunked`, and a WebSocket over HTTP/1.0 is one.
"""

from __future__ import annotations

import asyncio
from typing import Any

import daphne.http_protocol
from daphne.http_protocol import HTTPFactory, WebRequest
from twisted.web.http import HTTPChannel, _GenericHTTPChannelProtocol
from twisted.web.http_headers import Headers

from chat.bodies import ANSWER, LINGER_SECONDS, MAX_BODY_BYTES
from chat.node import Node
from chat.proxies import trust_of
from chatsite.servers import heads
from chatsite.servers.arrivals import CUT_BYTES, Arrival, Awaited
from chatsite.servers.heads import Unfit
from chatsite.servers.peers import Peers
from chatsite.servers.refusals import answer_to, refusal


class ChatRequest(WebRequest):
    """One HTTP request."""

    body_bytes = 0
    refused = False

    def gotLength(self, length: int | None) -> None:
        super().gotLength(length)
        if length is not None and length > MAX_BODY_BYTES:
            self.refuse_body()

    def handleContentChunk(self, data: bytes) -> None:
        self.body_bytes += len(data)
        if self.refused:
            return
        if self.body_bytes > MAX_BODY_BYTES:
            self.refuse_body()
        else:
            super().handleContentChunk(data)

    def refuse_body(self) -> None:
        """Answer at once, go on reading for a moment so that the answer is seen and no reset, then cut off."""
        self.refused = True
        self.content.truncate(0)
        transport = self.channel.transport
        head = f"HTTP/1.1 413 Content Too Large\r\nConnection: close\r\nContent-Type: text/plain\r\nContent-Length: {len(ANSWER)}\r\n\r\n"
        transport.write(head.encode() + ANSWER)
        asyncio.get_running_loop().call_later(LINGER_SECONDS, transport.abortConnection)

    def process(self) -> Any:
        if self.refused:
            self.channel.loseConnection()
            return None
        self.requestHeaders.removeHeader(b"daphne-root-path")
        done = super().process()
        if self.transport is None:
            self.channel.leave()  # A WebSocket has taken it over.
        return done


class ChatChannel(HTTPChannel):
    """One connection, until it is a WebSocket."""

    refused = False
    # Of a line and of a head; Twisted's own answer to more is none (a line) or an empty 400. Headers are counted in heads.
    MAX_LENGTH = totalHeadersSize = maxHeaders = CUT_BYTES

    def __init__(self, peers: Peers) -> None:
        super().__init__()
        self.peers = peers
        self.host: str | None = None

    def connectionMade(self) -> None:
        super().connectionMade()
        self.setTimeout(None)  # Twisted's begins anew with each byte.
        self.arrival = Arrival(asyncio.get_running_loop(), self.late)
        self.arrival.expect(Awaited.HEAD)
        self.host = str(getattr(self.transport.getPeer(), "host", ""))
        if not self.peers.admit(self.host):
            self.refuse(429)

    def dataReceived(self, data: bytes) -> None:
        if self.refused:
            return
        super().dataReceived(data)
        if self.host is not None:
            self.arrival.expect(self.awaited())

    def lineReceived(self, line: bytes) -> None:
        if self._receivedHeaderSize + len(line) > CUT_BYTES:
            self.refuse(431)
        elif line[:1] in (b" ", b"\t"):
            self.refuse(400)  # A folded header, which Twisted unfolds and others do not (RFC 9112, section 5.2).
        else:
            super().lineReceived(line)

    def lineLengthExceeded(self, line: bytes) -> None:
        self.refuse(431)

    def allHeadersReceived(self) -> None:
        request = self.requests[-1]
        names = request.requestHeaders.getAllRawHeaders()
        headers = [(name, value) for name, values in names for value in values]
        try:
            version = self._version.removeprefix(b"HTTP/")
            self._path, headers = heads.read(self._command, self._path, version, headers)
        except Unfit as unfit:
            self.refuse(unfit.status, answer_to(unfit))
            self.length = None  # Or Twisted would begin with the request.
            return
        read = Headers()
        for name, value in headers:
            read.addRawHeader(name, value)
        request.requestHeaders = read
        super().allHeadersReceived()

    def _respondToBadRequestAndDisconnect(self) -> None:
        self.refuse(400)

    def awaited(self) -> Awaited:
        if self._handlingRequest:
            return Awaited.ANSWER
        return Awaited.HEAD if self.line_mode else Awaited.BODY

    def requestDone(self, request: Any) -> None:
        self.arrival.anew()
        super().requestDone(request)
        if self.transport.disconnecting:
            self.arrival.more_time()  # A close waits for who does not read.
        elif self.host is not None:
            self.arrival.expect(self.awaited())

    def late(self) -> None:
        """End a connection whose time is over, without a word where it never sent one: browsers open some for later."""
        if self.arrival.still_sending(unsent(self.transport)):
            self.arrival.more_time()
        elif self.refused or self.transport.disconnecting:
            self.transport.abortConnection()
        elif not self.requests and not self._buffer:
            self.loseConnection()
            self.arrival.linger()
        else:
            self.refuse(408)

    def refuse(self, status: int, answer: bytes = b"") -> None:
        if self.refused:
            return
        self.refused = True
        self.transport.write(answer or refusal(status))
        self.loseConnection()
        self.arrival.linger()

    def leave(self) -> None:
        """Be none of HTTP's any more."""
        self.arrival.end()
        if self.host is not None:
            self.peers.release(self.host)
            self.host = None

    def connectionLost(self, reason: Any) -> None:
        self.leave()
        super().connectionLost(reason)


def unsent(transport: Any) -> int:
    """Return how many bytes wait in Twisted's transport."""
    return (
        len(getattr(transport, "dataBuffer", b""))
        + getattr(transport, "_tempDataLen", 0)
        - getattr(transport, "offset", 0)
    )


def install(node: Node) -> None:
    """Mend daphne's HTTP for this process."""
    peers = Peers(node.conf.max_connections_per_ip, trust_of(node.conf))
    daphne.http_protocol.WebRequest = ChatRequest
    HTTPFactory.protocol = lambda factory: _GenericHTTPChannelProtocol(ChatChannel(peers))
