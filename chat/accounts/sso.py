"""Single sign-on: what this site makes of people that its provider (OpenID Connect) vouches for."""

from __future__ import annotations

import logging
from typing import Any
from urllib.parse import urlencode

from allauth.account.adapter import DefaultAccountAdapter
from allauth.core import context
from allauth.core.exceptions import ImmediateHttpResponse
from allauth.socialaccount.adapter import DefaultSocialAccountAdapter
from allauth.socialaccount.models import SocialAccount
from allauth.socialaccount.providers.openid_connect.views import OpenIDConnectOAuth2Adapter
from django.conf import settings
from django.contrib.auth.models import User
from django.db import IntegrityError, transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse

from chat import locks, people, set_up
from chat.site import absolute, within

logger = logging.getLogger("chat.accounts")


def failed(request: HttpRequest, reason: object) -> HttpResponse:
    """Say that it did not work; why is for the log."""
    logger.warning("single sign-on failed: %s", " ".join(str(reason).split())[:300])
    return render(request, "accounts/sso_failed.html", status=403)


def is_known(sociallogin: Any) -> bool:
    """Tell whether a provider's person has an account here, or another account has their username. Raises: django.db.Error."""
    account, username = sociallogin.account, sociallogin.user.username
    known = SocialAccount.objects.filter(provider=account.provider, uid=account.uid)
    return known.exists() or User.objects.filter(username__iexact=username).exists()


def to_provider(sociallogin: Any) -> HttpResponse:
    """Lead to the provider, which knows its people for a while, and on from there to where they wanted to go."""
    onward = (sociallogin.state or {}).get("next")
    query = f"?{urlencode({'next': onward})}" if onward else ""
    return redirect(f"{reverse('openid_connect_login', args=['sso'])}{query}")


class AccountAdapter(DefaultAccountAdapter):  # type: ignore[misc]
    def is_safe_url(self, url: str) -> bool:
        """Tell whether an address may be led on to: one of this site, whichever way it is spelled."""
        return bool(super().is_safe_url(within(context.request, url)))

    def respond_user_inactive(self, request: HttpRequest, user: User) -> HttpResponse:
        return render(request, "accounts/sso_failed.html", {"closed": True}, status=403)


class Adapter(DefaultSocialAccountAdapter):  # type: ignore[misc]
    """Lets in whom the provider lets in, also where sign-up is closed: the provider is the operator's choice."""

    def is_open_for_signup(self, request: HttpRequest, sociallogin: Any) -> bool:
        """Tell whether somebody new may come: not before there is an administrator."""
        return not set_up.needed()

    def save_user(self, request: HttpRequest, sociallogin: Any, form: Any = None) -> User:
        """Save a new person's account, and a profile with the name that the provider tells."""
        try:
            with settings.TURN(), transaction.atomic():
                locks.hold(locks.NAMES)
                user: User = super().save_user(request, sociallogin, form)
                data = sociallogin.account.get_provider_account().get_user_data() or {}
                people.begin(user, str(data.get("name") or user.get_username()))
        except IntegrityError:
            if not is_known(sociallogin):
                raise
            # Another request was faster, perhaps the same person's in another tab. The provider leads to that account, or a new one.
            raise ImmediateHttpResponse(to_provider(sociallogin)) from None
        return user

    def on_authentication_error(
        self, request: HttpRequest, provider: Any, error: Any = None, exception: Any = None, extra_context: Any = None
    ) -> None:
        """Say that it did not work."""
        raise ImmediateHttpResponse(failed(request, exception or error))


class Provider(OpenIDConnectOAuth2Adapter):  # type: ignore[misc]
    """The provider, which is told to lead back to SITE_URL: it only knows that address, whichever Host was asked."""

    def get_callback_url(self, request: HttpRequest, app: Any) -> str:
        return absolute(request, reverse("openid_connect_callback", kwargs={"provider_id": self.provider_id}))
