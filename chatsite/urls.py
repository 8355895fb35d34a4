"""The site's URLs."""

from __future__ import annotations

from django.conf import settings
from django.contrib import admin
from django.urls import include, path

urlpatterns = [
    path("admin/", admin.site.urls),
    path("accounts/", include("chat.accounts.urls")),
    path("", include("chat.urls")),
]
if settings.CHAT.oidc:
    urlpatterns.insert(0, path("accounts/", include("chat.accounts.sso_urls")))
