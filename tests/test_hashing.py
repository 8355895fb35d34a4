"""Hashing: Django's own passwords, one at a time, by a helper process that may end at any time."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.contrib.auth import hashers

from chat import hashing
from chat.busy import Busy
from chat.hashing import Helper
from tests.live.waiting import until

FEW = 1000


@pytest.fixture
def helper(monkeypatch: pytest.MonkeyPatch) -> Iterator[Helper]:
    made = Helper()
    monkeypatch.setattr(hashing, "helper", made)
    yield made
    made.close()


def derived(helper: Helper, password: str = "ada", iterations: int = FEW) -> bytes:
    return helper.pbkdf2("sha256", password.encode(), b"salt", iterations)


@pytest.mark.parametrize("password", ["a long and good one", "пароль", "", "x" * 5000, "with\nlines", 'and "quotes"'])
@pytest.mark.parametrize("name", ["PBKDF2", "PBKDF2SHA1", "Scrypt"])
def test_a_password_is_encoded_as_django_does_it(helper: Helper, name: str, password: str) -> None:
    ours = getattr(hashing, name)()
    theirs = getattr(hashers, f"{name}PasswordHasher")()
    if hasattr(ours, "iterations"):
        ours.iterations = theirs.iterations = FEW
    encoded = ours.encode(password, "salt")
    assert encoded == theirs.encode(password, "salt")
    assert ours.verify(password, encoded) and not ours.verify(f"{password}!", encoded)


def test_hashes_of_every_kind_are_read_as_before() -> None:
    ours = [getattr(hashing, path.rpartition(".")[2])() for path in settings.PASSWORD_HASHERS]
    assert [one.algorithm for one in ours] == [
        "pbkdf2_sha256", "pbkdf2_sha1", "argon2", "bcrypt_sha256", "scrypt",
    ]  # fmt: skip
    assert all(path.startswith("chat.hashing.") for path in settings.PASSWORD_HASHERS)


def test_fewer_iterations_are_hardened_and_renewed_by_the_helper_too(
    helper: Helper, monkeypatch: pytest.MonkeyPatch, settings: Any
) -> None:
    settings.PASSWORD_HASHERS = ["chat.hashing.PBKDF2"]
    asked: list[int] = []
    compute = helper.pbkdf2

    def counted(digest: str, password: bytes, salt: bytes, iterations: int) -> bytes:
        asked.append(iterations)
        return compute(digest, password, salt, iterations)

    monkeypatch.setattr(helper, "pbkdf2", counted)
    monkeypatch.setattr(hashing.PBKDF2, "iterations", 3 * FEW)
    old = hashers.PBKDF2PasswordHasher().encode("ada", "salt", FEW)
    assert not hashers.check_password("wrong", old)
    assert asked == [FEW, 2 * FEW]
    renewed: list[str] = []
    assert hashers.check_password("ada", old, setter=renewed.append)
    assert asked[2:] == [FEW] and renewed == ["ada"]


def test_the_helper_gives_way_to_every_other_process(helper: Helper) -> None:
    derived(helper)
    assert helper.process is not None
    assert os.getpriority(os.PRIO_PROCESS, helper.process.pid) == os.getpriority(os.PRIO_PROCESS, 0) + 5


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_a_helper_that_has_ended_is_replaced(helper: Helper, number: int) -> None:
    first = derived(helper)
    assert helper.process is not None
    was = helper.process
    os.kill(was.pid, number)
    was.wait(10)
    assert derived(helper) == first
    assert helper.process is not None and helper.process.pid != was.pid


def test_the_helper_outlives_ctrl_c_and_ends_with_its_input(helper: Helper) -> None:
    first = derived(helper)
    assert helper.process is not None and helper.process.stdin is not None
    os.kill(helper.process.pid, signal.SIGINT)
    assert derived(helper) == first
    helper.process.stdin.close()
    assert helper.process.wait(10) == 0


def test_a_helper_that_does_not_answer_is_ended_and_the_request_told_that_there_is_too_much_to_do() -> None:
    helper = Helper((sys.executable, "-c", "import time; time.sleep(60)"), seconds=0.05)
    with pytest.raises(Busy):
        derived(helper)
    assert helper.process is None


def test_where_no_process_can_be_started_the_password_is_computed_here(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    monkeypatch.setattr(hashing, "helper", Helper((str(tmp_path / "is-not-there"),)))
    ours = hashing.PBKDF2()
    ours.iterations = FEW
    assert ours.encode("ada", "salt") == hashers.PBKDF2PasswordHasher().encode("ada", "salt", FEW)
    assert "passwords are computed in the server's own process" in caplog.text


def test_many_at_once_are_computed_one_at_a_time(helper: Helper, monkeypatch: pytest.MonkeyPatch) -> None:
    lock, counts = threading.Lock(), {"now": 0, "most": 0}
    compute = helper.pbkdf2

    def counted(*arguments: Any) -> bytes:
        with lock:
            counts["now"] += 1
            counts["most"] = max(counts["most"], counts["now"])
        try:
            return compute(*arguments)
        finally:
            with lock:
                counts["now"] -= 1

    monkeypatch.setattr(helper, "pbkdf2", counted)
    ours = hashing.PBKDF2()
    ours.iterations = FEW
    told: list[str] = []
    threads = [threading.Thread(target=lambda n=n: told.append(ours.encode(f"{n}", "salt"))) for n in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert counts["most"] == 1
    assert sorted(told) == sorted(hashers.PBKDF2PasswordHasher().encode(f"{n}", "salt", FEW) for n in range(12))


def test_a_password_that_waits_too_long_is_too_much_to_do(helper: Helper, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hashing, "WAIT_SECONDS", 0.01)
    told: list[str] = []

    def late() -> None:
        try:
            hashing.Scrypt().encode("ada", "salt")
        except Busy:
            told.append("busy")

    with hashing.one_at_a_time():
        thread = threading.Thread(target=late)
        thread.start()
        thread.join(20)
    assert told == ["busy"]
    until(lambda: hashing._lock.acquire(blocking=False), "the lock is free")
    hashing._lock.release()
