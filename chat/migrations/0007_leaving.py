"""Leaving: accounts that are erased, who was put out of a room; no names in the titles of direct conversations."""

import django.db.models.deletion
import django.db.models.functions.datetime
from django.conf import settings
from django.db import migrations, models

# As in chat/rooms/titles.py.
TITLE = "Direct conversation"
PIECE = 500


def take_names_away(apps, schema_editor):
    """Leave no names in the titles of direct conversations, nor in what the admin's history calls them."""
    rooms = apps.get_model("chat", "Room").objects.filter(kind="direct")
    rooms.update(title=TITLE)
    entries = apps.get_model("admin", "LogEntry").objects.filter(
        content_type__app_label="chat", content_type__model="room"
    )
    direct = [str(pk) for pk in rooms.values_list("pk", flat=True)]
    for start in range(0, len(direct), PIECE):
        entries.filter(object_id__in=direct[start : start + PIECE]).update(object_repr=TITLE)


class Migration(migrations.Migration):

    dependencies = [
        ("chat", "0006_skeletons_of_names"),
        ("admin", "0003_logentry_add_action_flag_choices"),
        ("contenttypes", "0002_remove_content_type_name"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="Erased",
            fields=[
                ("user", models.BigIntegerField(primary_key=True, serialize=False)),
                ("at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
            ],
        ),
        migrations.CreateModel(
            name="PutOut",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("last", models.BigIntegerField()),
                (
                    "room",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="put_out",
                        to="chat.room",
                    ),
                ),
                (
                    "user",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="put_out",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "constraints": [models.UniqueConstraint(fields=("room", "user"), name="put_out_of_room")],
            },
        ),
        # Last: PostgreSQL alters no table that has rows changed in the same transaction and checks outstanding.
        migrations.RunPython(take_names_away, migrations.RunPython.noop),
    ]
