"""The fuzzer, for two seconds; `make fuzz` runs it for five minutes."""

from __future__ import annotations

import asyncio
import logging

import pytest

from chat.wire import json
from tests.fuzz.client import Fuzzer

SEED = 20261122


def test_two_seconds_of_damaged_frames_raise_nothing() -> None:
    fuzzer = Fuzzer(SEED)
    asyncio.run(fuzzer.run(2))
    assert fuzzer.failures.found == []
    assert fuzzer.runs > 500
    assert fuzzer.accepted > 50
    assert len(fuzzer.messages) > 20


def test_the_fuzzer_sees_a_decoder_that_raises(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(frame: str, most: int) -> None:
        raise RecursionError("too deep")

    monkeypatch.setattr(json, "decode", fail)
    fuzzer = Fuzzer(SEED)
    asyncio.run(fuzzer.run(2))
    assert "RecursionError: too deep" in fuzzer.failures.found[0]
    assert "uncaught" in str(fuzzer)


def test_the_fuzzer_sees_what_the_server_only_logs(monkeypatch: pytest.MonkeyPatch) -> None:
    async def fail(*arguments: object) -> None:
        raise RuntimeError("a bug in a job")

    monkeypatch.setattr("chat.reading.Reading.join", fail)
    logging.getLogger("chat").setLevel(logging.INFO)
    fuzzer = Fuzzer(SEED)
    asyncio.run(fuzzer.run(5))
    assert any("a bug in a job" in failure for failure in fuzzer.failures.found)
