"""The Django application."""

from __future__ import annotations

from django.apps import AppConfig
from django.conf import settings

from chat import machine_time


class ChatConfig(AppConfig):
    name = "chat"
    verbose_name = "Chat"

    def ready(self) -> None:
        from chat import checks, endings  # noqa: F401  (checks register themselves)

        machine_time.restore(settings.MACHINE_TZ)
        endings.connect()
