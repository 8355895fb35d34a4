"""Run the benchmarks: `python -m bench [--short] [--only NAME]… [--subject NAME]… [--json FILE]`."""

from __future__ import annotations

import argparse
import json
import platform
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path

from bench import redis
from bench.cores import Cores
from bench.generator import Generator, LoadFailed, NoGenerator
from bench.measures import Result, Rig
from bench.processes import NotStarted
from bench.scenarios import SHORT, Extent, Scenario, scenarios
from bench.subjects import Catalogue
from bench.table import Row, rows, table

Results = dict[str, list[Result]]


class Unknown(Exception):
    """A name on the command line that nothing has; the message says which there are."""


def arguments(argv: Sequence[str]) -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--short", action="store_true", help="one round, short runs: rough figures in a few minutes")
    parser.add_argument("--only", action="append", metavar="NAME", help="run this scenario (may be repeated)")
    parser.add_argument("--subject", action="append", metavar="NAME", help="measure this server (may be repeated)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write rows and every round's counts there, too")
    return parser.parse_args(argv)


@contextmanager
def redis_url(work: Path, cores: Cores, wanted: bool) -> Iterator[str]:
    """Run a Redis if one is wanted and there is one; yields its URL or nothing."""
    program = redis.find() if wanted else None
    if program is None:
        yield ""
        return
    with redis.served(program, work, cores.helper) as url:
        yield url


def run(scenario: Scenario, rig: Rig, wanted: Sequence[str] | None) -> Results:
    """Measure the scenario's subjects in turns, so that what the machine does beside hits all of them."""
    subjects = [s for s in scenario.subjects if not s.missing and (not wanted or s.name in wanted)]
    results: Results = {subject.name: [] for subject in subjects}
    for turn in range(1, scenario.rounds + 1):
        for subject in subjects:
            result = scenario.measure(rig, subject)
            results[subject.name].append(result)
            figure = f"{result.figure:,.2f} {scenario.unit}"
            say(f"{scenario.name} {turn}/{scenario.rounds} {subject.name}: {figure} {result.faults}")
    return results


def say(line: str) -> None:
    """Print a line of progress."""
    print(f"{time.strftime('%H:%M:%S')} {line}", flush=True)


def choose(all_: list[Scenario], options: argparse.Namespace) -> list[Scenario]:
    """Return the scenarios that were asked for, or all. Raises Unknown."""
    names = {scenario.name for scenario in all_}
    subjects = {subject.name for scenario in all_ for subject in scenario.subjects}
    for flag, given, known in (("only", options.only, names), ("subject", options.subject, subjects)):
        for name in given or []:
            if name not in known:
                raise Unknown(f"--{flag} {name}: expected one of {', '.join(sorted(known))}")
    return [scenario for scenario in all_ if not options.only or scenario.name in options.only]


def machine(cores: Cores) -> dict[str, str]:
    """Tell what the figures were measured on."""
    return {"system": platform.platform(), "python": platform.python_version(), "cores": str(cores)}


def write(path: Path, cores: Cores, written: Sequence[Row], results: dict[str, Results]) -> None:
    """Write everything as JSON."""
    rounds = {name: {s: [asdict(r) for r in rs] for s, rs in of.items()} for name, of in results.items()}
    whole = {"machine": machine(cores), "rows": [asdict(row) for row in written], "rounds": rounds}
    path.write_text(json.dumps(whole, indent=1))


def measured(options: argparse.Namespace, work: Path) -> int:
    """Run what was asked for, print the table, and return how many goals were missed."""
    cores = Cores.available()
    rig = Rig(Catalogue(work, cores), Generator.build(work, cores.load))
    with redis_url(work, cores, not options.only or "redis" in options.only) as url:
        chosen = choose(scenarios(rig.catalogue, url, SHORT if options.short else Extent()), options)
        say(f"{len(chosen)} scenarios; {cores}")
        if any(s.ours and (not options.subject or s.name in options.subject) for c in chosen for s in c.subjects):
            rig.catalogue.prepare()
        results = {scenario.name: run(scenario, rig, options.subject) for scenario in chosen}
    tables = {scenario.name: rows(scenario, results[scenario.name]) for scenario in chosen}
    for scenario in chosen:
        print(table(scenario, tables[scenario.name]))
    written = [row for of in tables.values() for row in of]
    if options.json:
        write(options.json, cores, written, results)
    return conclude(written)


def conclude(written: Sequence[Row]) -> int:
    """Print how many goals were met and return how many were missed."""
    counts = {verdict: sum(row.met is verdict and bool(row.goal) for row in written) for verdict in (True, False, None)}
    print(f"\ngoals: {counts[True]} met, {counts[False]} missed, {counts[None]} not judged")
    return counts[False]


def main() -> int:
    """Return the exit status: 0 all goals met, 1 some missed, 2 could not be measured."""
    options = arguments(sys.argv[1:])
    with tempfile.TemporaryDirectory(prefix="chatsite-bench-") as work:
        try:
            return 1 if measured(options, Path(work)) else 0
        except (NoGenerator, NotStarted, LoadFailed, Unknown) as error:
            print(f"bench: {error}", file=sys.stderr)
            return 2


if __name__ == "__main__":
    sys.exit(main())
