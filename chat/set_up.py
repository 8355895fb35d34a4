"""The first start: while there are no accounts, whoever runs the site becomes its administrator by a link in the log."""

from __future__ import annotations

from django.conf import settings
from django.contrib.auth.models import User
from django.db import connection, transaction
from django.db.migrations.recorder import MigrationRecorder
from django.urls import reverse
from django.utils.crypto import constant_time_compare, salted_hmac

from chat import people


def needed() -> bool:
    """Tell whether there are no accounts yet.

    Raises: django.db.Error.
    """
    return not User.objects.exists()


def token() -> str:
    """Return what the link holds.

    It is derived from SECRET_KEY and from when the database was made, so that every process says the same, on every
    machine, and nothing is kept that could be read.

    Raises: django.db.Error.
    """
    begun = MigrationRecorder.Migration.objects.filter(app="chat").earliest("applied").applied
    return salted_hmac("chat.set_up", begun.isoformat(), algorithm="sha256").hexdigest()


def fits(given: str) -> bool:
    """Tell whether a token is the link's, and there is still use for it.

    Raises: django.db.Error.
    """
    return needed() and constant_time_compare(given, token())


def link(site: str) -> str:
    """Return the link; `site` is the address of the site's root, without a slash at its end.

    Raises: django.db.Error.
    """
    return f"{site}{reverse('accounts:set-up')}?token={token()}"


def make_administrator(user: User, name: str) -> bool:
    """Save a user who is not saved yet as the administrator; tell whether there was no account before.

    Raises: django.db.Error.
    """
    user.is_staff = user.is_superuser = True
    with settings.TURN(), transaction.atomic():
        if connection.vendor == "postgresql":  # On SQLite a transaction that writes is the only one.
            with connection.cursor() as cursor:
                cursor.execute("LOCK TABLE auth_user IN SHARE ROW EXCLUSIVE MODE")
        if not needed():
            return False
        user.save()
        people.begin(user, name)
    return True
