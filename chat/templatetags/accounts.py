"""What pages tell of accounts."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from django import template
from django.conf import settings
from django.urls import reverse

register = template.Library()


@register.simple_tag
def sign_up_open() -> bool:
    """Tell whether anybody may make an account."""
    return bool(settings.CHAT.sign_up)


@register.simple_tag(takes_context=True)
def way_back(context: dict[str, Any]) -> str:
    """Return the query that leads back to this page after coming in; nothing from the pages of accounts."""
    path: str = context["request"].path
    return (
        "" if path.startswith(reverse("accounts:sign-in").removesuffix("sign-in/")) else "?" + urlencode({"next": path})
    )
