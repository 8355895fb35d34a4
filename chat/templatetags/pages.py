"""`{% sign_in_url %}`: where one signs in, to come back to this page."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from django import template
from django.conf import settings
from django.shortcuts import resolve_url

register = template.Library()


@register.simple_tag(takes_context=True)
def sign_in_url(context: dict[str, Any]) -> str:
    """Return the address of the page to sign in at, with the way back."""
    return f"{resolve_url(settings.LOGIN_URL)}?{urlencode({'next': context['request'].get_full_path()})}"
