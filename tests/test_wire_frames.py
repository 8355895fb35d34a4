"""Frames of RFC 6455, held against the parser of another implementation."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from websockets.frames import Frame as TheirFrame
from websockets.streams import StreamReader

from chat.wire.frames import Batch, Frame, Opcode, serialize

EDGES = (0, 1, 125, 126, 127, 65535, 65536, 70000)


def parse(data: bytes) -> list[TheirFrame]:
    """Read frames as the websockets library's client does: it refuses masks and lengths that are too long."""
    reader = StreamReader()
    reader.feed_data(data)
    reader.feed_eof()
    found = []
    while not finished(reader):
        found.append(run(TheirFrame.parse(reader.read_exact, mask=False, max_size=None)))
    return found


def finished(reader: StreamReader) -> bool:
    return bool(run(reader.at_eof()))


def run(generator: Generator[None, None, Any]) -> Any:
    with pytest.raises(StopIteration) as stopped:
        next(generator)
    return stopped.value.value


@given(st.sampled_from(Opcode), st.binary(max_size=300))
def test_another_parser_reads_the_frames_that_we_write(opcode: Opcode, payload: bytes) -> None:
    if opcode in (Opcode.CLOSE, Opcode.PING, Opcode.PONG):
        payload = payload[:125]
    assert [(f.opcode, f.data, f.fin) for f in parse(serialize(opcode, payload))] == [(opcode, payload, True)]


@pytest.mark.parametrize("length", EDGES)
def test_a_length_takes_as_few_bytes_as_it_may(length: int) -> None:
    frame = serialize(Opcode.BINARY, bytes(length))
    assert len(frame) - length == (2 if length < 126 else 4 if length < 65536 else 10)
    assert parse(frame)[0].data == bytes(length)


@given(st.lists(st.tuples(st.sampled_from([Opcode.TEXT, Opcode.BINARY]), st.binary(max_size=200)), max_size=8))
@example([])
def test_a_batch_is_its_frames_one_after_another(pairs: list[tuple[Opcode, bytes]]) -> None:
    batch = Batch(Frame(opcode, payload) for opcode, payload in pairs)
    assert [(frame.opcode, frame.data) for frame in parse(batch.wire)] == pairs
    assert len(batch) == len(batch.wire)
    assert len(batch.frames) == len(pairs)


def test_a_frame_in_a_log_tells_its_size_and_not_its_text() -> None:
    assert str(Frame(Opcode.TEXT, b"a secret")) == "text frame of 8 bytes"
