"""Rows of the allow-list."""

from __future__ import annotations

import pytest
from django.core.exceptions import ValidationError
from django.db import IntegrityError, connection, transaction
from django.test import Client

from chat import notes
from chat.checks import check_origins
from chat.models import AllowedOrigin, origin
from chat.wire.origins import parse_pattern

pytestmark = pytest.mark.django_db


def cleaned(pattern: str, **fields: object) -> AllowedOrigin:
    row = AllowedOrigin(pattern=pattern, **fields)
    row.full_clean()
    row.save()
    return row


def refused(pattern: str) -> dict[str, list[str]]:
    with pytest.raises(ValidationError) as refusal:
        cleaned(pattern)
    return refusal.value.message_dict


def test_a_pattern_is_kept_as_browsers_write_an_origin() -> None:
    assert cleaned(" HTTPS://Bücher.Example:443 ").pattern == "https://xn--bcher-kva.example"
    assert str(AllowedOrigin.objects.get()) == "https://xn--bcher-kva.example"


@pytest.mark.parametrize("pattern", ["*", "https://*", "https://*.com", "null", "chat.example", "https://a.example/x"])
def test_what_is_no_pattern_is_refused_in_words(pattern: str) -> None:
    (sentence,) = refused(pattern)["pattern"]
    assert sentence.startswith("Expected ")
    assert AllowedOrigin.objects.count() == 0


def test_an_empty_pattern_and_one_too_long_are_refused() -> None:
    assert set(refused("")) == {"pattern"}
    assert set(refused("https://" + "a" * 400)) == {"pattern"}


def test_an_origin_that_is_in_the_list_already_is_found_out_however_it_is_written() -> None:
    cleaned("https://bücher.example")
    for again in ("https://bücher.example", "HTTPS://BÜCHER.EXAMPLE", "https://xn--bcher-kva.example:443"):
        assert refused(again)["pattern"] == ["This origin is in the list already."]
    with pytest.raises(IntegrityError), transaction.atomic():
        AllowedOrigin.objects.create(pattern="https://xn--bcher-kva.example")


def test_a_row_can_be_changed_without_being_taken_for_its_own_twin() -> None:
    row = cleaned("https://a.example")
    row.enabled, row.note = False, "the intranet"
    row.full_clean()
    row.save()
    assert AllowedOrigin.objects.get().note == "the intranet"


def test_a_form_without_the_pattern_leaves_it_as_it_is() -> None:
    row = AllowedOrigin.objects.create(pattern="no pattern at all")
    row.clean_fields(exclude=["pattern"])
    assert row.pattern == "no pattern at all"


def test_the_list_has_an_end_that_old_rows_do_not_run_into(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(origin, "MAX_ORIGINS", 2)
    first = cleaned("https://a.example")
    cleaned("https://b.example")
    assert refused("https://c.example") == {"__all__": ["At most 2 origins may be in the list."]}
    first.full_clean()


def test_the_enabled_patterns_are_listed_in_one_query(django_assert_num_queries: object) -> None:
    cleaned("https://a.example")
    cleaned("https://*.b.example:8443")
    cleaned("https://c.example", enabled=False)
    with django_assert_num_queries(1):  # type: ignore[operator]
        assert AllowedOrigin.listed() == (
            frozenset({parse_pattern("https://a.example"), parse_pattern("https://*.b.example:8443")}),
            (),
        )


def test_rows_written_past_validation_are_told_and_let_nobody_in_nor_keep_others_out() -> None:
    odd = ["*", "", "https://*", "null", "https://a.example/", "https://\u202eevil.example", "https://*.com", "x" * 300]
    AllowedOrigin.objects.bulk_create(AllowedOrigin(pattern=text) for text in [*odd, "https://good.example"])
    patterns, malformed = AllowedOrigin.listed()
    assert patterns == {parse_pattern("https://good.example")}
    assert list(malformed) == odd


# What any program that has the file may write past validation: bytes as they are, and bytes that are called text.
NO_TEXT = ["x'ff41'", "CAST(x'ff41' AS TEXT)"]


def write_past_validation(row: AllowedOrigin, sql: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(f"UPDATE chat_allowedorigin SET pattern = {sql} WHERE id = %s", [row.pk])


@pytest.mark.skipif(connection.vendor != "sqlite", reason="other databases keep text in a column of text")
@pytest.mark.parametrize("sql", NO_TEXT)
def test_bytes_that_sqlite_keeps_in_a_column_of_text_are_malformed_too(sql: str) -> None:
    write_past_validation(cleaned("https://a.example"), sql)
    cleaned("https://good.example")
    patterns, (malformed,) = AllowedOrigin.listed()
    assert patterns == {parse_pattern("https://good.example")}
    assert isinstance(malformed, str)
    assert notes.read(0) == (patterns, (malformed,), {})
    (error,) = check_origins()
    assert error.id == "chat.E008" and repr(malformed) in error.msg


@pytest.mark.skipif(connection.vendor != "sqlite", reason="other databases keep text in a column of text")
@pytest.mark.parametrize("sql", NO_TEXT)
def test_such_bytes_break_no_page_of_the_admin_and_can_be_deleted_there(admin_client: Client, sql: str) -> None:
    row = cleaned("https://a.example")
    write_past_validation(row, sql)
    for path in ("", f"{row.pk}/change/", f"{row.pk}/delete/"):
        assert admin_client.get(f"/admin/chat/allowedorigin/{path}").status_code == 200
    assert "Lets in nobody" in admin_client.get("/admin/chat/allowedorigin/").content.decode()
    assert admin_client.post(f"/admin/chat/allowedorigin/{row.pk}/delete/", {"post": "yes"}).status_code == 302
    assert not AllowedOrigin.objects.exists()
