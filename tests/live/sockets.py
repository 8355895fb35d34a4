"""A WebSocket client that does exactly what a test tells it: odd frames, no reading, no answers."""

from __future__ import annotations

import base64
import hashlib
import os
import socket
import struct
import time
from collections.abc import Iterable

from . import frames
from .frames import Close, Frame

GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
SECONDS = 15.0


class Refused(Exception):
    """The server answered the handshake with another status than 101."""

    def __init__(self, status: int, headers: dict[str, str]) -> None:
        super().__init__(f"the handshake was refused with {status}")
        self.status, self.headers = status, headers


class Ended(Exception):
    """The connection is over; `close` says how."""

    def __init__(self, close: Close) -> None:
        super().__init__(f"the connection ended: {close}")
        self.close = close


def family_of(address: tuple[str, int] | str) -> socket.AddressFamily:
    if isinstance(address, str):
        return socket.AF_UNIX
    return socket.AF_INET6 if ":" in address[0] else socket.AF_INET


class RawSocket:
    """One connection. Nothing is sent but what is asked for; pings and close frames are answered unless `answers` is False."""

    def __init__(
        self, address: tuple[str, int] | str, *, receive_buffer: int | None = None, answers: bool = True
    ) -> None:
        """Connect to an address, or to the path of a Unix socket."""
        self.sock = socket.socket(family_of(address), socket.SOCK_STREAM)
        if receive_buffer is not None:
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.sock.settimeout(SECONDS)
        self.remote, self.answers = address, answers
        self.buffer = bytearray()
        self.pings = 0
        self.closed = False
        self.partial: list[bytes] = []
        self.partial_opcode = 0
        try:
            self.sock.connect(address)
        except BaseException:
            self.sock.close()
            raise

    # The handshake

    def request(
        self,
        path: str = "/ws",
        *,
        protocols: Iterable[str] = (),
        headers: Iterable[tuple[str, str]] = (),
        host: str | None = None,
    ) -> bytes:
        """Return the bytes of an opening handshake."""
        self.key = base64.b64encode(os.urandom(16))
        lines = [
            f"GET {path} HTTP/1.1",
            f"Host: {host or self.netloc}",
            "Upgrade: websocket",
            "Connection: Upgrade",
            f"Sec-WebSocket-Key: {self.key.decode()}",
            "Sec-WebSocket-Version: 13",
        ]
        offered = ", ".join(protocols)
        if offered:
            lines.append(f"Sec-WebSocket-Protocol: {offered}")
        lines += [f"{header}: {value}" for header, value in headers]
        return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")

    def open(
        self,
        path: str = "/ws",
        *,
        protocols: Iterable[str] = (),
        headers: Iterable[tuple[str, str]] = (),
        host: str | None = None,
    ) -> RawSocket:
        """Shake hands.

        Raises: Refused.
        """
        self.send_bytes(self.request(path, protocols=protocols, headers=headers, host=host))
        return self.shaken()

    def shaken(self) -> RawSocket:
        """Read the server's half of the handshake.

        Raises: Refused; Ended.
        """
        while b"\r\n\r\n" not in self.buffer:
            if not self.fill(SECONDS):
                raise Ended(Close(None))
        head, _, rest = bytes(self.buffer).partition(b"\r\n\r\n")
        self.buffer = bytearray(rest)
        status, _, lines = head.decode("latin-1").partition("\r\n")
        self.headers = {
            name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines.split("\r\n"))
        }
        code = int(status.split()[1])
        if code != 101:
            raise Refused(code, self.headers)
        expected = base64.b64encode(hashlib.sha1(self.key + GUID).digest()).decode()
        assert self.headers["sec-websocket-accept"] == expected, "a wrong Sec-WebSocket-Accept"
        return self

    @property
    def netloc(self) -> str:
        """The server's end as it stands in Host."""
        if isinstance(self.remote, str):
            return "localhost"
        host, port = self.remote
        return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"

    @property
    def address(self) -> str:
        """This end as the server writes it: host:port, or [host]:port."""
        host, port = self.sock.getsockname()[:2]
        return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"

    # Sending

    def send_bytes(self, data: bytes) -> None:
        self.sock.settimeout(SECONDS)
        self.sock.sendall(data)

    def send_frame(self, opcode: int, payload: bytes = b"", *, fin: bool = True, rsv: int = 0) -> None:
        self.send_bytes(
            frames.encode(opcode, payload, fin=fin, rsv=rsv, mask=os.urandom(4) if len(payload) < 4096 else b"\0\0\0\0")
        )

    def send(self, message: str | bytes) -> None:
        """Send a whole message in one frame."""
        text = isinstance(message, str)
        self.send_frame(frames.TEXT if text else frames.BINARY, message.encode() if text else message)  # type: ignore[union-attr]

    def send_close(self, code: int | None = 1000, reason: bytes = b"") -> None:
        self.closed = True
        self.send_frame(frames.CLOSE, frames.close_payload(code, reason))

    # Reading

    def fill(self, seconds: float) -> bool:
        """Read what has come into the buffer; False at the end of the stream.

        Raises: TimeoutError.
        """
        self.sock.settimeout(max(seconds, 0.001))
        try:
            data = self.sock.recv(1 << 18)
        except (ConnectionResetError, BrokenPipeError):
            return False
        self.buffer += data
        return bool(data)

    def read_frame(self, seconds: float = SECONDS) -> Frame:
        """Return the next frame, of whatever kind.

        Raises: Ended; TimeoutError.
        """
        end = time.monotonic() + seconds
        while True:
            frame = frames.decode(self.buffer)
            if frame is not None:
                return frame
            left = end - time.monotonic()
            if left <= 0:
                raise TimeoutError(f"no frame within {seconds:g} s")
            if not self.fill(left):
                raise Ended(Close(None))

    def read(self, seconds: float = SECONDS) -> str | bytes:
        """Return the next whole message.

        Raises: Ended; TimeoutError.
        """
        end = time.monotonic() + seconds
        while True:
            frame = self.read_frame(max(end - time.monotonic(), 0))
            if frame.opcode == frames.CLOSE:
                self.answer_close(frame)
                raise Ended(frames.read_close(frame.payload))
            if frame.opcode == frames.PING:
                self.pings += 1
                if self.answers:
                    self.send_frame(frames.PONG, frame.payload)
            elif frame.opcode in (frames.TEXT, frames.BINARY, frames.CONTINUATION):
                if frame.opcode != frames.CONTINUATION:
                    self.partial_opcode = frame.opcode
                self.partial.append(frame.payload)
                if frame.fin:
                    whole = b"".join(self.partial)
                    self.partial.clear()
                    return whole.decode("utf-8") if self.partial_opcode == frames.TEXT else whole

    def answer_close(self, frame: Frame) -> None:
        """Answer a close frame as a browser does, where the server still takes it."""
        if self.answers and not self.closed:
            self.closed = True
            try:
                self.send_frame(frames.CLOSE, frame.payload[:2])
            except OSError:
                pass  # the server did not wait for it

    def read_many(self, count: int, seconds: float = SECONDS) -> list[str | bytes]:
        """Return the next `count` messages."""
        end = time.monotonic() + seconds
        return [self.read(max(end - time.monotonic(), 0)) for _ in range(count)]

    def rest(self, seconds: float = SECONDS) -> tuple[list[str | bytes], Close]:
        """Return the messages up to the end, and how it ended.

        Raises: TimeoutError when it does not end in time.
        """
        end = time.monotonic() + seconds
        messages: list[str | bytes] = []
        try:
            while True:
                messages.append(self.read(max(end - time.monotonic(), 0)))
        except Ended as ended:
            return messages, ended.close

    def ending(self, seconds: float = SECONDS) -> Close:
        """Return how the connection ends."""
        return self.rest(seconds)[1]

    def gone(self, seconds: float = SECONDS) -> None:
        """Wait until the server has closed the TCP connection.

        Raises: TimeoutError.
        """
        end = time.monotonic() + seconds
        while self.fill(end - time.monotonic()):
            self.buffer.clear()

    # The end

    def reset(self) -> None:
        """Leave without a word: RST instead of FIN."""
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.sock.close()

    def drop(self) -> None:
        self.sock.close()
