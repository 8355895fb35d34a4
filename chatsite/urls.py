"""The site's URLs."""

from __future__ import annotations

from django.conf import settings
from django.contrib import admin
from django.urls import include, path
from django.views.generic import RedirectView

handler500 = "chat.pages.failed.failed"
urlpatterns = [
    # Django's own form there would look at any number of wrong passwords.
    path("admin/password_change/", RedirectView.as_view(pattern_name="accounts:password-change")),
    path("admin/", admin.site.urls),
    path("accounts/", include("chat.accounts.urls")),
    path("", include("chat.urls")),
]
if settings.CHAT.oidc:
    urlpatterns.insert(0, path("accounts/", include("chat.accounts.sso_urls")))
