"""`{% csrf_token %}`: Django's, with a key beside it, so that each form is done once (chat/pages/once.py).

In the place of Django's own tag (`builtins` in the settings): so the forms of its admin have a key, too.
"""

from __future__ import annotations

import secrets
from typing import Any

from django import template
from django.template.defaulttags import CsrfTokenNode
from django.utils.html import format_html
from django.utils.safestring import SafeString

from chat.pages.once import FIELD

register = template.Library()


class KeyedNode(CsrfTokenNode):
    def render(self, context: Any) -> SafeString:
        token = super().render(context)
        if not token:
            return SafeString("")
        return format_html('{}<input type="hidden" name="{}" value="{}">', token, FIELD, secrets.token_urlsafe(16))


@register.tag
def csrf_token(parser: Any, token: Any) -> KeyedNode:
    """Return the token and the key of a form, as hidden fields."""
    return KeyedNode()
