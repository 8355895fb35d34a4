"""Endings: what ends a session, or may, is told to every process after it is committed.

Django says these things by signals alone: they come from its own views and admin, from the shell and from commands.
"""

from __future__ import annotations

from typing import Any

from django.contrib.auth.models import Group, User
from django.contrib.auth.signals import user_logged_out
from django.contrib.sessions.base_session import AbstractBaseSession
from django.contrib.sessions.models import Session
from django.db import transaction
from django.db.models import ProtectedError
from django.db.models.signals import m2m_changed, post_delete, post_save, pre_delete
from django.utils import timezone

from chat.models import Erased, Invalidation, UserSession
from chat.models.user_session import NOBODY
from chat.session_store import user_in

KEPT = "The account {} is not erased: what it wrote would keep its name. Use manage.py erase_person, or chat.own_data.erase."


def connect() -> None:
    """Hear of what ends sessions. It may be called again."""
    user_logged_out.connect(signed_out, dispatch_uid="chat.endings")
    post_save.connect(user_saved, sender=User, dispatch_uid="chat.endings")
    pre_delete.connect(user_going, sender=User, dispatch_uid="chat.endings")
    post_delete.connect(user_deleted, sender=User, dispatch_uid="chat.endings")
    # The store deletes rows of ours; Django's own model is another's way to the same table: the shell's.
    for model in (UserSession, Session):
        post_delete.connect(session_deleted, sender=model, dispatch_uid="chat.endings")
    m2m_changed.connect(groups_changed, sender=User.groups.through, dispatch_uid="chat.endings")
    pre_delete.connect(group_deleted, sender=Group, dispatch_uid="chat.endings")


def tell(user: int) -> None:
    """Tell every process that a user has changed, once that is committed."""
    transaction.on_commit(lambda: Invalidation.of(user))


def signed_out(sender: Any, user: Any, **kwargs: Any) -> None:
    if user is not None:
        tell(user.pk)


def user_saved(
    sender: Any, instance: User, created: bool, raw: bool, update_fields: frozenset[str] | None, **kwargs: Any
) -> None:
    """Hear of a changed password, a closed account, other rights; a sign-in alone changes nothing."""
    if not created and not raw and update_fields != frozenset({"last_login"}):
        tell(instance.pk)


def user_going(sender: Any, instance: User, **kwargs: Any) -> None:
    """Keep accounts that are not erased: what they wrote would keep their name, and what still waits would be written.

    Raises: ProtectedError.
    """
    if not Erased.objects.filter(user=instance.pk).exists():
        raise ProtectedError(KEPT.format(instance.get_username()), {instance})


def user_deleted(sender: Any, instance: User, **kwargs: Any) -> None:
    tell(instance.pk)


def session_deleted(sender: Any, instance: AbstractBaseSession, **kwargs: Any) -> None:
    """Hear of a session's end; one that ran out is found by the processes' own re-checks."""
    if instance.expire_date <= timezone.now():
        return
    known = getattr(instance, "user", None)
    user = user_in(instance.get_decoded()) if known is None else known
    if user != NOBODY:
        tell(user)


def groups_changed(
    sender: Any, instance: Any, action: str, reverse: bool, pk_set: set[int] | None, **kwargs: Any
) -> None:
    """Hear of who has become, or is no more, what a group is: a site moderator."""
    if not action.startswith("post_") and action != "pre_clear":
        return
    if not reverse:
        tell(instance.pk)
        return
    for user in pk_set or instance.user_set.values_list("pk", flat=True):
        tell(user)


def group_deleted(sender: Any, instance: Group, **kwargs: Any) -> None:
    """Hear of who was in a group that goes: its rows of users go with it, and Django says nothing of them."""
    for user in instance.user_set.values_list("pk", flat=True):
        tell(user)
