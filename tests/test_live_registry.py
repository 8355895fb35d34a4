"""The registry."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from chat.live.identity import Identity
from chat.live.registry import Registry
from chat.wire.origins import Origin, parse
from tests.fakes import connect


def test_connections_may_leave_while_they_are_walked_over() -> None:
    registry = Registry()
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
    registry, inside = Registry(), []
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
    registry, inside = Registry(), []
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
