"""Texts: a table of what shows something and what does not."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest

from chat.wire.codes import Error, WireError
from chat.wire.texts import check_shown
from tests.conftest import ROOT

VECTORS = json.loads((ROOT / "tests" / "vectors" / "texts.json").read_text("utf-8"))


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector["name"])
def test_a_text_shows_something_or_is_refused_by_key(vector: dict[str, Any]) -> None:
    text = vector["text"] * vector.get("times", 1)
    if vector["shows"]:
        check_shown(text)
        return
    with pytest.raises(WireError) as caught:
        check_shown(text)
    assert (caught.value.code, caught.value.key, caught.value.field) == (Error.UNSUPPORTED, "text.empty", "text")


def test_the_longest_text_of_nothing_is_looked_at_once_for_each_character_that_it_has() -> None:
    text = "\u0301\u200b\u3164" * 21_000
    begun = time.process_time()
    with pytest.raises(WireError):
        check_shown(text)
    assert time.process_time() - begun < 0.25
