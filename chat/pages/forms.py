"""Forms about rooms, in plain words."""

from __future__ import annotations

import secrets
import unicodedata
from typing import Any

from django import forms
from django.core.validators import RegexValidator
from django.utils.text import slugify
from django.utils.translation import gettext_lazy as _

from chat.conf import SLUG
from chat.models import Room
from chat.told import told
from chat.wire.names import FORBIDDEN_CATEGORIES, INVISIBLE

# Joins emoji into one; what else has no shape of its own hides in a title, or turns it around.
JOINER = "\u200d"
KINDS = [choice for choice in Room.Kind.choices if choice[0] != Room.Kind.DIRECT]
HOURS = {"1": _("An hour"), "24": _("A day"), "168": _("7 days"), "720": _("30 days")}
MAX_USES = 1000
MAX_SEARCH = 100
MAX_TITLE, MAX_TOPIC = 100, 250


def check_visible(text: str) -> None:
    """Refuse characters that are not seen, and marks on nothing. Raises: ValidationError.

    What no field may hold is not looked at: its length is refused.
    """
    text = text[: max(MAX_TITLE, MAX_TOPIC)]
    for character in text:
        hidden = unicodedata.category(character) in FORBIDDEN_CATEGORIES or character in INVISIBLE
        if hidden and character != JOINER:
            raise forms.ValidationError(told(f"Expected visible characters, got U+{ord(character):04X}."))
    seen = text.replace(JOINER, "").strip()
    if not seen:
        raise forms.ValidationError(_("Expected visible characters, got none."))
    if all(unicodedata.category(character)[0] in "MZ" for character in seen):
        raise forms.ValidationError(told("Expected visible characters, got marks alone."))


def slug_for(title: str) -> str:
    """Return an address for a title; of one without Latin letters, something short."""
    return slugify(title)[:64].strip("-_").replace("_", "-") or f"room-{secrets.token_hex(3)}"


class Titled(forms.Form):
    """What a room is called."""

    title = forms.CharField(
        label=_("Name"),
        max_length=MAX_TITLE,
        validators=[check_visible],
        error_messages={"required": _("Expected a name, got nothing.")},
    )


class Topical(forms.Form):
    """What a room is for."""

    topic = forms.CharField(
        label=_("Topic"),
        max_length=MAX_TOPIC,
        required=False,
        validators=[check_visible],
        help_text=_("One line on what the room is for. It stands below the room's name."),
    )


class Open(forms.Form):
    """Who may write in a room, and whether guests enter it."""

    posting = forms.ChoiceField(
        label=_("Who may write"), choices=Room.Posting.choices, initial=Room.Posting.EVERYONE, widget=forms.RadioSelect
    )
    guests = forms.BooleanField(
        label=_("Guests may enter"),
        required=False,
        initial=True,
        help_text=_("People who are not signed in may read, and write where everybody may."),
    )


class NewRoom(Titled, Topical, Open):
    """A room that is not there yet."""

    slug = forms.CharField(
        label=_("Address"),
        max_length=64,
        required=False,
        validators=[RegexValidator(rf"^{SLUG}\Z", _("Expected lower-case letters (a to z), digits and hyphens."))],
        help_text=_("What stands after /rooms/: lower-case letters, digits and hyphens. Empty: made from the name."),
    )
    kind = forms.ChoiceField(label=_("Who may read"), choices=KINDS, initial=Room.Kind.PUBLIC, widget=forms.RadioSelect)

    field_order = ["title", "slug", "topic", "kind", "guests", "posting"]

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        if "slug" in cleaned and not cleaned["slug"]:
            cleaned["slug"] = slug_for(cleaned.get("title", ""))
        if cleaned.get("kind") != Room.Kind.PUBLIC:
            cleaned["guests"] = False
        return cleaned


class Settings(Titled, Topical, Open):
    """What the owners of a room decide."""

    field_order = ["title", "topic", "posting", "guests"]

    def __init__(self, *args: Any, kind: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if kind != Room.Kind.PUBLIC:
            del self.fields["guests"]


class NewInvitation(forms.Form):
    """A link that lets people in."""

    hours = forms.ChoiceField(label=_("It works for"), choices=list(HOURS.items()), initial="168")
    uses = forms.IntegerField(label=_("So many people may use it"), min_value=1, max_value=MAX_USES, initial=1)


class Search(forms.Form):
    """Words to look for; what is too long finds nothing anyway."""

    q = forms.CharField(required=False, max_length=MAX_SEARCH)

    @classmethod
    def words(cls, data: Any) -> str:
        """Return what is looked for; nothing where it makes no sense."""
        form = cls(data)
        return str(form.cleaned_data["q"]) if form.is_valid() else ""
