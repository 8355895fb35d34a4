"""The load generator counts what a faulty relay does wrong: `pytest bench/test_load.py`."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.server import ServerConnection, serve

from bench.generator import Generator, Load, NoGenerator

Fault = Callable[[int, str], list[str]]  # the how-manieth message and its text -> what the first member gets for it
LOAD = Load(clients=3, senders=1, rate=40, seconds=1, warm=0, dial=5)


@pytest.fixture(scope="module")
def generator(tmp_path_factory: pytest.TempPathFactory) -> Generator:
    try:
        return Generator.build(tmp_path_factory.mktemp("load"), core=None)
    except NoGenerator as why:
        pytest.skip(str(why))


@contextmanager
def relay(fault: Fault) -> Iterator[int]:
    """Serve a room whose first member hears what `fault` makes of each message, and the others all; yields the port."""
    members: list[ServerConnection] = []
    seen = iter(range(10_000))

    def handler(connection: ServerConnection) -> None:
        members.append(connection)
        try:
            for text in connection:
                victim, *others = members
                for copy in fault(next(seen), str(text)):
                    victim.send(copy)
                for member in others:
                    member.send(text)
        except ConnectionClosed:
            members.clear()

    with serve(handler, "127.0.0.1", 0) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield server.socket.getsockname()[1]
        finally:
            server.shutdown()
            thread.join()


def swapped(at: int) -> Fault:
    """Hold message `at` back until the next one has passed it."""
    held: list[str] = []

    def fault(n: int, text: str) -> list[str]:
        if n == at:
            held.append(text)
            return []
        return [text, held.pop()] if held else [text]

    return fault


@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        (lambda n, text: [text], {}),
        (lambda n, text: [] if n == 5 else [text], {"lost": 1}),
        (lambda n, text: [] if n >= 35 else [text], {"lost": "the tail"}),
        (lambda n, text: [text, text] if n == 7 else [text], {"duplicated": 1}),
        (swapped(9), {"reordered": 1}),
        (lambda n, text: [f"1.2.3.4:5 echo: {text}\nand more"], {}),
        (lambda n, text: [text, "#deadbeef but no mark #"], {}),
    ],
    ids=["faultless", "one lost", "tail lost", "one doubled", "two swapped", "prefix and batch", "hashes, no marks"],
)  # fmt: skip
def test_the_generator_counts_what_the_relay_did(
    generator: Generator, fault: Fault, expected: dict[str, int | str]
) -> None:
    with relay(fault) as port:
        report = generator.run(LOAD, port)
    expected = {k: report["sent"] - 35 if v == "the tail" else v for k, v in expected.items()}
    counted = {k: report[k] for k in ("failed", "lost", "duplicated", "reordered", "closed", "errors") if report[k]}
    assert counted == expected
    assert report["sent"] >= 36
