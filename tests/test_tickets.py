"""Tickets."""

from __future__ import annotations

import threading
from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.utils import timezone

from chat import tickets
from chat.models import Ticket
from chat.tickets import FORM, MAX_WAITING, SECONDS, Redeemed, TooMany, issue, redeem
from tests import gone

ORIGIN = "http://chat.example:80"


@pytest.fixture
def ada(db: None) -> User:
    return User.objects.create_user("ada")


def late(seconds: float) -> None:
    """Let time pass for the tickets."""
    for row in Ticket.objects.all():
        row.expires_at -= timedelta(seconds=seconds)
        row.save()


def test_a_ticket_is_good_once_for_half_a_minute_from_where_it_was_asked_for(ada: User) -> None:
    ticket, expires_at = issue(ada.pk, "asession", ORIGIN)
    assert FORM.fullmatch(ticket)
    assert 0 < (expires_at - timezone.now()).total_seconds() <= SECONDS
    assert redeem(ticket, ORIGIN) == Redeemed(ada.pk, "asession")
    assert redeem(ticket, ORIGIN) is None


def test_what_is_kept_of_a_ticket_does_not_open_anything(ada: User) -> None:
    ticket, _ = issue(ada.pk, "asession", ORIGIN)
    (row,) = Ticket.objects.all()
    assert ticket not in (row.digest, row.session)
    assert redeem(row.digest[:32], ORIGIN) is None


@pytest.mark.parametrize("origin", ["", "https://chat.example:443", "http://chat.example", "http://evil.example:80"])
def test_a_ticket_from_elsewhere_is_refused_and_gone(ada: User, origin: str) -> None:
    ticket, _ = issue(ada.pk, "asession", ORIGIN)
    assert redeem(ticket, origin) is None
    assert redeem(ticket, ORIGIN) is None, "whoever brought it has seen it"


def test_a_ticket_that_has_ended_is_refused_and_swept_with_the_next(ada: User) -> None:
    first, _ = issue(ada.pk, "asession", ORIGIN)
    second, _ = issue(ada.pk, "asession", ORIGIN)
    late(SECONDS)
    assert redeem(first, ORIGIN) is None
    issue(ada.pk, "asession", ORIGIN)
    assert Ticket.objects.count() == 1


def test_an_account_has_only_so_many_waiting(ada: User) -> None:
    grace = User.objects.create_user("grace")
    for _ in range(MAX_WAITING):
        issue(ada.pk, "asession", ORIGIN)
    with pytest.raises(TooMany):
        issue(ada.pk, "asession", ORIGIN)
    issue(grace.pk, "asession", ORIGIN)
    late(SECONDS)
    issue(ada.pk, "asession", ORIGIN)


def test_of_many_who_come_with_one_ticket_at_once_one_gets_in(
    transactional_db: None, ada: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    ticket, _ = issue(ada.pk, "asession", ORIGIN)
    got: list[Redeemed | None] = []
    together = threading.Barrier(4)
    turn = tickets.turn

    def all_have_read() -> object:
        together.wait(10)
        return turn()

    monkeypatch.setattr(tickets, "turn", all_have_read)

    def come() -> None:
        got.append(redeem(ticket, ORIGIN))
        connection.close()

    threads = [threading.Thread(target=come) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert sorted(got, key=str) == [None] * 3 + [Redeemed(ada.pk, "asession")]


def test_who_is_deleted_takes_their_tickets_along(ada: User) -> None:
    ticket, _ = issue(ada.pk, "asession", ORIGIN)
    gone.delete(pk=ada.pk)
    assert redeem(ticket, ORIGIN) is None
