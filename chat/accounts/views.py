"""Pages of accounts: who comes, who goes, and who they are."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.contrib import messages
from django.contrib.auth import login, update_session_auth_hash
from django.contrib.auth import views as django_views
from django.contrib.auth.decorators import login_required
from django.contrib.auth.models import User
from django.contrib.auth.views import INTERNAL_RESET_SESSION_TOKEN, redirect_to_login
from django.http import HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse, reverse_lazy
from django.utils.decorators import method_decorator
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.generic import FormView

from chat import people, set_up, throttle
from chat.accounts.addresses import address_of
from chat.accounts.fields import words
from chat.accounts.forms import (
    NOT_YOURS,
    ForgottenForm,
    PasswordForm,
    ProfileForm,
    SetUpForm,
    SignInForm,
    SignUpForm,
    write_password,
)
from chat.accounts.language import speak
from chat.pages import once
from chat.site import within
from chat.told import told
from chat.wire.codes import WireError

BACKEND = "django.contrib.auth.backends.ModelBackend"
# Pages whose forms hold a password that is chosen.
SECRET = [sensitive_post_parameters(), never_cache]


def ways_in() -> dict[str, Any]:
    """Return what a page tells of the ways to come in."""
    oidc = settings.CHAT.oidc
    sso = {"name": oidc.name, "url": reverse("openid_connect_login", args=["sso"])} if oidc else None
    return {"sign_up_open": settings.CHAT.sign_up, "sso": sso}


class Within(django_views.RedirectURLMixin):
    """Leads on within this site, whichever way its address is spelled."""

    request: HttpRequest

    def get_redirect_url(self, request: HttpRequest | None = None) -> str:
        given = self.request.POST.get(self.redirect_field_name, self.request.GET.get(self.redirect_field_name, ""))
        url = within(self.request, given)
        own = url_has_allowed_host_and_scheme(url, self.get_success_url_allowed_hosts(), self.request.is_secure())
        return url if own else ""


class LeadsOn(Within):
    """Leads on, and never back to the ways in: that would go round in a circle."""

    def get_redirect_url(self, request: HttpRequest | None = None) -> str:
        url = super().get_redirect_url(request)
        ways = (reverse("accounts:sign-in"), reverse("accounts:sign-up"))
        return "" if url.split("?")[0].endswith(ways) else url


class SignIn(LeadsOn, django_views.LoginView):
    template_name = "accounts/sign_in.html"
    authentication_form = SignInForm
    redirect_authenticated_user = True

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        return super().get_context_data(**kwargs, **ways_in(), no_accounts=set_up.needed())


class SignOut(Within, django_views.LogoutView):
    """The end of a session, and on to where one wanted to go."""


@method_decorator(SECRET, name="dispatch")
class SignUp(LeadsOn, FormView):  # type: ignore[type-arg]
    template_name = "accounts/sign_up.html"
    form_class = SignUpForm
    next_page = settings.LOGIN_REDIRECT_URL

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if request.user.is_authenticated:
            return HttpResponseRedirect(self.get_success_url())
        # Or a stranger's would be the first account, and nobody could become the administrator by the link any more.
        if not settings.CHAT.sign_up or set_up.needed():
            return render(request, "accounts/sign_up_closed.html", {"no_accounts": set_up.needed()}, status=403)
        return super().dispatch(request, *args, **kwargs)

    def form_valid(self, form: SignUpForm) -> HttpResponse:
        wait = throttle.sign_ups.take(address_of(self.request) or "")
        if wait:
            return throttle.later(self.request, "accounts/throttled.html", wait, sign_up=True)
        try:
            user = form.create(lambda made: once.settle(self.request, self.get_success_url(), made))
        except WireError as error:
            form.add_error(None, told(error.message))
            return self.form_invalid(form)
        if user is None:
            return self.form_invalid(form)
        login(self.request, user, backend=BACKEND)
        return super().form_valid(form)

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        return super().get_context_data(**kwargs, **ways_in(), next=self.get_redirect_url())


@method_decorator(SECRET, name="dispatch")
class SetUp(FormView):  # type: ignore[type-arg]
    template_name = "accounts/set_up.html"
    form_class = SetUpForm
    success_url = reverse_lazy("default-room")

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        token = request.POST.get("token") or request.GET.get("token", "")
        if not set_up.fits(token):
            return render(request, "accounts/set_up_refused.html", {"needed": set_up.needed()}, status=403)
        self.initial = {"token": token}
        return super().dispatch(request, *args, **kwargs)

    def form_valid(self, form: SetUpForm) -> HttpResponse:
        user = form.make()
        if user is None:
            return render(self.request, "accounts/set_up_refused.html", {"needed": False}, status=403)
        login(self.request, user, backend=BACKEND)
        return super().form_valid(form)


@method_decorator([login_required, never_cache], name="dispatch")
class ProfilePage(FormView):  # type: ignore[type-arg]
    template_name = "accounts/profile.html"
    form_class = ProfileForm
    success_url = reverse_lazy("accounts:profile")

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        try:
            return super().dispatch(request, *args, **kwargs)
        except people.Gone:
            return redirect_to_login(request.get_full_path())

    def get_form_kwargs(self) -> dict[str, Any]:
        user = self.request.user
        assert isinstance(user, User)
        return {**super().get_form_kwargs(), "instance": people.profile_of(user)}

    def form_valid(self, form: ProfileForm) -> HttpResponse:
        try:
            form.apply()
        except WireError as error:
            form.add_error("name", words(error))
            return self.form_invalid(form)
        speak(self.request)  # It may be another language by now.
        messages.success(self.request, _("Your profile is saved."))
        return super().form_valid(form)


@method_decorator(never_cache, name="dispatch")
class PasswordChange(django_views.PasswordChangeView):
    template_name = "accounts/password_change.html"
    form_class = PasswordForm
    success_url = reverse_lazy("accounts:profile")

    def get_form_kwargs(self) -> dict[str, Any]:
        return {**super().get_form_kwargs(), "request": self.request}

    def form_valid(self, form: Any) -> HttpResponse:
        if not form.change():
            form.add_error("old_password", NOT_YOURS)
            return self.form_invalid(form)
        update_session_auth_hash(self.request, form.user)
        messages.success(self.request, _("Your password is changed. Everywhere else you are signed out."))
        return HttpResponseRedirect(self.get_success_url())


class PasswordReset(django_views.PasswordResetView):
    template_name = "accounts/password_reset.html"
    email_template_name = "accounts/password_reset_mail.txt"
    subject_template_name = "accounts/password_reset_subject.txt"
    form_class = ForgottenForm
    success_url = reverse_lazy("accounts:password-reset-sent")

    def form_valid(self, form: Any) -> HttpResponse:
        wait = throttle.resets.take(address_of(self.request) or "")
        if wait:
            return throttle.later(self.request, "accounts/throttled.html", wait)
        return super().form_valid(form)


class PasswordResetConfirm(django_views.PasswordResetConfirmView):
    template_name = "accounts/password_reset_confirm.html"
    success_url = reverse_lazy("accounts:sign-in")

    def form_valid(self, form: Any) -> HttpResponse:
        token = self.request.session.pop(INTERNAL_RESET_SESSION_TOKEN, "")
        if not write_password(form, lambda user: self.token_generator.check_token(user, token)):
            self.validlink = False
            return self.render_to_response(self.get_context_data())
        messages.success(self.request, _("Your password is changed: sign in with the new one."))
        return HttpResponseRedirect(self.get_success_url())
