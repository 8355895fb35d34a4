"""Connections: how they end."""

from __future__ import annotations

from chat.live.connection import Connection
from chat.wire.codes import NORMAL, SERVER_RESTART, SLOW_CONSUMER, Error, WireError
from chat.wire.events import START
from tests.fakes import FakeLane, FakeLoop, connect, json_codec, message, raw_codec


def batch(text: str = "hello") -> object:
    return json_codec().encode("lobby", [message(text=text)], START)


def stalled(**options: object) -> tuple[Connection, FakeLane, FakeLoop]:
    """Return a connection with one batch that waits, its lane and its clock."""
    loop = FakeLoop()
    lane = FakeLane(loop)
    connection = connect(lane=lane, **options)
    lane.pause()
    connection.put(batch())
    return connection, lane, loop


def test_a_guest_has_an_id_that_no_other_has_and_a_name_of_its_first_letters() -> None:
    one, other = connect(), connect()
    assert one.id != other.id
    assert one.person.id == f"guest:{one.id}"
    assert one.person.name == f"guest-{one.id[:4]}"
    assert one.person.kind == "guest"


def test_the_lane_learns_its_codecs_limit() -> None:
    assert connect(raw_codec()).lane.limits == [raw_codec().max_frame_bytes]
    assert connect(json_codec()).lane.limits == [json_codec().max_frame_bytes]


def test_a_json_client_hears_why_before_the_close_frame() -> None:
    connection = connect()
    connection.close(SERVER_RESTART, 1.5)
    assert connection.lane.envelopes[-1]["payload"]["retry_after_s"] == 1.5
    assert connection.lane.closed == (4001, SERVER_RESTART.reason.encode())


def test_a_raw_client_has_the_reason_in_its_close_frame_only() -> None:
    connection = connect(raw_codec())
    connection.close(SERVER_RESTART)
    assert connection.lane.frames == []
    assert connection.lane.closed == (4001, SERVER_RESTART.reason.encode())


def test_a_long_reason_is_cut_to_what_a_close_frame_holds() -> None:
    connection = connect(raw_codec())
    connection.close(SERVER_RESTART.because("é" * 100))
    assert connection.lane.closed == (4001, ("é" * 61).encode())


def test_the_first_close_is_the_one_that_counts_and_its_owner_hears_of_it_once() -> None:
    connection, told = connect(), []
    connection.on_closing = told.append
    connection.close(SERVER_RESTART)
    connection.close(NORMAL)
    assert (connection.closing, told) == (SERVER_RESTART, [connection])
    assert connection.lane.closed[0] == 4001


def test_what_waits_goes_before_the_close_frame_where_the_client_still_reads() -> None:
    connection, lane, _ = stalled()
    connection.close(SERVER_RESTART)
    assert lane.closed is None
    lane.resume()
    assert [envelope["type"] for envelope in lane.envelopes] == ["message", "closing"]
    assert lane.closed is not None


def test_a_client_that_does_not_read_on_is_closed_after_a_second() -> None:
    connection, lane, loop = stalled()
    connection.close(SERVER_RESTART)
    loop.pass_time(0.9)
    assert lane.closed is None
    loop.pass_time(0.2)
    assert lane.closed == (4001, SERVER_RESTART.reason.encode())
    assert not connection.outbox.waiting


def test_a_client_that_read_on_in_time_is_not_closed_again_by_the_timer() -> None:
    connection, lane, loop = stalled()
    connection.close(SERVER_RESTART)
    lane.resume()
    loop.pass_time(5)  # The fake lane fails the test where it is closed twice.
    assert lane.closed is not None


def test_a_full_outbox_closes_its_connection_as_a_slow_consumer_at_once() -> None:
    connection, lane, _ = stalled(outbox_bytes=1000)
    for _ in range(10):
        connection.put(batch())
    assert connection.closing is SLOW_CONSUMER
    assert lane.closed == (4002, SLOW_CONSUMER.reason.encode())
    assert connection.outbox.bytes == 0


def test_an_outbox_that_fills_up_after_the_close_still_ends_in_that_close() -> None:
    connection, lane, loop = stalled(outbox_bytes=1000)
    connection.close(SERVER_RESTART)
    for _ in range(10):
        connection.put(batch())
    loop.pass_time(1.1)
    assert lane.closed is not None
    assert lane.closed[0] == 4001


def test_after_a_close_nothing_is_put_any_more() -> None:
    connection = connect()
    connection.close(SERVER_RESTART)
    connection.put(batch())  # The fake lane fails the test where it is written to.
    assert connection.lane.envelopes[-1]["type"] == "closing"


def test_a_refusal_leaves_the_connection_open() -> None:
    connection = connect()
    connection.refuse(WireError(Error.NOT_JOINED, "Join first.", id=4))
    assert connection.closing is None
    assert connection.lane.envelopes == [
        {"type": "error", "id": 4, "payload": {"code": "not_joined", "message": "Join first."}}
    ]


def test_a_connection_in_a_log_is_its_address_and_codec() -> None:
    assert str(connect()) == "192.0.2.1:5000 json"
