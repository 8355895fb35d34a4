"""Accounts that are gone at once, as erasing leaves them behind at its end."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.models import User

from chat.models import Erased


def delete(**fields: Any) -> None:
    """Delete the accounts with these fields, which have written nothing."""
    users = User.objects.filter(**fields)
    pks = list(users.values_list("pk", flat=True))
    for pk in pks:
        Erased.objects.get_or_create(user=pk)
    users.delete()
    # SQLite gives the numbers out again, to accounts of the next test.
    Erased.objects.filter(user__in=pks).delete()
