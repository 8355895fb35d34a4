"""Sessions, with whose they are."""

from __future__ import annotations

from django.contrib.sessions.backends.db import SessionStore
from django.contrib.sessions.base_session import AbstractBaseSession
from django.db import models

NOBODY = 0


class UserSession(AbstractBaseSession):
    """A row of Django's own table of sessions, with one more column: the number of the user, indexed.

    The table stays Django's, so servers of the version before read and write the same sessions. What they write has no
    user yet (NULL), and is looked into.
    """

    user = models.BigIntegerField(null=True, editable=False)

    class Meta:
        managed = False
        db_table = "django_session"

    @classmethod
    def get_session_store_class(cls) -> type[SessionStore]:
        return SessionStore
