"""Users and groups in the admin: Django's own, with checkboxes in place of a widget that screen readers trip over."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from allauth.account.models import EmailAddress
from allauth.socialaccount.models import SocialAccount, SocialApp, SocialToken
from django import forms
from django.contrib import admin
from django.contrib.auth.admin import GroupAdmin as DjangoGroupAdmin
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.contrib.auth.models import Group, User
from django.db.models import ManyToManyField
from django.forms import CheckboxSelectMultiple
from django.http import HttpRequest

from chat.accounts.fields import NameField
from chat.models import Profile
from chat.wire.skeletons import skeleton

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


@admin.register(User)
class UserAdmin(DjangoUserAdmin):  # type: ignore[type-arg]
    filter_horizontal = ()
    formfield_overrides = CHECKBOXES
    readonly_fields = ["last_login", "date_joined"]

    def get_inlines(self, request: HttpRequest, obj: Any = None) -> list[Any]:
        """Leave the profile out where there is none yet: it is made when the person is first seen."""
        return [ShownInline] if obj and Profile.objects.filter(user=obj).exists() else []


@admin.register(Group)
class GroupAdmin(DjangoGroupAdmin):
    filter_horizontal = ()
    formfield_overrides = CHECKBOXES
