"""Passwords that come together: how many are checked, and what is counted afterwards; on both databases."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from axes.models import AccessAttempt
from django.contrib.auth import authenticate, hashers
from django.contrib.auth.models import User
from django.db import connections
from django.test import Client

from chat import people, throttle
from chat.accounts import locked
from chat.busy import Busy
from tests import gone
from tests.stores import Store, store

__all__ = ["store"]

PASSWORD = "a long and good one"
GUESSES = 24
SECONDS = 60.0


class Hasher(hashers.MD5PasswordHasher):
    """Checks passwords once as many have come as are waited for, and counts them."""

    checked = 0
    most = 0
    lock = threading.Lock()
    go_on = threading.Event()
    busy = False

    def verify(self, password: str, encoded: str) -> bool:
        with self.lock:
            Hasher.checked += 1
        assert self.go_on.wait(SECONDS)
        if self.busy:
            raise Busy
        return bool(super().verify(password, encoded))


@pytest.fixture
def ada(store: Store, settings: Any) -> Iterator[User]:
    """Somebody with an account, on an empty table of attempts."""
    settings.PASSWORD_HASHERS = [f"{__name__}.Hasher"]
    Hasher.checked, Hasher.busy = 0, False
    Hasher.go_on.clear()
    AccessAttempt.objects.all().delete()
    user = User.objects.create_user("ada", "ada@example.com", PASSWORD)
    people.begin(user, "Ada")
    yield user
    Hasher.go_on.set()
    gone.delete(pk=user.pk)
    AccessAttempt.objects.all().delete()


def sign_in(name: str = "ada", password: str = "wrong", path: str = "/accounts/sign-in/", **meta: Any) -> int:
    data = {"username": name, "password": password}
    return int(Client(raise_request_exception=False).post(path, data, **meta).status_code)


def together(*jobs: Callable[[], int]) -> list[int]:
    """Run jobs, each in a thread with its own connection; let the passwords be checked once all others are answered."""
    told: list[int] = []

    def run(job: Callable[[], int]) -> None:
        try:
            told.append(job())
        finally:
            connections.close_all()

    threads = [threading.Thread(target=run, args=(job,), daemon=True) for job in jobs]
    for thread in threads:
        thread.start()
    waited = threading.Event()
    for _ in range(int(SECONDS * 100)):
        if len(told) + Hasher.checked >= len(jobs):
            break
        waited.wait(0.01)
    Hasher.go_on.set()
    for thread in threads:
        thread.join(SECONDS)
    return told


@pytest.mark.parametrize(
    ("path", "names", "allowed"),
    [
        ("/accounts/sign-in/", ["ada"], 10),
        ("/admin/login/", ["ada"], 10),
        ("/accounts/sign-in/", ["ada", "ada1", "ada2"], 12),
    ],
    ids=["one account", "the admin's page", "many accounts"],
)
def test_of_many_guesses_at_once_no_more_are_checked_than_one_after_the_other(
    ada: User, path: str, names: list[str], allowed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(locked, "ADDRESS_FAILURE_LIMIT", 12)
    for name in names[1:]:
        User.objects.create_user(name, password=PASSWORD)
    told = together(*(lambda n=n: sign_in(names[n % len(names)], path=path) for n in range(GUESSES)))
    gone.delete(username__in=names[1:])
    assert Hasher.checked == allowed
    assert Counter(told)[429] >= GUESSES - allowed
    assert sum(AccessAttempt.objects.values_list("failures_since_start", flat=True)) == allowed
    assert not AccessAttempt.objects.filter(user_agent__startswith="checking").exists()
    assert sign_in(password=PASSWORD, path=path) == 429, "the right one does not help"
    assert sign_in(password=PASSWORD, path=path, REMOTE_ADDR="192.0.2.9") in (200, 302), "elsewhere it does"


@pytest.mark.parametrize("page", ["/accounts/password/", "/accounts/export/", "/accounts/erase/"])
def test_pages_that_ask_for_the_password_again_count_alike(ada: User, page: str) -> None:
    form = {"old_password": "wrong", "password": "wrong"}

    def ask() -> int:
        browser = Client(raise_request_exception=False)
        browser.force_login(ada, "django.contrib.auth.backends.ModelBackend")
        return int(browser.post(page, form).status_code)

    together(*[ask] * 14)
    assert Hasher.checked == 10


def test_a_right_password_among_them_is_taken_back_whatever_it_was_for(ada: User) -> None:
    Hasher.go_on.set()
    for _ in range(9):
        assert sign_in() == 200
    browser = Client()
    browser.force_login(ada, "django.contrib.auth.backends.ModelBackend")
    wrong_form = {"password": PASSWORD, "confirmation": "no", "messages": "keep"}
    for _ in range(3):
        assert browser.post("/accounts/erase/", wrong_form).status_code == 200
        assert AccessAttempt.objects.get().failures_since_start == 9, "neither forgotten nor one more"
    # Right, but not for somebody who is no staff.
    assert sign_in(password=PASSWORD, path="/admin/login/") == 200
    assert AccessAttempt.objects.get().failures_since_start == 9
    assert sign_in(password=PASSWORD) == 302
    assert not AccessAttempt.objects.exists()


def test_an_attempt_that_could_not_be_checked_does_not_count(ada: User) -> None:
    Hasher.go_on.set()
    Hasher.busy = True
    assert [sign_in() for _ in range(12)] == [503] * 12
    assert not AccessAttempt.objects.exists()
    Hasher.busy = False
    assert sign_in(password=PASSWORD) == 302


LONG = 150


@pytest.mark.parametrize("path", ["/accounts/sign-in/", "/admin/login/"])
@pytest.mark.parametrize(
    ("name", "kept"),
    [("x" * LONG, True), ("x" * (LONG + 1), False), ("x" * 2000, False), ("\U0001f600" * 151, False),
     ("\ufdfa" * 20, False), ("x" * 2_000_000, False)],
    ids=["as long as may be", "one more", "2,000", "emoji", "longer by NFKC", "2 MB"],
)  # fmt: skip
def test_a_username_that_is_too_long_is_neither_counted_nor_kept(
    ada: User, monkeypatch: pytest.MonkeyPatch, path: str, name: str, kept: bool
) -> None:
    Hasher.go_on.set()
    for rate in ("passwords", "passwords_of_address"):
        monkeypatch.setattr(throttle, rate, throttle.Throttle(100))
    answer = Client().post(path, {"username": name, "password": "wrong"})
    assert answer.status_code == 200
    assert ("at most 150 characters" in answer.content.decode()) is not kept
    assert len(throttle.passwords.buckets) == len(throttle.passwords_of_address.buckets) == int(kept)
    assert all(len(key) < 400 for key in throttle.passwords.buckets)
    assert list(AccessAttempt.objects.values_list("failures_since_start", flat=True)) == [1] * kept
    assert all(len(it.username) <= LONG for it in AccessAttempt.objects.all())


def test_no_more_of_a_username_is_kept_whoever_asks(ada: User, monkeypatch: pytest.MonkeyPatch, rf: Any) -> None:
    monkeypatch.setattr(throttle, "passwords", throttle.Throttle(100))
    request = rf.post("/")
    request.session = {}
    assert authenticate(request, username="x" * 2000, password="wrong") is None
    assert [it.username for it in AccessAttempt.objects.all()] == ["x" * LONG]
    assert [key.split()[-1] for key in throttle.passwords.buckets] == ["x" * LONG]


def test_an_address_that_has_had_enough_fills_the_table_of_accounts_no_further(monkeypatch: pytest.MonkeyPatch) -> None:
    for rate, an_hour in (("passwords", 60), ("passwords_of_address", 3)):
        monkeypatch.setattr(throttle, rate, throttle.Throttle(an_hour, lambda: 0.0))
    assert [locked.too_soon("192.0.2.1", str(number)) > 0 for number in range(5)] == [False] * 3 + [True] * 2
    assert len(throttle.passwords.buckets) == 3


@pytest.mark.parametrize("rate", ["passwords", "passwords_of_address"])
def test_right_passwords_have_a_rate_and_the_page_says_when_to_come_back(
    ada: User, monkeypatch: pytest.MonkeyPatch, rate: str
) -> None:
    Hasher.go_on.set()
    assert (throttle.passwords.an_hour, throttle.passwords_of_address.an_hour) == (60, 600)
    monkeypatch.setattr(throttle, rate, throttle.Throttle(3, lambda: 0.0))
    User.objects.create_user("ada1", password=PASSWORD)
    assert [sign_in(password=PASSWORD) for _ in range(5)] == [302] * 3 + [429] * 2
    assert Hasher.checked == 3, "refused before it is checked"
    answer = Client().post("/accounts/sign-in/", {"username": "ada", "password": PASSWORD})
    assert "Too many sign-ins" in answer.content.decode() and int(answer["Retry-After"]) == 1200
    assert sign_in(password=PASSWORD, path="/admin/login/") == 429
    other = sign_in("ada1", PASSWORD)
    gone.delete(username="ada1")
    assert other == (302 if rate == "passwords" else 429)
    assert sign_in(password=PASSWORD, REMOTE_ADDR="192.0.2.9") == 302
    assert not AccessAttempt.objects.exists()
