"""SQLite's connections: what is no UTF-8 is read all the same."""

from __future__ import annotations

import contextlib
import sqlite3

import pytest
from django.db import connection

from chatsite.sqlite import Connection


def test_bytes_that_are_no_utf_8_are_read_as_replacement_characters_and_text_as_it_is() -> None:
    with contextlib.closing(sqlite3.connect(":memory:", factory=Connection)) as database:
        row = database.execute("SELECT CAST(x'ff41' AS TEXT), 'Tee ☕', x'ff41', NULL, 5").fetchone()
    assert row == ("\ufffdA", "Tee ☕", b"\xffA", None, 5)


@pytest.mark.django_db
@pytest.mark.skipif(connection.vendor != "sqlite", reason="other databases keep text in a column of text")
def test_djangos_connections_are_such() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT CAST(x'c328' AS TEXT)")
        assert cursor.fetchone() == ("\ufffd(",)
