"""The registry."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chat.live.identity import Identity
from chat.live.registry import Admission, Registry
from chat.wire.origins import Origin, parse
from tests.fakes import connect


@pytest.mark.parametrize(
    ("limit", "welcome", "told"),
    [(1, 1, 0), (10, 10, 1), (100, 100, 10), (200, 200, 20)],
)
def test_up_to_a_tenth_over_a_limit_is_told_why_and_the_rest_is_refused(limit: int, welcome: int, told: int) -> None:
    for registry in (Registry(limit, 0), Registry(0, limit)):
        answers = [registry.admit("192.0.2.1") for _ in range(limit * 2)]
        expected = [Admission.WELCOME] * welcome + [Admission.TELL] * told
        assert answers == expected + [Admission.REFUSE] * (limit * 2 - len(expected))


def test_one_addresss_limit_is_not_anothers() -> None:
    registry = Registry(0, 1)
    assert registry.admit("192.0.2.1") is Admission.WELCOME
    assert registry.admit("192.0.2.1") is Admission.REFUSE
    assert registry.admit("192.0.2.2") is Admission.WELCOME


def test_no_limit_is_no_limit() -> None:
    registry = Registry(0, 0)
    assert {registry.admit("192.0.2.1") for _ in range(5000)} == {Admission.WELCOME}


def test_who_leaves_makes_room_and_an_address_that_is_gone_is_forgotten() -> None:
    registry = Registry(1, 1)
    for _ in range(3):
        assert registry.admit("192.0.2.1") is Admission.WELCOME
        registry.release("192.0.2.1")
    assert (registry.total, dict(registry.hosts)) == (0, {})


@given(st.lists(st.tuples(st.booleans(), st.sampled_from("abc")), max_size=60))
def test_counts_are_those_of_who_came_and_has_not_gone(script: list[tuple[bool, str]]) -> None:
    registry, inside = Registry(7, 3), []
    for comes, host in script:
        if comes:
            registry.admit(host)
            inside.append(host)
        elif host in inside:
            registry.release(host)
            inside.remove(host)
        assert registry.total == len(inside)
        assert registry.hosts == {name: inside.count(name) for name in set(inside)}


def test_connections_may_leave_while_they_are_walked_over() -> None:
    registry = Registry(0, 0)
    connections = [connect() for _ in range(3)]
    for connection in connections:
        registry.add(connection)
    for connection in registry:
        registry.remove(connection)
        registry.remove(connection)
    assert len(registry) == 0


A, B = parse("https://a.example"), parse("https://b.example")


@given(st.lists(st.tuples(st.sampled_from([None, A, B]), st.booleans()), max_size=30))
def test_connections_of_other_sites_are_found_by_their_origin_as_long_as_they_are_there(
    script: list[tuple[Origin | None, bool]],
) -> None:
    registry, inside = Registry(0, 0), []
    for origin, stays in script:
        connection = connect()
        connection.origin = origin
        registry.add(connection)
        if stays:
            inside.append(connection)
        else:
            registry.remove(connection)
            registry.remove(connection)
        for wanted in (A, B):
            assert registry.origins.get(wanted, set()) == {one for one in inside if one.origin == wanted}
        assert set(registry.origins) == {one.origin for one in inside} - {None}


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3), st.booleans()), max_size=30))
def test_connections_are_found_by_the_account_that_they_are_of_now(script: list[tuple[int, int, bool]]) -> None:
    registry, inside = Registry(0, 0), []
    for came_as, became, stays in script:
        connection = connect()
        connection.identity = Identity(connection.person, user=came_as)
        registry.add(connection)
        registry.identify(connection, Identity(connection.person, user=became))
        if stays:
            inside.append(connection)
        else:
            registry.remove(connection)
            registry.identify(connection, Identity(connection.person, user=came_as))
        for user in range(4):
            expected = {one for one in inside if user and one.identity.user == user}
            assert set(registry.of([user])) == expected
        assert set(registry.users) == {one.identity.user for one in inside} - {0}
