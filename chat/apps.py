"""The Django application."""

from __future__ import annotations

from django.apps import AppConfig


class ChatConfig(AppConfig):
    name = "chat"
    verbose_name = "Chat"

    def ready(self) -> None:
        from chat import checks, endings  # noqa: F401  (checks register themselves)

        endings.connect()
