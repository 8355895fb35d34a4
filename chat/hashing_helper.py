"""The helper process of `chat.hashing`: reads a request a line, writes a key a line, and ends with its input.

It runs by its path and imports nothing of the project, so it starts in 30 ms and takes 10 MB.
"""

from __future__ import annotations

import hashlib
import json
import os
import signal
import sys

# Beside the server's event loop on one core it gets one part in four (sched(7)). With 19 it would be one in 69, and on a
# machine with more to do than cores nobody could sign in: 30 s were measured where 5 gives two.
NICENESS = 5


def main() -> None:
    # A terminal's Ctrl-C goes to the server and to this process: the server ends it.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if hasattr(os, "nice"):
        os.nice(NICENESS)
    for line in sys.stdin.buffer:
        asked = json.loads(line)
        password, salt = bytes.fromhex(asked["password"]), bytes.fromhex(asked["salt"])
        key = hashlib.pbkdf2_hmac(asked["digest"], password, salt, asked["iterations"])
        sys.stdout.write(key.hex() + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
