"""The limit of open files."""

from __future__ import annotations

import resource
from typing import Any

import pytest

from chatsite.files import OTHER_FILES, raise_open_files_limit


@pytest.mark.parametrize(
    ("hard", "wanted", "expected"),
    [
        (1_000_000, 20_000, 20_000),
        (4096, 20_000, 4096 - OTHER_FILES),
        (4096, 100, 100),
        (4096, 0, 4096 - OTHER_FILES),
        (50, 20_000, 1),
        (resource.RLIM_INFINITY, 20_000, 20_000),
        (resource.RLIM_INFINITY, 0, 0),
    ],
)
def test_the_soft_limit_is_raised_to_the_hard_one_and_what_fits_is_told(
    monkeypatch: pytest.MonkeyPatch, hard: int, wanted: int, expected: int
) -> None:
    limits: list[Any] = []
    monkeypatch.setattr(resource, "getrlimit", lambda kind: (1024, hard))
    monkeypatch.setattr(resource, "setrlimit", lambda kind, limit: limits.append(limit))
    assert raise_open_files_limit(wanted) == expected
    assert limits == [(hard, hard)]


def test_a_system_that_refuses_its_own_hard_limit_keeps_the_soft_one(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(kind: int, limit: Any) -> None:
        raise ValueError("current limit exceeds maximum limit")

    monkeypatch.setattr(resource, "getrlimit", lambda kind: (256, resource.RLIM_INFINITY))
    monkeypatch.setattr(resource, "setrlimit", refuse)
    assert raise_open_files_limit(20_000) == 256 - OTHER_FILES
