"""The first room, and the broadcast that the reference servers send."""

from __future__ import annotations

from django.apps.registry import Apps
from django.conf import settings
from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor

NAME = "Time"
TEMPLATE = "Server broadcast: Current time is {time}"
INTERVAL = 5  # seconds


def make_lobby(apps: Apps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    """Make CHAT_DEFAULT_ROOM with its broadcast, told in the machine's own zone."""
    slug = settings.CHAT.default_room
    title = slug.replace("-", " ").capitalize()
    room, _ = apps.get_model("chat", "Room").objects.get_or_create(slug=slug, defaults={"title": title})
    apps.get_model("chat", "Broadcast").objects.get_or_create(
        room=room, name=NAME, defaults={"template": TEMPLATE, "interval": INTERVAL, "time_zone": ""}
    )


def remove_lobby(apps: Apps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    """Remove what `make_lobby` made, but no room that has got a broadcast of its own."""
    slug = settings.CHAT.default_room
    apps.get_model("chat", "Broadcast").objects.filter(room__slug=slug, name=NAME).delete()
    apps.get_model("chat", "Room").objects.filter(slug=slug, broadcasts=None).delete()


class Migration(migrations.Migration):
    dependencies = [("chat", "0001_initial")]

    operations = [migrations.RunPython(make_lobby, remove_lobby)]
