"""Addresses of single sign-on, there only where a provider is configured."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import requests
from allauth.socialaccount.models import SocialApp
from allauth.socialaccount.providers.oauth2.views import OAuth2CallbackView, OAuth2LoginView
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import path

from chat.accounts.sso import Provider, failed

View = Callable[[HttpRequest, str], HttpResponse]


def step(kind: Any) -> View:
    """Return one of the library's two steps, for our provider; it answers in words where the provider does not answer."""

    def guarded(request: HttpRequest, provider_id: str) -> HttpResponse:
        # The library would also add the provider's account to whoever is signed in: by a link that another page made.
        if any(asked.get("process", "login") != "login" for asked in (request.GET, request.POST)):
            return failed(request, "expected to sign in, got another process")
        try:
            answer: HttpResponse = kind.adapter_view(Provider(request, provider_id))(request)
            return answer
        except SocialApp.DoesNotExist:
            raise Http404 from None
        except requests.RequestException as error:
            return failed(request, error)

    return guarded


urlpatterns = [
    path("oidc/<provider_id>/login/", step(OAuth2LoginView), name="openid_connect_login"),
    path("oidc/<provider_id>/login/callback/", step(OAuth2CallbackView), name="openid_connect_callback"),
]
