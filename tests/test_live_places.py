"""Places: what connections count for, and when there is none."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chat.live.identity import Identity
from chat.live.places import Admission, Limits, Place, Places
from chat.wire.events import Person

HERE, THERE = "192.0.2.1", "192.0.2.2"
ADA = Identity(Person("user:1", "ada", "user"), "session", 1)
EXT = Identity(Person("ext:1", "ext", "user"))
GUEST = Identity(Person("guest:1", "Guest", "guest"))


@pytest.mark.parametrize(
    ("limit", "welcome", "told"),
    [(1, 1, 0), (10, 10, 1), (100, 100, 10), (200, 200, 20), (1000, 1000, 100)],
)
def test_up_to_a_tenth_over_a_limit_is_told_why_and_the_rest_is_refused(limit: int, welcome: int, told: int) -> None:
    for limits in (Limits(total=limit), Limits(address=limit)):
        places = Places(limits)
        answers = [places.enter(HERE).admission for _ in range(limit * 2)]
        expected = [Admission.WELCOME] * welcome + [Admission.TELL] * told
        assert answers == expected + [Admission.REFUSE] * (limit * 2 - len(expected))


def test_one_addresss_limit_is_not_anothers() -> None:
    places = Places(Limits(address=1))
    assert places.enter(HERE).admission is Admission.WELCOME
    assert places.enter(HERE).admission is Admission.REFUSE
    assert places.enter(THERE).admission is Admission.WELCOME


def test_no_limit_is_no_limit() -> None:
    places = Places(Limits())
    assert {places.enter(HERE, shows=bool(number % 2)).admission for number in range(5000)} == {Admission.WELCOME}


def test_a_client_with_many_ipv6_addresses_gets_no_more_connections_than_with_one() -> None:
    places = Places(Limits(address=2))
    hosts = [f"2001:db8::{number:x}" for number in range(1, 5)]
    entered = [places.enter(host) for host in hosts]
    assert [it.admission for it in entered] == [Admission.WELCOME] * 2 + [Admission.REFUSE] * 2
    other = places.enter("2001:db8:0:1::1")
    assert other.admission is Admission.WELCOME
    for place in [*entered, other]:
        place.leave()
    assert (places.total, dict(places.counts)) == (0, {})


def test_who_leaves_makes_room_once() -> None:
    places = Places(Limits(total=1, address=1))
    for _ in range(3):
        place = places.enter(HERE)
        assert place.admission is Admission.WELCOME
        place.leave()
        place.leave()
    assert (places.total, dict(places.counts)) == (0, {})


def test_who_found_a_place_keeps_it_however_many_come_while_it_is_looked_up() -> None:
    places = Places(Limits(address=2))
    first, second, *late = [places.enter(HERE) for _ in range(5)]
    assert [it.settle(None) for it in (first, second)] == [Admission.WELCOME] * 2
    assert [it.settle(None) for it in late] == [Admission.REFUSE] * 3


# Who counts for whom


def full(**limits: int) -> Places:
    """Return places whose guests have taken what one address may have."""
    places = Places(Limits(**{"address": 10, "unknown": 5, "account": 3, **limits}))
    for _ in range(10):
        assert places.enter(HERE).settle(None) is Admission.WELCOME
    return places


# Whether they show something, and who they turn out to be: what becomes of them where guests have taken every place.
BEYOND_THE_ADDRESS = {
    "a guest": (False, None, Admission.TELL),
    "a forged cookie": (True, None, Admission.TELL),
    "a guest's token": (True, GUEST, Admission.TELL),
    "an account": (True, ADA, Admission.WELCOME),
    "somebody of another backend": (True, EXT, Admission.WELCOME),
}


@pytest.mark.parametrize("case", BEYOND_THE_ADDRESS)
def test_beyond_an_addresss_limit_only_accounts_are_let_in_whatever_is_shown(case: str) -> None:
    shows, identity, expected = BEYOND_THE_ADDRESS[case]
    place = full().enter(HERE, shows=shows)
    assert place.admission is (Admission.WELCOME if shows else Admission.TELL)
    assert place.settle(identity) is expected
    assert place.settle(identity) is expected, "it is counted once"


def test_what_is_shown_is_worth_no_place_while_nobody_knows_whose_it_is() -> None:
    places = full()
    looked_up = [places.enter(HERE, shows=True) for _ in range(5)]
    assert {place.admission for place in looked_up} == {Admission.WELCOME}
    assert places.enter(HERE, shows=True).admission is Admission.TELL, "so many at once"
    assert places.enter(HERE, shows=True).admission is Admission.REFUSE
    assert places.enter(THERE, shows=True).admission is Admission.WELCOME
    looked_up[0].settle(ADA)
    assert places.enter(HERE, shows=True).admission is Admission.WELCOME


def test_while_too_many_are_looked_up_one_more_takes_a_guests_place() -> None:
    places = Places(Limits(address=10, unknown=1))
    first, second = places.enter(HERE, shows=True), places.enter(HERE, shows=True)
    assert first.admission is second.admission is Admission.WELCOME
    assert places.counts[second.key or first.key] == 1 and first.key != second.key  # type: ignore[index]
    second.settle(ADA)
    for _ in range(10):
        assert places.enter(HERE).admission is Admission.WELCOME


def test_an_account_has_its_own_limit_from_all_addresses_together() -> None:
    places = Places(Limits(address=1, account=20))
    for number in range(20):
        assert places.enter(f"192.0.2.{number}", shows=True).settle(ADA) is Admission.WELCOME
    assert [places.enter(HERE, shows=True).settle(ADA) for _ in range(3)] == [
        Admission.TELL,
        Admission.TELL,
        Admission.REFUSE,
    ]
    assert places.enter(HERE, shows=True).settle(EXT) is Admission.WELCOME


def test_the_reason_names_the_limit_that_is_reached() -> None:
    places = Places(Limits(total=3, address=1, account=1))
    places.enter(HERE)
    assert places.enter(HERE).reason == "Too many connections from one address: 1 are allowed."
    places.enter(THERE).settle(ADA)
    fourth = places.enter(THERE)
    assert fourth.reason == "Too many connections: 3 in all are allowed."
    fourth.settle(ADA)
    assert fourth.reason == "Too many connections of one account: 1 are allowed."


@given(
    st.lists(st.tuples(st.booleans(), st.sampled_from([HERE, THERE]), st.sampled_from([None, ADA, EXT])), max_size=60)
)
def test_counts_are_those_of_who_came_and_has_not_gone(script: list[tuple[bool, str, Identity | None]]) -> None:
    places, inside = Places(Limits(total=7, address=3, unknown=2, account=2)), []
    for comes, host, identity in script:
        if comes:
            inside.append(places.enter(host, shows=identity is not None))
            inside[-1].settle(identity)
        elif inside:
            inside.pop().leave()
        assert places.total == len(inside) == sum(places.counts.values())
        assert all(places.counts[key] == sum(one.key == key for one in inside) for key in places.counts)


def moved(place: Place, *identities: Identity | None) -> None:
    for identity in identities:
        place.settle(identity)


def test_who_becomes_somebody_else_counts_for_that_one() -> None:
    places = Places(Limits(address=1, account=1))
    place = places.enter(HERE)
    moved(place, ADA, EXT, ADA)
    assert places.enter(HERE).admission is Admission.WELCOME
    place.leave()
    moved(place, ADA)
    assert places.total == 1 and len(places.counts) == 1
