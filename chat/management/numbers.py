"""Whole numbers on a command line."""

from __future__ import annotations

from argparse import ArgumentTypeError
from collections.abc import Callable


def whole(least: int, most: int) -> Callable[[str], int]:
    """Return a reader of a whole number in a range."""

    def read(text: str) -> int:
        if not text.isascii() or not text.isdigit() or not least <= int(text) <= most:
            raise ArgumentTypeError(f"expected a whole number from {least} to {most}, but {text!r} came")
        return int(text)

    return read
