"""Addresses of accounts."""

from __future__ import annotations

from django.contrib.auth.views import PasswordResetDoneView
from django.urls import path
from django.views.generic import RedirectView

from chat.accounts import own_data, views

app_name = "accounts"
urlpatterns = [
    path("", RedirectView.as_view(pattern_name="accounts:profile")),
    path("sign-in/", views.SignIn.as_view(), name="sign-in"),
    path("sign-up/", views.SignUp.as_view(), name="sign-up"),
    path("sign-out/", views.SignOut.as_view(), name="sign-out"),
    path("set-up/", views.SetUp.as_view(), name="set-up"),
    path("profile/", views.ProfilePage.as_view(), name="profile"),
    path("password/", views.PasswordChange.as_view(), name="password-change"),
    path("password/reset/", views.PasswordReset.as_view(), name="password-reset"),
    path(
        "password/reset/sent/",
        PasswordResetDoneView.as_view(template_name="accounts/password_reset_sent.html"),
        name="password-reset-sent",
    ),
    path("password/reset/<uidb64>/<token>/", views.PasswordResetConfirm.as_view(), name="password-reset-confirm"),
    path("export/", own_data.export, name="export"),
    path("erase/", own_data.erase, name="erase"),
    path("erased/", own_data.erased, name="erased"),
]
