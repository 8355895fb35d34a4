"""What a server holds: its resident memory, and what the kernel holds of its sockets."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

from .services import require

MIB = 1 << 20


def resident(pid: int) -> int:
    """Return a process's resident memory in bytes."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) * 1024
    raise AssertionError(f"process {pid} has no VmRSS: it has ended")


class Watch:
    """The most resident memory seen above what it was at the start."""

    def __init__(self, pid: int) -> None:
        self.pid, self.start = pid, resident(pid)
        self.most = self.start

    def look(self) -> int:
        """Return the growth in bytes, the highest so far."""
        self.most = max(self.most, resident(self.pid))
        return self.most - self.start


def send_buffers(port: int) -> list[int]:
    """Return the bytes that wait in the kernel's send buffer of each connection that a server on `port` has accepted.

    These are `w` of ss's skmem: bytes queued for writing, overhead included.
    """
    require(shutil.which("ss"), "the kernel's send buffers are read with ss (iproute2), which is not here")
    out = subprocess.run(
        ["ss", "-tmnH", "sport", "=", f":{port}"], capture_output=True, text=True, timeout=20, check=True
    ).stdout
    return [int(size) for size in re.findall(r"skmem:\([^)]*?,w(\d+)", out)]
