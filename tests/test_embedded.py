"""The lock that makes an embedded server the only one."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from chatsite import embedded
from chatsite.embedded import WAIT_SECONDS, be_the_only_one

pytest.importorskip("fcntl")


class Clock:
    """Time that passes while one sleeps; `at` does something on the way."""

    def __init__(self) -> None:
        self.now = 100.0
        self.actions: list[tuple[float, Callable[[], None]]] = []

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds
        for action in [action for action in self.actions if action[0] <= self.now]:
            self.actions.remove(action)
            action[1]()


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(embedded, "time", made)
    return made


def test_the_first_one_gets_the_lock_at_once_and_keeps_it(clock: Clock, tmp_path: Path) -> None:
    descriptor = be_the_only_one(tmp_path / "var")
    assert clock.now == 100.0
    assert (tmp_path / "var" / "embedded.lock").exists()
    os.close(descriptor)


def test_a_second_one_gets_a_sentence_after_ten_seconds(clock: Clock, tmp_path: Path) -> None:
    descriptor = be_the_only_one(tmp_path)
    with pytest.raises(SystemExit, match=r"another server process holds .*embedded\.lock.* set REDIS_URL") as caught:
        be_the_only_one(tmp_path)
    assert "\n" not in str(caught.value)
    assert WAIT_SECONDS <= clock.now - 100.0 <= WAIT_SECONDS + 1
    os.close(descriptor)


@pytest.mark.parametrize("number", [errno.ENOLCK, errno.EOPNOTSUPP, errno.EIO])
def test_a_file_system_without_locks_is_one_line_at_once(
    clock: Clock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    def refuse(descriptor: int, operation: int) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr("fcntl.flock", refuse)
    with pytest.raises(SystemExit, match=r"embedded\.lock cannot be locked .*set CHAT_VAR_DIR"):
        be_the_only_one(tmp_path)
    assert clock.now == 100.0


def test_a_folder_that_cannot_be_written_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(SystemExit, match=r"cannot be opened \(.*\): set CHAT_VAR_DIR"):
        be_the_only_one(tmp_path / "file")


def test_a_server_that_is_replaced_has_time_to_end(clock: Clock, tmp_path: Path) -> None:
    descriptor = be_the_only_one(tmp_path)
    clock.actions.append((105.0, lambda: os.close(descriptor)))
    os.close(be_the_only_one(tmp_path))
    assert 105.0 <= clock.now < 106.0


def test_other_directories_are_other_servers(tmp_path: Path) -> None:
    for name in ("one", "other"):
        os.close(be_the_only_one(tmp_path / name))
