"""Deleting users in the admin: erasing them, with the choice of what becomes of what they wrote."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.contrib import admin, messages
from django.contrib.admin.actions import delete_selected
from django.contrib.auth.models import User
from django.core.exceptions import SuspiciousOperation
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, QueryDict

from chat import own_data
from chat.models import Message

CHOICES = {"keep": "Keep it, as written by “deleted user”", "remove": "Remove it, in every room"}
KEEPS = {"keep": True, "remove": False}
CHOSEN = "messages"


def silent(what: str, done: int, of: int) -> None:
    """Tell nobody how far it is: a page has no place for that."""


def written_by(users: Any) -> int:
    """Count the messages that users have written. Raises: django.db.Error."""
    return Message.objects.filter(author__in=[f"user:{user.pk}" for user in users]).count()


class Erasing(admin.ModelAdmin):  # type: ignore[type-arg]
    """An admin of users in which to delete is to erase (chat/own_data.py)."""

    actions = ["delete_selected"]

    def delete_view(
        self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Erase an account, without the one transaction that Django holds around it: messages go in many."""
        unchosen = is_unchosen(request)
        if not is_confirmed(request):
            # Of this form Django takes anything that is filled in for the confirmation.
            request.POST = QueryDict()
        context = {**(extra_context or {}), "choices": CHOICES, "unchosen": unchosen}
        answer: HttpResponse = self._delete_view(request, object_id, context)  # type: ignore[attr-defined]
        return answer

    @admin.action(description="Erase selected users", permissions=["delete"])
    def delete_selected(self, request: HttpRequest, queryset: QuerySet[User]) -> Any:
        unchosen = is_unchosen(request)
        if not is_confirmed(request):
            asked = request.POST.copy()
            asked.pop("post", None)
            request.POST = asked  # type: ignore[assignment]
        answer = delete_selected(self, request, queryset)
        if answer is not None:
            answer.context_data = {**(answer.context_data or {}), "choices": CHOICES, "unchosen": unchosen}
        return answer

    def get_deleted_objects(
        self, objs: Any, request: HttpRequest
    ) -> tuple[list[Any], dict[str, int], set[str], list[str]]:
        """Tell the confirmation who is erased, how much they wrote, and whom nobody may erase."""
        users = list(objs)
        lacking = {"user"} if not all(self.has_delete_permission(request, user) for user in users) else set()
        kept = []
        try:
            own_data.check_erasable(*users)
        except own_data.OnlyAdministrator as error:
            kept = [str(error)]
        return list(map(str, users)), {"users": len(users), "messages": written_by(users)}, lacking, kept

    def delete_model(self, request: HttpRequest, obj: User) -> None:
        """Erase an account. Raises: SuspiciousOperation where the form says nothing of the messages, django.db.Error."""
        chosen = request.POST.get(CHOSEN)
        if chosen not in KEEPS:
            raise SuspiciousOperation("expected messages=keep or messages=remove")
        try:
            own_data.erase(obj, settings.TURN, silent, keep=KEEPS[chosen])
        except own_data.OnlyAdministrator as error:
            # Another one has gone just now.
            self.message_user(request, str(error), messages.ERROR)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[User]) -> None:
        for user in queryset:
            self.delete_model(request, user)


def is_confirmed(request: HttpRequest) -> bool:
    """Tell whether a form comes from the page that asks, and says what becomes of the messages."""
    return bool(request.POST.get("post")) and request.POST.get(CHOSEN) in CHOICES


def is_unchosen(request: HttpRequest) -> bool:
    """Tell whether a form comes from the page that asks, but does not say what becomes of the messages."""
    return bool(request.POST.get("post")) and request.POST.get(CHOSEN) not in CHOICES
