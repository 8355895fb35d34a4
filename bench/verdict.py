"""A verdict: what a bench found, line by line, and the exit status that says whether all is as it should be."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path

from bench.generator import LoadFailed, NoGenerator
from bench.processes import NotStarted


def show(findings: Iterable[tuple[str, bool]]) -> bool:
    """Print each finding; return whether all are as they should be."""
    good = True
    for sentence, as_wished in findings:
        print(f"  {'ok    ' if as_wished else 'MISSED'} {sentence}", flush=True)
        good &= as_wished
    return good


def status(measured: Callable[[Path], bool]) -> int:
    """Measure in a new directory; return the exit status: 0 as it should be, 1 not, 2 could not be measured."""
    with tempfile.TemporaryDirectory(prefix="chatsite-bench-") as work:
        try:
            return 0 if measured(Path(work)) else 1
        except (NoGenerator, NotStarted, LoadFailed) as error:
            print(f"bench: {error}", file=sys.stderr)
            return 2
