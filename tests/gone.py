"""Accounts that are gone at once, as erasing leaves them behind at its end."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.models import User

from chat.models import Erased


def delete(**fields: Any) -> None:
    """Delete the accounts with these fields, which have written nothing."""
    users = User.objects.filter(**fields)
    for pk in users.values_list("pk", flat=True):
        Erased.objects.get_or_create(user=pk)
    users.delete()
