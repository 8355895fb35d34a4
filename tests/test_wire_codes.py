"""Error and close codes."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from chat.wire import codes
from chat.wire.codes import CLOSE_REASON_BYTES, CLOSES, Error, WireError, cut


def test_every_close_of_the_module_is_in_the_table_once() -> None:
    named = [value for value in vars(codes).values() if isinstance(value, codes.Close)]
    assert sorted(c.code for c in CLOSES) == sorted(c.code for c in named)
    assert len({c.code for c in CLOSES}) == len({c.name for c in CLOSES}) == len(CLOSES)


def test_a_client_comes_back_below_4500_and_stays_away_from_there_on() -> None:
    ours = {close.name: close.reconnect for close in CLOSES if close.code >= 4000}
    assert ours == {
        "server_restart": True,
        "slow_consumer": True,
        "heartbeat_timeout": True,
        "unavailable": True,
        "resync": True,
        "bad_frame": False,
        "auth_timeout": False,
        "session_ended": False,
        "unauthenticated": False,
        "too_many_connections": True,
        "flooding": False,
        "not_found": False,
        "forbidden": False,
        "origin_closed": False,
    }


def test_every_code_may_stand_in_a_close_frame_by_rfc_6455_section_7_4() -> None:
    assert all(c.code in (1000, 1002, 1007, 1009, 1011) or 4000 <= c.code <= 4999 for c in CLOSES)


def test_every_reason_fits_into_a_close_frame() -> None:
    assert all(len(close.reason.encode()) <= CLOSE_REASON_BYTES for close in CLOSES)


def test_a_reason_of_ones_own_changes_neither_code_nor_name() -> None:
    close = codes.ROOM_NOT_FOUND.because("There is no room 'x'.")
    assert (close.code, close.name, close.reason) == (4507, "not_found", "There is no room 'x'.")
    assert codes.ROOM_NOT_FOUND.reason != close.reason


def test_a_reason_is_cut_between_two_characters() -> None:
    assert cut("é" * 62) == ("é" * 61).encode()
    assert cut("a" * 123) == b"a" * 123
    assert cut("a" * 124) == b"a" * 123


@given(st.text(st.characters(exclude_categories=["Cs"])), st.integers(0, 130))
def test_a_cut_reason_is_utf8_within_its_limit_and_a_beginning_of_the_whole(reason: str, limit: int) -> None:
    short = cut(reason, limit)
    assert len(short) <= limit
    assert reason.startswith(short.decode())
    assert len(short) > limit - 4 or short == reason.encode()


def test_a_wire_error_says_its_message_and_carries_what_the_answer_needs() -> None:
    error = WireError(Error.RATE_LIMITED, "At most 10.", id="a", retry_after_s=0.5)
    assert (str(error), error.code, error.id, error.retry_after_s) == ("At most 10.", "rate_limited", "a", 0.5)
