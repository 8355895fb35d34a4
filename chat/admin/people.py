"""Users and groups in the admin: Django's own, with checkboxes in place of a widget that screen readers trip over."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from allauth.account.models import EmailAddress
from allauth.socialaccount.models import SocialAccount, SocialApp, SocialToken
from django import forms
from django.conf import settings
from django.contrib import admin
from django.contrib.auth.admin import GroupAdmin as DjangoGroupAdmin
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.contrib.auth.forms import AdminPasswordChangeForm, AdminUserCreationForm
from django.contrib.auth.models import Group, User
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.db.models import ManyToManyField
from django.forms import CheckboxSelectMultiple
from django.http import HttpRequest

from chat import locks
from chat.accounts.fields import NameField
from chat.admin.erasing import Erasing
from chat.admin.forms import Alone
from chat.models import Erased, Profile
from chat.wire.skeletons import skeleton

# What makes somebody more than they are: Django leaves it to whoever may change users, themselves among them.
POWERS = ["is_staff", "is_superuser", "groups", "user_permissions"]
CHECKBOXES: Mapping[Any, Mapping[str, Any]] = {ManyToManyField: {"widget": CheckboxSelectMultiple}}

# Who came by single sign-on is a user like others; what the library keeps of that is not for hands.
admin.site.unregister([User, Group, EmailAddress, SocialAccount, SocialApp, SocialToken])


class ShownForm(forms.ModelForm):  # type: ignore[type-arg]
    """How a person is shown; a name that may not be is refused here, too."""

    name = NameField()

    class Meta:
        model = Profile
        fields = ("name", "colour")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field = self.fields["name"]
        assert isinstance(field, NameField)
        field.owner, field.kept = self.instance.user_id, self.instance.name

    def save(self, commit: bool = True) -> Any:
        self.instance.skeleton = skeleton(self.cleaned_data["name"])
        return super().save(commit)


class ShownInline(admin.StackedInline):  # type: ignore[type-arg]
    """The profile of somebody who has one by now."""

    model = Profile
    form = ShownForm
    verbose_name = "how others see this person"
    extra = 0
    max_num = 1
    can_delete = False

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


class PasswordForm(AdminPasswordChangeForm):  # type: ignore[type-arg]
    """Another's password, which is written where it still `may` be: it has taken a while to hash it."""

    def __init__(self, *args: Any, may: Callable[[User], bool], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.may = may

    def save(self, commit: bool = True) -> User:
        """Write the password while nobody gives the account powers, or erases it. Raises: PermissionDenied, django.db.Error."""
        user: User = super().save(commit=False)
        if not commit:
            return user
        with settings.TURN(), transaction.atomic():
            locks.hold(locks.NAMES)
            there = User.objects.select_for_update().filter(pk=user.pk).first()
            if there is None or not self.may(there):
                raise PermissionDenied
            user.save(update_fields=["password"])
        return user


class NewForm(AdminUserCreationForm):  # type: ignore[type-arg]
    """A new account, whose password may have been hashed before."""

    hashed = ""

    def set_password_and_save(self, user: User, commit: bool = True, **kwargs: Any) -> User:
        if not self.hashed:
            made: User = super().set_password_and_save(user, commit=commit, **kwargs)
            return made
        user.password = self.hashed
        if commit:
            user.save()
        return user

    @classmethod
    def prepared(cls, data: Any) -> type[NewForm]:
        """Return the form with the hash of what was filled in; without it where that is refused. Raises: django.db.Error."""
        form = cls(data)
        hashed = form.save(commit=False).password if form.is_valid() else ""
        return type("Prepared", (cls,), {"hashed": hashed})


def is_super(request: HttpRequest) -> bool:
    return isinstance(request.user, User) and request.user.is_superuser


def has_powers(user: User) -> bool:
    """Tell whether an account may do more than others, also one that is closed: taking it over would give its powers.

    Raises: django.db.Error.
    """
    return user.is_staff or user.is_superuser or user.groups.exists() or user.user_permissions.exists()


def may_touch(request: HttpRequest, user: User | None) -> bool:
    """Tell whether a person in the admin is one that whoever asks may change at all. Raises: django.db.Error."""
    return user is None or is_super(request) or not has_powers(user)


@admin.register(User)
class UserAdmin(Erasing, Alone, DjangoUserAdmin):  # type: ignore[type-arg]
    lock = locks.NAMES
    add_form = NewForm
    list_display = ["username", "shown", "email", "first_name", "last_name", "is_staff"]
    list_select_related = ["profile"]
    search_fields = ["username", "profile__name", "first_name", "last_name", "email"]
    filter_horizontal = ()
    formfield_overrides = CHECKBOXES
    readonly_fields = ["last_login", "date_joined"]

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        """Leave powers to superusers: who administers people gives none away."""
        return [*self.readonly_fields, *([] if is_super(request) else POWERS)]

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Leave accounts with powers to superusers, their passwords and addresses too: who could change one could be one.

        Staff may change its own account; its powers are for it to read. What is being erased nobody opens again.
        """
        if obj is not None and Erased.objects.filter(user=obj.pk).exists():
            return False
        own = obj is not None and obj.pk == request.user.pk
        return (own or may_touch(request, obj)) and super().has_change_permission(request, obj)

    def user_change_password(self, request: HttpRequest, id: str, form_url: str = "") -> Any:
        """Hash a password before the transaction that looks again at whose it is: hashing takes a while."""
        one = copy.copy(self)
        one.change_password_form = partial(PasswordForm, may=lambda user: self.has_change_permission(request, user))
        return super(UserAdmin, one).user_change_password(request, id, form_url)

    def add_view(self, request: HttpRequest, form_url: str = "", extra_context: dict[str, Any] | None = None) -> Any:
        """Hash the password before the transaction that writes the account."""
        one = copy.copy(self)
        if request.method == "POST" and self.has_add_permission(request) and self.has_change_permission(request):
            one.add_form = NewForm.prepared(request.POST)
        return super(UserAdmin, one).add_view(request, form_url, extra_context)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return may_touch(request, obj) and super().has_delete_permission(request, obj)

    def get_inlines(self, request: HttpRequest, obj: Any = None) -> list[Any]:
        """Leave the profile out where there is none yet: it is made when the person is first seen."""
        return [ShownInline] if obj and Profile.objects.filter(user=obj).exists() else []

    @admin.display(description="Name shown to others", ordering="profile__name")
    def shown(self, user: User) -> str:
        """Return how a person is shown; empty of one whom nobody has seen yet."""
        profile = getattr(user, "profile", None)
        return profile.name if isinstance(profile, Profile) else ""


@admin.register(Group)
class GroupAdmin(Alone, DjangoGroupAdmin):
    filter_horizontal = ()
    formfield_overrides = CHECKBOXES

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        """Leave what a group may do to superusers: one's own group may do more then, too."""
        return [] if is_super(request) else ["permissions"]

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Leave groups that are there to superusers: by its name one moderates every room, and all that are in it would."""
        return (obj is None or is_super(request)) and super().has_change_permission(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Leave it to superusers to take a group's powers from those who are in it."""
        return is_super(request) and super().has_delete_permission(request, obj)
