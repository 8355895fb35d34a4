"""The decoder under atheris, which looks for inputs that reach new code; runs where atheris is installed.

`python -m tests.fuzz.coverage --seconds 60` ends with libFuzzer's own report and its exit status.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["chat.wire", "msgspec"]):
    from chat.wire import json, names
    from chat.wire.codes import WireError
    from chat.wire.commands import Name

from tests.fuzz.frames import PIECES, seeds

MESSAGE_BYTES = 65536


def hear(data: bytes) -> None:
    """Decode one input; anything but a WireError ends the run."""
    try:
        _, command = json.decode(data.decode("utf-8", "replace"), MESSAGE_BYTES)
        if isinstance(command, Name):
            names.clean(command.name)
    except WireError:
        return


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=int, default=60)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as directory:
        corpus, words = Path(directory, "corpus"), Path(directory, "words")
        corpus.mkdir()
        for number, frame in enumerate(seeds()):
            (corpus / str(number)).write_bytes(frame.encode())
        words.write_text("".join(f"{quoted(piece)}\n" for piece in PIECES if len(piece) < 60))
        atheris.Setup(
            [sys.argv[0], f"-max_total_time={options.seconds}", "-max_len=8192", f"-dict={words}", str(corpus)], hear
        )
        atheris.Fuzz()


def quoted(piece: str) -> str:
    """Return a word as libFuzzer's dictionaries hold it."""
    return '"' + "".join(f"\\x{byte:02x}" for byte in piece.encode("utf-8", "surrogatepass")) + '"'


if __name__ == "__main__":
    main()
