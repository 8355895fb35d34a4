"""Forms of accounts."""

from __future__ import annotations

import functools
import unicodedata
import zoneinfo
from collections.abc import Callable, Iterable
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

from django import forms
from django.conf import settings
from django.contrib.auth import authenticate
from django.contrib.auth.forms import (
    AuthenticationForm,
    PasswordChangeForm,
    PasswordResetForm,
    SetPasswordForm,
    UserCreationForm,
)
from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.core.validators import MaxLengthValidator
from django.db import IntegrityError, transaction
from django.http import HttpRequest
from django.utils import timezone
from django.utils.text import format_lazy
from django.utils.translation import gettext_lazy as _

from chat import locks, people, set_up, throttle
from chat.accounts.fields import LongSelect, NameField
from chat.accounts.locked import MAX_USERNAME
from chat.models import Invalidation, Profile
from chat.models.profile import COLOURS
from chat.wire import names
from chat.wire.names import MAX_NAME_CHARACTERS

# Who has no password here has signed in lately, when they ask for what else needs one.
LATELY = timedelta(minutes=10)
CONFIRMATION = "erase"
AS_THE_BROWSER_SAYS = _("As the browser says")


class SignInForm(AuthenticationForm):
    """Who comes in; a username longer than any is neither looked up nor counted: it would be kept."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        # Django tells the browser alone.
        self.fields["username"].validators.append(MaxLengthValidator(MAX_USERNAME))


class SignUpForm(UserCreationForm):  # type: ignore[type-arg]
    """A new account, and how it is shown."""

    name = NameField(
        label=_("Name shown to others"),
        required=False,
        help_text=_("Empty: the username. You can change it later."),
        widget=forms.TextInput(attrs={"autocomplete": "nickname"}),
    )

    class Meta(UserCreationForm.Meta):
        model = User
        fields = ("username", "name", "email")
        labels = {"email": _("Email address")}
        help_texts = {
            "username": _("What you sign in with: letters, digits and @ . + - _"),
            "email": _("Only used to send you a link when you have forgotten your password. May stay empty."),
        }

    def clean(self) -> dict[str, Any]:
        """Refuse, also, a username that others could not see as a name, where it is to be one."""
        cleaned = super().clean() or self.cleaned_data
        if cleaned.get("name") == "" and cleaned.get("username"):
            try:
                self.fields["name"].clean(cleaned["username"][:MAX_NAME_CHARACTERS])
            except ValidationError as error:
                self.add_error("username", error)
        return cleaned

    def create(self, made: Callable[[User], None]) -> User | None:
        """Make the account and its profile, with this very name; None where another has taken a name just now: the form says which.

        `made` is called in the transaction. Raises: WireError of `made`, django.db.Error.
        """
        user: User = self.save(commit=False)
        try:
            return self._write(user, made)
        except IntegrityError:
            # A command, which takes no lock, was faster; any other error is reported as it is.
            self.full_clean()
            if not self.errors:
                raise
        return None

    def _write(self, user: User, made: Callable[[User], None]) -> User | None:
        with settings.TURN(), transaction.atomic():
            locks.hold(locks.NAMES)
            self.full_clean()  # Of many who sign up at once the others are found by now.
            if self.errors:
                return None
            user.save()
            people.make(user, names.clean(self.shown))
            made(user)
        return user

    @property
    def shown(self) -> str:
        """How the person wants to be called."""
        return str(self.cleaned_data["name"] or self.cleaned_data["username"])[:MAX_NAME_CHARACTERS]


class SetUpForm(SignUpForm):
    """The administrator's account, made by the link of the first start."""

    token = forms.CharField(widget=forms.HiddenInput)

    def make(self) -> User | None:
        """Make the administrator, or None where there is an account by now. Raises: django.db.Error."""
        user: User = self.save(commit=False)
        return user if set_up.make_administrator(user, self.shown) else None


class ProfileForm(forms.ModelForm):  # type: ignore[type-arg]
    """How a person is shown, and how pages are shown to them."""

    name = NameField(label=_("Name shown to others"), widget=forms.TextInput(attrs={"autocomplete": "nickname"}))
    colour = forms.TypedChoiceField(
        label=_("Colour of your avatar"),
        choices=[(number, format_lazy(_("Colour {number}"), number=number + 1)) for number in range(COLOURS)],
        coerce=int,
        widget=forms.RadioSelect,
    )
    time_zone = forms.ChoiceField(label=_("Time zone"), required=False, widget=LongSelect)
    language = forms.ChoiceField(
        label=_("Language"), required=False, choices=[("", AS_THE_BROWSER_SAYS), *settings.LANGUAGES]
    )

    class Meta:
        model = Profile
        fields = ("name", "colour", "time_zone", "language")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field = self.fields["name"]
        assert isinstance(field, NameField)
        field.owner, field.kept = self.instance.user_id, self.instance.name
        self.fields["time_zone"].choices = [("", AS_THE_BROWSER_SAYS), *((zone, zone) for zone in zones())]  # type: ignore[attr-defined]

    def apply(self) -> None:
        """Save the profile. Raises: WireError where the name was taken meanwhile, django.db.Error."""
        name = self.cleaned_data["name"]
        renamed = name != self.initial["name"]
        profile: Profile = self.instance
        with settings.TURN(), transaction.atomic():
            if renamed:
                people.rename(profile, name)
            profile.save(update_fields=["colour", "time_zone", "language"])
            transaction.on_commit(lambda: Invalidation.of(profile.user_id))


