"""What every test shares."""

from __future__ import annotations

import asyncio
import atexit
import dataclasses
import json
import os
import shutil
import tempfile
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from django.apps import apps
from django.conf import settings

# Tests leave the checkout's own var/ alone. pytest-django has read the settings by now, from the environment as it was;
# what tests start reads it as it is from here on.
os.environ["CHAT_VAR_DIR"] = tempfile.mkdtemp(prefix="chatsite-tests-")
atexit.register(shutil.rmtree, os.environ["CHAT_VAR_DIR"], ignore_errors=True)
settings.CHAT = dataclasses.replace(settings.CHAT, var_dir=Path(os.environ["CHAT_VAR_DIR"]))
settings.STATIC_ROOT = settings.CHAT.var_dir / "static"

# Servers that are started for a test spend most of their start on compiling where the compiled modules may not be kept.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)

# In debug mode asyncio writes down where each handle was made. Its ten frames were most of the time of many tests.
asyncio.constants.DEBUG_STACK_DEPTH = 2  # type: ignore[attr-defined]

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def vectors() -> Callable[[str], list[dict[str, Any]]]:
    """Return a reader of tests/vectors/<name>.json, which the JavaScript tests read too."""

    def read(name: str) -> list[dict[str, Any]]:
        return json.loads((ROOT / "tests" / "vectors" / f"{name}.json").read_text("utf-8"))

    return read


@pytest.fixture(autouse=True)
def migrated_rows(request: pytest.FixtureRequest) -> None:
    """Give every test with a database the rows that the migrations make: a test with real transactions flushes them."""
    fixtures = {"db", "transactional_db"} & set(request.fixturenames)
    if not fixtures and request.node.get_closest_marker("django_db") is None:
        return
    request.getfixturevalue("transactional_db" if "transactional_db" in fixtures else "db")
    # A flush makes content types anew, with other numbers than those that are remembered.
    apps.get_model("contenttypes", "ContentType").objects.clear_cache()
    import_module("chat.migrations.0002_lobby").make_lobby(apps, None)


@pytest.fixture(autouse=True)
def nobody_has_asked_yet() -> None:
    """Forget how often other tests have asked."""
    from chat import throttle  # Django's settings are there by now.

    for one in vars(throttle).values():
        if isinstance(one, throttle.Throttle):
            one.buckets.clear()
