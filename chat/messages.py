"""Django's messages for the next page, in a cookie of this site's own name."""

from __future__ import annotations

from django.conf import settings
from django.contrib.messages.storage.cookie import CookieStorage
from django.contrib.messages.storage.fallback import FallbackStorage
from django.contrib.messages.storage.session import SessionStorage


class OwnCookie(CookieStorage):
    """Another site on this host would take the messages for forged ones, and delete them."""

    cookie_name = settings.MESSAGE_COOKIE_NAME


class Storage(FallbackStorage):
    storage_classes = (OwnCookie, SessionStorage)
