"""Requests that may change something."""

from __future__ import annotations

from typing import Any

import pytest

from chat.writes import Writes


@pytest.mark.parametrize(
    ("method", "tells"),
    [("GET", 0), ("HEAD", 0), ("OPTIONS", 0), ("TRACE", 0), ("POST", 1), ("PUT", 1), ("PATCH", 1), ("DELETE", 1), ("X", 1),
     ("get", 0), ("post", 1)],
)  # fmt: skip
@pytest.mark.parametrize("fails", [False, True])
async def test_every_request_that_is_not_safe_is_told_of_when_it_is_done(method: str, tells: int, fails: bool) -> None:
    done: list[str] = []

    async def application(scope: Any, receive: Any, send: Any) -> None:
        done.append("answered")
        if fails:
            raise ConnectionError

    writes = Writes(application, lambda: done.append("told"))
    if fails:
        with pytest.raises(ConnectionError):
            await writes({"type": "http", "method": method}, None, None)
    else:
        await writes({"type": "http", "method": method}, None, None)
    assert done == ["answered", *["told"] * tells]
