"""Deleting users in the admin: erasing them, with the choice of what becomes of what they wrote."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.contrib import admin, messages
from django.contrib.admin.actions import delete_selected
from django.contrib.auth.models import User
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, QueryDict

from chat import own_data
from chat.models import Message

CHOICES = {"keep": "Keep it, as written by “deleted user”", "remove": "Remove it, in every room"}
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
        context = {**(extra_context or {}), **asked_again(request)}
        answer: HttpResponse = self._delete_view(request, object_id, context)  # type: ignore[attr-defined]
        return answer

    @admin.action(description="Erase selected users", permissions=["delete"])
    def delete_selected(self, request: HttpRequest, queryset: QuerySet[User]) -> Any:
        context = asked_again(request)
        answer = delete_selected(self, request, queryset)
        if answer is not None:
            answer.context_data = {**(answer.context_data or {}), **context}
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
        try:
            own_data.erase(obj, settings.TURN, silent, keep=request.POST[CHOSEN] == "keep")
        except own_data.OnlyAdministrator as error:
            # Another one has gone just now.
            self.message_user(request, str(error), messages.ERROR)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[User]) -> None:
        for user in queryset:
            self.delete_model(request, user)


def asked_again(request: HttpRequest) -> dict[str, Any]:
    """Take the confirmation from a form that does not say what becomes of the messages; return what the page is told."""
    confirmed = bool(request.POST.get("post"))
    if confirmed and request.POST.get(CHOSEN) not in CHOICES:
        # Of a form of one user Django takes anything for the confirmation.
        asked = request.POST.copy() if "action" in request.POST else QueryDict(mutable=True)
        asked.pop("post", None)
        request.POST = asked  # type: ignore[assignment]
        return {"choices": CHOICES, "unchosen": True}
    return {"choices": CHOICES}
