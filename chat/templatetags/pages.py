"""`{% sign_in_url %}`: where one signs in, to come back to this page; `{% page_words %}`; `{{ role|called }}`."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from django import template
from django.conf import settings
from django.shortcuts import resolve_url
from django.utils.html import json_script

from chat import words
from chat.pages.roles import CALLED

register = template.Library()


@register.simple_tag(takes_context=True)
def sign_in_url(context: dict[str, Any]) -> str:
    """Return the address of the page to sign in at, with the way back."""
    return f"{resolve_url(settings.LOGIN_URL)}?{urlencode({'next': context['request'].get_full_path()})}"


@register.simple_tag
def page_words() -> str:
    """Return the words of the page's script as an element that it reads; in English none."""
    known = words.for_page()
    return json_script({"words": known}, "client-config") if known else ""


@register.filter
def called(role: str) -> str:
    """Return what a page calls a role."""
    return str(CALLED.get(role, role))
