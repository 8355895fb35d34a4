"""What runs the JavaScript tests; the tests themselves are run by `make js`."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from tests.js.__main__ import HERE, main


class Runs:
    """Notes the command in place of running it."""

    def __init__(self, status: int = 0) -> None:
        self.commands: list[Sequence[str]] = []
        self.status = status

    def __call__(self, command: Sequence[str]) -> subprocess.CompletedProcess[str]:
        self.commands.append(command)
        return subprocess.CompletedProcess(command, self.status)


@pytest.fixture
def node(tmp_path: Path) -> Callable[[str], str]:
    """Return what makes a directory for PATH with a `node` that tells a version."""

    def make(version: str) -> str:
        path = tmp_path / "node"
        path.write_text(f"#!/bin/sh\necho {version}\n")
        path.chmod(0o755)
        return str(tmp_path)

    return make


def test_every_test_file_is_run_and_nodes_status_is_ours(node: Callable[[str], str]) -> None:
    for status in (0, 1, 7):
        runs = Runs(status)
        assert main({"PATH": node("v20.1.0")}, runs) == status
        (command,) = runs.commands
        assert command[1] == "--test"
        assert {Path(name).name for name in command[2:]} == {path.name for path in HERE.glob("*.test.js")}
        assert len(command) > 5


@pytest.mark.parametrize("version", ["v18.19.0", "nonsense"])
def test_a_node_that_is_too_old_is_a_skip_with_its_reason_and_a_failure_in_ci(
    node: Callable[[str], str], version: str, capsys: pytest.CaptureFixture[str]
) -> None:
    path = node(version)
    assert main({"PATH": path}, Runs()) == 0
    assert main({"PATH": path, "CI": "true"}, Runs()) == 1
    skipped, failed = capsys.readouterr().err.splitlines()
    assert skipped.startswith("tests.js: skipped: node is version ")
    assert failed.startswith("tests.js: failed: node is version ")


def test_no_node_is_a_skip_with_its_reason_and_a_failure_in_ci(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main({"PATH": str(tmp_path)}, Runs()) == 0
    assert main({"PATH": str(tmp_path), "CI": "true"}, Runs()) == 1
    assert capsys.readouterr().err.splitlines() == [
        "tests.js: skipped: node is not installed",
        "tests.js: failed: node is not installed",
    ]
