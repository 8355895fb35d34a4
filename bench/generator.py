"""The load generator `load.c`: built once, run with one `Load` at a time."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from bench.cores import pin

SOURCE = Path(__file__).with_name("load.c")
FAULTS = ("failed", "lost", "duplicated", "reordered", "closed", "errors")
SLACK_SECONDS = 30.0


class NoGenerator(Exception):
    """The generator cannot be built here; the message says why."""


class LoadFailed(Exception):
    """The generator ended without a report; the message holds what it said."""


@dataclass(frozen=True)
class Codec:
    """How a client speaks: path, subprotocol, first frame and what answers it, message (%s: text), sign of life."""

    path: str = "/ws"
    protocol: str = ""
    join: str = ""
    joined: str = ""
    message: str = "%s"
    pulse: str = ""


RAW = Codec()
JSON = Codec(
    protocol="chat.v1.json",
    join='{"type":"join","id":1,"payload":{"room":"lobby"}}',
    joined='"ack"',
    message='{"type":"send","payload":{"room":"lobby","text":"%s"}}',
    pulse='{"type":"pong"}',
)


@dataclass(frozen=True)
class Load:
    """One run: `window` messages of each sender in flight, or `rate` messages a second of all; times in seconds."""

    codec: Codec = RAW
    clients: int = 500
    senders: int = 1
    window: int = 0
    rate: float = 0
    seconds: float = 5
    warm: float = 1
    size: int = 64
    stalled: int = 0
    ramp: int = 32
    dial: float = 60

    def arguments(self, port: int) -> list[str]:
        """Return the command line for a server on this port."""
        options = {name: value for name, value in vars(self).items() if name != "codec"}
        options |= vars(self.codec) | {"port": port}
        return [word for name, value in options.items() for word in (f"--{name}", str(value))]


class Report(dict[str, Any]):
    """What the generator counted; keys as in load.c."""

    @property
    def faults(self) -> str:
        """Name what went wrong, or nothing."""
        named = [f"{self[fault]} {fault}" for fault in FAULTS if self[fault]]
        said = [self["first_failure"]] if self["first_failure"] else []
        return ", ".join(named + said + ([] if self["joined"] else ["not all joined"]))


class Generator:
    """A built load generator, on its core."""

    def __init__(self, binary: Path, core: int | None) -> None:
        self.binary = binary
        self.core = core

    @classmethod
    def build(cls, into: Path, core: int | None) -> Generator:
        """Compile load.c. Raises NoGenerator."""
        compiler = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
        if sys.platform != "linux":
            raise NoGenerator(f"the load generator needs Linux (epoll), this is {sys.platform}.")
        if not compiler:
            raise NoGenerator("the load generator is a C program and no compiler (cc, gcc, clang) is on PATH.")
        binary = into / "load"
        built = subprocess.run([compiler, "-O2", "-o", binary, SOURCE], capture_output=True, text=True, check=False)
        if built.returncode:
            raise NoGenerator(f"{compiler} cannot build {SOURCE.name}: {built.stderr.strip()}")
        return cls(binary, core)

    def run(self, load: Load, port: int) -> Report:
        """Put a load on the server and return what came of it. Raises LoadFailed."""
        with self.started(load, port) as process:
            return self.report(load, process)

    def report(self, load: Load, process: subprocess.Popen[str]) -> Report:
        """Wait for a started load and return what came of it. Raises LoadFailed."""
        out, err = process.communicate(timeout=load.seconds + load.warm + 2 * load.dial + SLACK_SECONDS)
        if not out.strip():
            raise LoadFailed(f"the load generator ended with {process.returncode} and said: {err.strip()}")
        report = Report(json.loads(out))
        if report["first_error"]:
            print(f"    the server said: {report['first_error']}", file=sys.stderr)
        return report

    @contextmanager
    def holding(self, load: Load, port: int) -> Iterator[str]:
        """Keep connections open while the block runs; yields the line that says how many there are."""
        with self.started(load, port) as process:
            assert process.stderr is not None
            yield process.stderr.readline().strip()
            process.send_signal(signal.SIGTERM)
            process.communicate(timeout=SLACK_SECONDS)

    @contextmanager
    def started(self, load: Load, port: int) -> Iterator[subprocess.Popen[str]]:
        """Run the generator while the block runs; it is ended with it."""
        process = subprocess.Popen(
            [self.binary, *load.arguments(port)], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, text=True, preexec_fn=partial(pin, self.core),
        )  # fmt: skip
        try:
            yield process
        finally:
            process.kill()
            process.communicate()
