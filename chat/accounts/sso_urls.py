"""Addresses of single sign-on, there only where a provider is configured."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps

import requests
from allauth.socialaccount.providers.openid_connect import views
from django.http import HttpRequest, HttpResponse
from django.urls import path

from chat.accounts.sso import failed

View = Callable[[HttpRequest, str], HttpResponse]


def answering(view: View) -> View:
    """Answer in words where the provider does not answer, which the library does not do at every step."""

    @wraps(view)
    def guarded(request: HttpRequest, provider_id: str) -> HttpResponse:
        # The library would also add the provider's account to whoever is signed in: by a link that another page made.
        if any(asked.get("process", "login") != "login" for asked in (request.GET, request.POST)):
            return failed(request, "expected to sign in, got another process")
        try:
            return view(request, provider_id)
        except requests.RequestException as error:
            return failed(request, error)

    return guarded


urlpatterns = [
    path("oidc/<provider_id>/login/", answering(views.login), name="openid_connect_login"),
    path("oidc/<provider_id>/login/callback/", answering(views.callback), name="openid_connect_callback"),
]
