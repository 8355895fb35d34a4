"""A hash for passwords of tests: Django's own with few rounds, so that two requests still meet in it."""

from __future__ import annotations

from django.contrib.auth.hashers import PBKDF2PasswordHasher


class Fast(PBKDF2PasswordHasher):
    iterations = 2_000
