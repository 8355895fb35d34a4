"""Run a program as on a machine whose kernel has no IPv6: `python without_ipv6.py PROGRAM ARGUMENT…`.

A filter of system calls (seccomp(2)) fails `socket(AF_INET6, …)` with EAFNOSUPPORT. Switching IPv6 off by sysctl is not
the same: then sockets can still be made, and bound to `::`.
"""

from __future__ import annotations

import ctypes
import errno
import os
import platform
import socket
import struct
import sys

# The number of socket(2), by machine (asm/unistd.h).
SOCKET = {"x86_64": 41, "aarch64": 198}
PR_SET_NO_NEW_PRIVS, PR_SET_SECCOMP, SECCOMP_MODE_FILTER = 38, 22, 2
LOAD, JUMP_IF_EQUAL, RETURN = 0x20, 0x15, 0x06
NUMBER, FIRST_ARGUMENT = 0, 16  # places in struct seccomp_data
ALLOW, FAIL = 0x7FFF0000, 0x00050000


def can() -> bool:
    return sys.platform == "linux" and platform.machine() in SOCKET


def forbid() -> None:
    """Let this process, and what it runs, make no IPv6 socket. Raises: OSError."""
    steps = [
        (LOAD, 0, 0, NUMBER),
        (JUMP_IF_EQUAL, 0, 3, SOCKET[platform.machine()]),
        (LOAD, 0, 0, FIRST_ARGUMENT),
        (JUMP_IF_EQUAL, 0, 1, socket.AF_INET6),
        (RETURN, 0, 0, FAIL | errno.EAFNOSUPPORT),
        (RETURN, 0, 0, ALLOW),
    ]
    code = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *step) for step in steps))
    program = ctypes.create_string_buffer(struct.pack("HxxxxxxP", len(steps), ctypes.addressof(code)))
    libc = ctypes.CDLL(None, use_errno=True)
    for call in ((PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), (PR_SET_SECCOMP, SECCOMP_MODE_FILTER, program, 0, 0)):
        if libc.prctl(*call) != 0:
            raise OSError(ctypes.get_errno(), "prctl failed")


if __name__ == "__main__":
    forbid()
    os.execv(sys.argv[1], sys.argv[1:])
