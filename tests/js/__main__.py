"""Run the JavaScript tests: `python -m tests.js`."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

HERE = Path(__file__).resolve().parent
# The first version whose `node --test` takes files and has `mock.timers`.
LEAST = 20

Run = Callable[[Sequence[str]], "subprocess.CompletedProcess[str]"]


def run_here(command: Sequence[str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, cwd=HERE.parent.parent, check=False, text=True)


def version_of(node: str) -> int:
    """Return node's major version, 0 where it tells none."""
    told = subprocess.run([node, "--version"], check=False, capture_output=True, text=True).stdout
    found = re.match(r"v(\d+)\.", told)
    return int(found[1]) if found else 0


def missing(node: str | None) -> str:
    """Return why the tests cannot run, or an empty string."""
    if node is None:
        return "node is not installed"
    version = version_of(node)
    return f"node is version {version}, expected {LEAST} or newer" if version < LEAST else ""


def main(environment: Mapping[str, str] = os.environ, run: Run = run_here) -> int:
    """Return node's exit status; without node 0, and 1 in CI."""
    node = shutil.which("node", path=environment.get("PATH"))
    reason = missing(node)
    if reason:
        in_ci = environment.get("CI") == "true"
        print(f"tests.js: {'failed' if in_ci else 'skipped'}: {reason}", file=sys.stderr)
        return int(in_ci)
    assert node is not None
    tests = sorted(str(path) for path in HERE.glob("*.test.js"))
    return run([node, "--test", *tests]).returncode


if __name__ == "__main__":
    sys.exit(main())
