"""Fuzz what clients send, for a while, and print what came of it."""

from __future__ import annotations

import argparse
import asyncio
import importlib.util
import os
import secrets
import subprocess
import sys
import tempfile


def main() -> int:
    """Return 0 where nothing was raised that should not be."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--seconds", type=float, default=300)
    parser.add_argument("--seed", type=int, default=secrets.randbits(32), help="of an earlier run, to repeat it")
    options = parser.parse_args()
    with_coverage = importlib.util.find_spec("atheris") is not None
    seconds = options.seconds / 2 if with_coverage else options.seconds
    status = fuzz(seconds, options.seed)
    if not with_coverage:
        print("fuzz: atheris is not installed: the part that is guided by coverage is left out")
        return status
    command = [sys.executable, "-m", "tests.fuzz.coverage", "--seconds", str(max(1, int(seconds)))]
    ended = subprocess.run(command, check=False).returncode
    print(f"fuzz: atheris: {'0 uncaught' if ended == 0 else f'ended with status {ended}'}")
    return ended or status


def fuzz(seconds: float, seed: int) -> int:
    """Run the mutating fuzzer and print its report."""
    # Settings, which models need, are read from the environment; the checkout's own var/ is left alone.
    with tempfile.TemporaryDirectory() as directory:
        os.environ["CHAT_VAR_DIR"] = directory
        os.environ.setdefault("DJANGO_SETTINGS_MODULE", "chatsite.settings")
        import django

        django.setup()
        from tests.fuzz.client import Fuzzer

        fuzzer = Fuzzer(seed)
        asyncio.run(fuzzer.run(seconds))
    for message, count in fuzzer.messages.most_common():
        print(f"{count:10} {message[:150]!r}")
    print(f"fuzz: seed {seed}: {fuzzer}")
    for failure in fuzzer.failures.found:
        print(failure, file=sys.stderr)
    return 1 if fuzzer.failures.found else 0


if __name__ == "__main__":
    sys.exit(main())
