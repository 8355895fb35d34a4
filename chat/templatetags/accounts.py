"""What pages tell of accounts."""

from __future__ import annotations

from django import template
from django.conf import settings

register = template.Library()


@register.simple_tag
def sign_up_open() -> bool:
    """Tell whether anybody may make an account."""
    return bool(settings.CHAT.sign_up)