@functools.cache
def zones() -> list[str]:
    """Return the names of time zones; finding them reads a directory of 600 files."""
    return sorted(zoneinfo.available_timezones() - {"localtime", "Factory"})


def write_password(form: SetPasswordForm[User], holds: Callable[[User], bool]) -> bool:
    """Write a form's new password where what allowed it still holds, while nobody else changes the account's.

    Raises: django.db.Error.
    """
    user = form.save(commit=False)  # The hash first: it takes a while.
    with settings.TURN(), transaction.atomic():
        there = User.objects.select_for_update().filter(pk=user.pk).first()
        if there is None or not holds(there):
            return False
        user.save(update_fields=["password"])
    return True


NOT_YOURS = _("This is not your password.")


def check_own(request: HttpRequest, password: str) -> str:
    """Refuse what is not the password of who is signed in; wrong ones count as at a sign-in. Return its hash.

    Raises: ValidationError, django.db.Error.
    """
    assert isinstance(request.user, User)
    user = authenticate(request, username=request.user.get_username(), password=password)
    if user is None:
        raise ValidationError(NOT_YOURS)
    return str(user.password)


class PasswordForm(PasswordChangeForm):
    """Another password, for who knows the one that is."""

    def __init__(self, request: HttpRequest, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.request = request
        self.before = ""

    def clean_old_password(self) -> str:
        password = str(self.cleaned_data["old_password"])
        self.before = check_own(self.request, password)
        return password

    def change(self) -> bool:
        """Write the new password; False where the old one is another by now: of two at once one is right.

        Raises: django.db.Error.
        """
        return write_password(self, lambda user: user.password == self.before)


class ForgottenForm(PasswordResetForm):
    """A mail with a link, to who has forgotten the password. Whether there was one is not told."""

    def save(self, *args: Any, **options: Any) -> None:
        """Send the mails; their links lead to SITE_URL, or where there is none to the Host that was asked."""
        if settings.CHAT.site_url:
            site = urlsplit(settings.CHAT.site_url)
            options |= {"domain_override": site.netloc, "use_https": site.scheme == "https"}
        super().save(*args, **options)

    def get_users(self, email: str) -> Iterable[Any]:
        """Return who gets a mail: whose mailbox it is, unless too many came there lately.

        Who came first is first: a stranger may have named the mailbox as theirs.
        """
        mailbox = unicodedata.normalize("NFKC", email).casefold()
        found = sorted(super().get_users(email), key=lambda user: int(user.pk))
        return [user for user in found if throttle.mails.take(mailbox) == 0]


class AgainForm(forms.Form):
    """The password once more: what follows is for its owner alone. Too many wrong ones lock it as at a sign-in."""

    password = forms.CharField(
        label=_("Your password"), strip=False, widget=forms.PasswordInput(attrs={"autocomplete": "current-password"})
    )

    def __init__(self, request: HttpRequest, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.request = request
        assert isinstance(request.user, User)
        self.user = request.user
        if not self.user.has_usable_password():
            del self.fields["password"]

    def clean_password(self) -> str:
        password = str(self.cleaned_data["password"])
        check_own(self.request, password)
        return password

    def clean(self) -> dict[str, Any]:
        last = self.user.last_login
        if "password" not in self.fields and (last is None or timezone.now() - last > LATELY):
            raise ValidationError(
                _("You have no password here: sign out, sign in again, and do this within ten minutes.")
            )
        return super().clean() or self.cleaned_data


class EraseForm(AgainForm):
    """What becomes of an account that goes, confirmed."""

    messages = forms.ChoiceField(
        label=_("What you have written"),
        choices=[
            ("keep", _("Keep it, as written by “deleted user”")),
            ("remove", _("Remove it, in every room")),
        ],
        widget=forms.RadioSelect,
    )
    confirmation = forms.CharField(
        label=format_lazy(_("Type “{word}” to confirm"), word=CONFIRMATION),
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )
    field_order = ("messages", "confirmation", "password")

    def clean_confirmation(self) -> str:
        typed = str(self.cleaned_data["confirmation"])
        if typed.strip().lower() != CONFIRMATION:
            raise ValidationError(
                format_lazy(_("Expected “{word}”, got “{typed}”."), word=CONFIRMATION, typed=typed[:40])
            )
        return typed
