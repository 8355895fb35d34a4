"""What every test shares."""

from __future__ import annotations

import atexit
import json
import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

# Before the settings are read: tests leave the checkout's own var/ alone.
os.environ["CHAT_VAR_DIR"] = tempfile.mkdtemp(prefix="chatsite-tests-")
atexit.register(shutil.rmtree, os.environ["CHAT_VAR_DIR"], ignore_errors=True)

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def vectors() -> Callable[[str], list[dict[str, Any]]]:
    """Return a reader of tests/vectors/<name>.json, which the JavaScript tests read too."""

    def read(name: str) -> list[dict[str, Any]]:
        return json.loads((ROOT / "tests" / "vectors" / f"{name}.json").read_text("utf-8"))

    return read
