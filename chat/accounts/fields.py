"""A form's field for a name."""

from __future__ import annotations

from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.forms.utils import flatatt
from django.utils.functional import lazy
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString, mark_safe

from chat import people
from chat.told import told
from chat.wire import names
from chat.wire.codes import WireError
from chat.wire.names import MAX_NAME_CHARACTERS

MISSING = f"Expected 1 to {MAX_NAME_CHARACTERS} characters, got 0."
# A form's words are said when it is shown: in the reader's language.
told_lazily = lazy(told, str)


def words(error: WireError) -> ValidationError:
    """Return what a form says of a name that may not be."""
    text = error.message.removeprefix("payload.name: ")
    return ValidationError(told(f"{text[:1].upper()}{text[1:]}."))


class NameField(forms.CharField):
    """A display name that nobody is mistaken for another by; `owner` is the user who may have it already.

    `kept` is what they are called now: it stays theirs, also where only the server gives such a name.
    """

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(strip=False, error_messages={"required": told_lazily(MISSING)}, **kwargs)
        self.owner: int | None = None
        self.kept = ""

    def clean(self, value: Any) -> str:
        name = str(super().clean(value))
        if not name or name == self.kept:
            return name
        try:
            shown = names.clean(name)
            people.check_free(shown, self.owner)
        except WireError as error:
            raise words(error) from None
        return shown


class LongSelect(forms.Select):
    """A select of many options, written at once: Django renders two templates for each, 0.1 s for the time zones."""

    def render(self, name: str, value: Any, attrs: Any = None, renderer: Any = None) -> SafeString:
        chosen = self.format_value(value)
        rows = ((key, mark_safe(" selected" if str(key) in chosen else ""), label) for key, label in self.choices)  # noqa: S308
        options = format_html_join("", '<option value="{}"{}>{}</option>', rows)
        return format_html(
            "<select{}>{}</select>", flatatt(self.build_attrs({**self.attrs, "name": name}, attrs)), options
        )
