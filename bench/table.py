"""The table at the end: medians, ratios within the run, goals."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from bench.measures import Result
from bench.scenarios import Goal, Scenario

GO = "gohub"
HEADINGS = ("subject", "median", "unit", "ratio", "to", f"× {GO}", "goal", "", "remarks")
NUMBERS = (1, 3, 5)  # columns


@dataclass(frozen=True)
class Row:
    """One subject of one scenario. `met` is None where there is no goal or it could not be judged."""

    scenario: str
    subject: str
    figure: float | None
    unit: str
    ratio: float | None
    reference: str
    to_go: float | None
    goal: str
    met: bool | None
    remarks: str

    def cells(self) -> tuple[str, ...]:
        """Return the row as text, in the order of HEADINGS."""
        verdict = {True: "met", False: "MISSED", None: "not judged" if self.goal else ""}[self.met]
        to = self.reference if self.ratio is not None else ""
        number = "" if self.figure is None else f"{self.figure:,.2f}" if self.figure < 100 else f"{self.figure:,.0f}"
        ratio, to_go = _times(self.ratio), _times(self.to_go)
        return (self.subject, number, self.unit, ratio, to, to_go, self.goal, verdict, self.remarks)


def rows(scenario: Scenario, results: Mapping[str, Sequence[Result]]) -> list[Row]:
    """Return a row for each subject, those that were not run too."""
    return [_row(scenario, subject.name, subject.missing, results) for subject in scenario.subjects]


def table(scenario: Scenario, of: Sequence[Row]) -> str:
    """Lay out one scenario's rows in columns under its title."""
    lines = [HEADINGS, *(row.cells() for row in of)]
    widths = [max(len(line[i]) for line in lines) for i in range(len(HEADINGS))]
    return "\n".join([f"\n{scenario.name}: {scenario.title}", *(_line(cells, widths) for cells in lines)])


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    padded = [c.rjust(w) if i in NUMBERS else c.ljust(w) for i, (c, w) in enumerate(zip(cells, widths, strict=True))]
    return f"  {'  '.join(padded)}".rstrip()


def median(results: Sequence[Result]) -> Result:
    """Return the round whose figure lies in the middle (the lower one of two)."""
    return sorted(results, key=lambda result: result.figure)[(len(results) - 1) // 2]


def _row(scenario: Scenario, name: str, missing: str, results: Mapping[str, Sequence[Result]]) -> Row:
    reference, goal = scenario.references.get(name, ""), scenario.goals.get(name)
    if not results.get(name):
        remark = f"skipped: {missing}" if missing else "left out"
        return Row(scenario.name, name, None, scenario.unit, None, reference, None, _wanted(goal), None, remark)
    result = median(results[name])
    ratio, faults = _ratio(name, reference, results), _faults(results[name])
    remarks = "; ".join(filter(None, (faults, result.note)))
    to_go = None if name == GO else _ratio(name, GO, results)
    met = _met(goal, result.figure, ratio, faults)
    return Row(scenario.name, name, result.figure, scenario.unit, ratio, reference, to_go, _wanted(goal), met, remarks)


def _ratio(name: str, reference: str, results: Mapping[str, Sequence[Result]]) -> float | None:
    if not results.get(reference):
        return None
    below = median(results[reference]).figure
    return median(results[name]).figure / below if below else None


def _faults(results: Sequence[Result]) -> str:
    return "; ".join(dict.fromkeys(result.faults for result in results if result.faults))


def _met(goal: Goal | None, figure: float, ratio: float | None, faults: str) -> bool | None:
    if goal is None:
        return None
    if faults:
        return False
    if goal.times is not None:
        return None if ratio is None else ratio >= goal.times
    return goal.limit is None or figure <= goal.limit


def _wanted(goal: Goal | None) -> str:
    if goal is None:
        return ""
    if goal.times is not None:
        return f"≥ {goal.times:g}×"
    return f"≤ {goal.limit:g}" if goal.limit is not None else "no fault"


def _times(ratio: float | None) -> str:
    return "" if ratio is None else f"{ratio:.2f}×" if ratio < 10 else f"{ratio:,.0f}×"
