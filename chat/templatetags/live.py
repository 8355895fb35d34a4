"""`{% live_now %}`: what is live, on the admin's index."""

from __future__ import annotations

from typing import Any

from django import template

from chat.admin import now

register = template.Library()


@register.inclusion_tag("admin/chat/now.html", takes_context=True)
def live_now(context: dict[str, Any]) -> dict[str, Any]:
    """Show the panel to those who may see it; to others nothing."""
    return {"now": now.for_request(context["request"])}
