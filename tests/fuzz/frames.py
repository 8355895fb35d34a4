"""Frames to fuzz with: those of the vectors, and damage done to them."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from random import Random

VECTORS = Path(__file__).resolve().parent.parent / "vectors" / "client.json"
LONGEST_SEED = 4000
# What decoders stumble over; each is put into the middle of a frame, as it is.
PIECES = (
    *("{", "}", "[", "]", '"', ":", ",", "\\", "\0", "\n", " ", "\ud800", "\ufffe", "\U0001f98a", "e\u0301"),
    *("\\u0000", "\\ud800", "\\udc00", "\\ud83d\\ude00", "\\x", '\\"'),
    *("NaN", "Infinity", "-Infinity", "1e999", "-0", "0x10", "01", "1.0", "9" * 5000, str(2**63), str(-(2**63) - 1)),
    *("null", "true", "[]", "{}", '""', "[" * 40, "]" * 40, '{"a":' * 40, '"' * 33, '\\"' * 500, "A" * 70000),
    *('"type"', '"id"', '"payload"', '"room"', '"rooms"', '"text"', '"data"', '"key"', '"since"', '"reply_to"'),
    *('"join"', '"leave"', '"send"', '"name"', '"ping"', '"pong"', '"lobby"', '"goframe"', '"auth"', '"Server"'),
    *('"edit"', '"delete"', '"react"', '"history"', '"message"', '"offset"', '"emoji"', '"on"', '"before"', '"limit"'),
)


@cache
def seeds() -> list[str]:
    """Return the vectors' frames, without those that are only long."""
    frames = [vector["frame"] for vector in json.loads(VECTORS.read_text("utf-8"))]
    return [frame for frame in frames if len(frame) <= LONGEST_SEED]


@cache
def good_seeds() -> list[str]:
    """Return those that are accepted."""
    vectors = json.loads(VECTORS.read_text("utf-8"))
    return [vector["frame"] for vector in vectors if "accepted" in vector and vector["frame"] in seeds()]


def mutated(frame: str, random: Random) -> str:
    """Return a frame with one to five random damages."""
    for _ in range(random.randint(1, 5)):
        start = random.randint(0, len(frame))
        end = min(len(frame), start + random.choice((0, 1, 1, 2, 5, 20)))
        frame = frame[:start] + replacement(frame, random) + frame[end:]
    return frame


def replacement(frame: str, random: Random) -> str:
    """Return what to put into a frame: nothing, a piece, a random character, or another part of a frame."""
    match random.randrange(5):
        case 0:
            return ""
        case 1 | 2:
            return random.choice(PIECES)
        case 3:
            return chr(random.choice((random.randrange(128), random.randrange(0x3000), random.randrange(0x110000))))
        case _:
            source = random.choice((frame, random.choice(seeds())))
            start = random.randint(0, len(source))
            return source[start : start + random.randint(0, 40)]
