"""Hashing: passwords are computed one at a time in this process, by a helper process that gives way to all others.

A hash takes a core for a third of a second. In a thread of the server it would take turns with the event loop, and a
thread of low priority could hold the interpreter's lock while it waits for a core. The helper has its own interpreter.
"""

from __future__ import annotations

import atexit
import base64
import contextlib
import json
import logging
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from django.contrib.auth import hashers

from chat.busy import Busy

logger = logging.getLogger("chat.hashing")

# Longer than the few that requests have places for take in turn, each a second on a busy machine.
WAIT_SECONDS = 10.0
ANSWER_SECONDS = 30.0
COMMAND = (sys.executable, "-I", "-S", str(Path(__file__).with_name("hashing_helper.py")))


class Helper:
    """The helper process: started when it is first needed and when it has ended; it ends with this process."""

    def __init__(self, command: tuple[str, ...] = COMMAND, seconds: float = ANSWER_SECONDS) -> None:
        self.command = command
        self.seconds = seconds
        self.process: subprocess.Popen[bytes] | None = None

    def pbkdf2(self, digest: str, password: bytes, salt: bytes, iterations: int) -> bytes:
        """Return a derived key. Raises: Busy where the helper does not answer in time; OSError where it does not start."""
        request = {"digest": digest, "password": password.hex(), "salt": salt.hex(), "iterations": iterations}
        line = json.dumps(request).encode() + b"\n"
        began = time.monotonic()
        for _ in range(2):  # One that has ended since is replaced.
            with contextlib.suppress(BrokenPipeError):
                if answer := self._ask(line):
                    return bytes.fromhex(answer.decode())
            self.close()
            if time.monotonic() - began >= self.seconds:
                break  # It was ended: the machine has too much to do, and would have more.
        raise Busy

    def _ask(self, line: bytes) -> bytes:
        if self.process is None:
            # Nothing of the command comes from a request.
            self.process = subprocess.Popen(self.command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)  # noqa: S603
        process = self.process
        assert process.stdin is not None
        assert process.stdout is not None
        watch = threading.Timer(self.seconds, process.kill)
        watch.start()
        try:
            process.stdin.write(line)
            process.stdin.flush()
            return process.stdout.readline().strip()
        finally:
            watch.cancel()

    def close(self) -> None:
        """End the process."""
        process, self.process = self.process, None
        if process is None:
            return
        process.kill()
        process.wait()
        for stream in (process.stdin, process.stdout):
            assert stream is not None
            with contextlib.suppress(BrokenPipeError):
                stream.close()


helper = Helper()
atexit.register(helper.close)
_lock = threading.RLock()


@contextlib.contextmanager
def one_at_a_time() -> Iterator[None]:
    """Wait until no other password is computed in this process. Raises: Busy."""
    if not _lock.acquire(timeout=WAIT_SECONDS):
        raise Busy
    try:
        yield
    finally:
        _lock.release()


class OneAtATime:
    """A hasher of Django's, of which only one computes at a time."""

    def encode(self, *args: Any, **kwargs: Any) -> str:
        with one_at_a_time():
            return str(super().encode(*args, **kwargs))  # type: ignore[misc]

    def verify(self, *args: Any, **kwargs: Any) -> bool:
        with one_at_a_time():
            return bool(super().verify(*args, **kwargs))  # type: ignore[misc]


class InTheHelper:
    """PBKDF2 as Django encodes it, computed by the helper; here where the machine has no place for it."""

    def encode(self, password: str, salt: str, iterations: int | None = None) -> str:
        self._check_encode_args(password, salt)  # type: ignore[attr-defined]
        times = iterations or self.iterations  # type: ignore[attr-defined]
        try:
            digest = self.digest().name  # type: ignore[attr-defined]
            key = helper.pbkdf2(digest, password.encode(), salt.encode(), times)
        except OSError as error:
            logger.warning("passwords are computed in the server's own process: %s", error)
            return str(super().encode(password, salt, times))  # type: ignore[misc]
        algorithm = self.algorithm  # type: ignore[attr-defined]
        return f"{algorithm}${times}${salt}${base64.b64encode(key).decode()}"


class PBKDF2(OneAtATime, InTheHelper, hashers.PBKDF2PasswordHasher):
    """Django's own hasher."""


class PBKDF2SHA1(OneAtATime, InTheHelper, hashers.PBKDF2SHA1PasswordHasher):
    """Of accounts that came from elsewhere, as all below."""


class Argon2(OneAtATime, hashers.Argon2PasswordHasher):
    pass


class BCryptSHA256(OneAtATime, hashers.BCryptSHA256PasswordHasher):
    pass


class Scrypt(OneAtATime, hashers.ScryptPasswordHasher):
    pass
