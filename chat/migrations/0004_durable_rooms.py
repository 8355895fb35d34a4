"""Durable rooms: a room's log, its messages, and how long they are kept."""

import chat.models.room
import django.core.validators
import django.db.models.deletion
from django.db import migrations, models


def name_each_log(apps, schema_editor):
    """Give every room that is there an epoch of its own: adding the column gave all of them the same."""
    Room = apps.get_model("chat", "Room")
    for room in Room.objects.all():
        room.epoch = chat.models.room.new_epoch()
        room.save(update_fields=["epoch"])


class Migration(migrations.Migration):
    dependencies = [
        ("chat", "0003_origins_topic_processes"),
    ]

    operations = [
        migrations.AddField(
            model_name="room",
            name="durable",
            field=models.BooleanField(
                default=True,
                help_text="On: what is said is kept, and nobody misses any of it. Off: it is passed on, and kept nowhere.",
            ),
        ),
        migrations.AddField(
            model_name="room",
            name="epoch",
            field=models.CharField(default=chat.models.room.new_epoch, editable=False, max_length=32),
        ),
        migrations.AddField(
            model_name="room",
            name="head",
            field=models.BigIntegerField(default=0, editable=False),
        ),
        migrations.AddField(
            model_name="room",
            name="last",
            field=models.BigIntegerField(default=0, editable=False),
        ),
        migrations.AddField(
            model_name="room",
            name="pruned",
            field=models.BigIntegerField(default=0, editable=False),
        ),
        migrations.AddField(
            model_name="room",
            name="retention_days",
            field=models.PositiveIntegerField(
                blank=True,
                help_text="Messages older than so many days are pruned. Empty: as CHAT_RETENTION_DAYS says; 0: none is too old.",
                null=True,
                validators=[django.core.validators.MaxValueValidator(36500)],
            ),
        ),
        migrations.AddField(
            model_name="room",
            name="retention_count",
            field=models.PositiveIntegerField(
                blank=True,
                help_text="All but so many of the newest messages are pruned. Empty or 0: none for this.",
                null=True,
            ),
        ),
        migrations.CreateModel(
            name="Message",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("number", models.BigIntegerField()),
                ("offset", models.BigIntegerField()),
                ("key", models.CharField(max_length=64)),
                ("change", models.CharField(max_length=64)),
                ("author", models.CharField(max_length=64)),
                ("name", models.CharField(max_length=64)),
                ("kind", models.CharField(max_length=16)),
                ("address", models.CharField(blank=True, max_length=64)),
                ("text", models.TextField(null=True)),
                ("data", models.BinaryField(null=True)),
                ("at", models.BigIntegerField()),
                ("edited_at", models.BigIntegerField(null=True)),
                ("deleted", models.BooleanField(default=False)),
                ("reply_to", models.BigIntegerField(null=True)),
                ("reactions", models.TextField(blank=True)),
                (
                    "room",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="messages", to="chat.room"
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(fields=("room", "number"), name="message_number_in_room"),
                    models.UniqueConstraint(fields=("room", "offset"), name="message_offset_in_room"),
                    models.UniqueConstraint(fields=("room", "key"), name="message_key_in_room"),
                ],
            },
        ),
        # Last: PostgreSQL alters no table that has rows changed in the same transaction and checks outstanding.
        migrations.RunPython(name_each_log, migrations.RunPython.noop),
    ]
