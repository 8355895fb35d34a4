"""A key that is made once, on file systems that lack hard links too."""

from __future__ import annotations

import errno
import os
import stat
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from chat import kept_key
from chat.conf import BadSetting, read

REFUSALS = [errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK, errno.EXDEV, errno.EACCES]


def refusing(number: int) -> Callable[..., None]:
    def link(source: Path, target: Path) -> None:
        raise OSError(number, os.strerror(number), source, None, target)

    return link


@pytest.mark.parametrize("number", REFUSALS)
def test_where_the_file_system_refuses_links_a_key_is_made_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    monkeypatch.setattr(kept_key.os, "link", refusing(number))
    key = read({"CHAT_VAR_DIR": str(tmp_path)}).secret_key
    assert len(key) >= 50
    assert read({"CHAT_VAR_DIR": str(tmp_path)}).secret_key == key
    assert os.listdir(tmp_path) == ["secret_key"]
    assert stat.S_IMODE((tmp_path / "secret_key").stat().st_mode) == 0o600


def test_without_links_too_processes_that_start_at_once_agree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kept_key.os, "link", refusing(errno.EPERM))
    numbers = iter(range(1000, 2000))
    monkeypatch.setattr(kept_key.os, "getpid", lambda: next(numbers))  # Threads play processes.
    keys: list[str] = []
    barrier = threading.Barrier(8)

    def start(number: int) -> None:
        barrier.wait(10)
        keys.append(kept_key.kept_key(tmp_path / "key", lambda: f"key {number}"))

    threads = [threading.Thread(target=start, args=[number]) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert len(keys) == 8 and len(set(keys)) == 1
    assert os.listdir(tmp_path) == ["key"]


def test_a_key_that_another_process_is_writing_is_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "key"
    path.touch()
    monkeypatch.setattr(kept_key.time, "sleep", lambda seconds: path.write_text("theirs") and None)
    assert kept_key.kept_key(path, lambda: "ours") == "theirs"


def test_a_file_that_stays_empty_or_a_folder_that_cannot_be_written_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kept_key, "WRITE_SECONDS", 0)
    (tmp_path / "secret_key").touch()
    (tmp_path / "file").touch()
    for place, why in ((tmp_path, "it is empty"), (tmp_path / "file" / "var", "Not a directory")):
        with pytest.raises(BadSetting, match="CHAT_VAR_DIR=.*expected a directory that can be written") as caught:
            read({"CHAT_VAR_DIR": str(place)})
        assert why in str(caught.value)
