"""What every test shares: where the wire's vectors lie, and a limit that keeps a hanging test from hanging the run."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parent.parent
TEST_SECONDS = 120  # the slowest test needs a quarter of it on two busy cores


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Give a time limit to every test that has none of its own."""
    for item in items:
        if item.get_closest_marker("timeout") is None:
            item.add_marker(pytest.mark.timeout(TEST_SECONDS))


@pytest.fixture(scope="session")
def vectors() -> Callable[[str], list[dict[str, Any]]]:
    """Return a reader of tests/vectors/<name>.json, which the JavaScript tests read too."""

    def read(name: str) -> list[dict[str, Any]]:
        return json.loads((ROOT / "tests" / "vectors" / f"{name}.json").read_text("utf-8"))

    return read
