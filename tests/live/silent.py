"""Machines that are gone: one whose packets get no answer, and one that the kernel still answers for."""

from __future__ import annotations

import socket

# More than the one that a backlog of 0 holds.
FILLERS = 3
ANSWER_SECONDS = 0.3


class Silent:
    """An address that answers no SYN, as one of a machine without power: nobody takes from its full backlog."""

    def __init__(self) -> None:
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=0)
        self.fillers = [self._fill() for _ in range(FILLERS)]
        with socket.socket() as probe:
            probe.settimeout(ANSWER_SECONDS)
            assert refused(probe, self.address), "the backlog is not full"

    def _fill(self) -> socket.socket:
        filler = socket.socket()
        filler.setblocking(False)
        filler.connect_ex(self.address)
        return filler

    @property
    def address(self) -> tuple[str, int]:
        host, port = self.listener.getsockname()
        return host, port

    def end(self) -> None:
        for one in [*self.fillers, self.listener]:
            one.close()


def refused(probe: socket.socket, address: tuple[str, int]) -> bool:
    """Tell whether a connection gets no answer."""
    try:
        probe.connect(address)
    except TimeoutError:
        return True
    return False
